"""What a touchpoint was about: the narrowest selector that picks it, and where that names kinds alone, the group of pages."""

import re
from collections.abc import Mapping

import numpy as np

from features.journeys import Journeys
from features.params import SelectorParams
from features.selectors import Selectors
from features.vocabulary import BY, CODED_FIELDS

__all__ = ["GROUP", "Contents", "page_group"]

GROUP = ":"
"""Stands between the selector or kind, and the group of pages."""
FREQUENT = 0.004
"""Share of all touchpoints from which a group of pages is a content of its own."""
MOSTLY = 0.8
"""A kind is told apart by groups of pages if frequent ones are so much of it."""
COUNTED_AT_ONCE = 1_000_000
MOST_NAMES = 100_000
"""Distinct names that are kept while reading; later groups of pages go under their kind."""

_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//[^/]*", re.IGNORECASE)


def page_group(asset: str) -> str:
    """Give the group of an asset: the first part of its path.

    Examples
    --------
    >>> [page_group(asset) for asset in ("blog/trends", "https://example.com/Docs/api?x=1", "home", "/", "a.pdf#2")]
    ['blog', 'docs', 'home', '', 'a.pdf']
    """
    path = re.split(r"[?#]", _ADDRESS.sub("", asset), maxsplit=1)[0]
    return path.strip("/").split("/")[0].lower()[:60]


class Contents:
    """Codes of contents over batches of journeys, in the order in which they are met.

    Parameters
    ----------
    selectors : mapping of str to SelectorParams
        Of `features.selectors`; those that name no field are left out.
    """

    def __init__(self, selectors: Mapping[str, SelectorParams]) -> None:
        width = {
            name: sum(getattr(rule, field) is not None for field in CODED_FIELDS) for name, rule in selectors.items()
        }
        ordered = sorted((name for name in selectors if width[name]), key=lambda name: -width[name])
        self._rules = Selectors({name: selectors[name] for name in ordered})
        self._names = {name: code for code, name in enumerate(ordered)}
        self._broad = {
            code for code, name in enumerate(ordered) if width[name] == 1 and selectors[name].kind is not None
        }
        self._groups: dict[str, str] = {}

    def of(self, journeys: Journeys, rows: np.ndarray) -> np.ndarray:
        """Give the content of some touchpoints of a batch: codes, int32 [rows]."""
        narrowest = self._narrowest(journeys, rows)
        content = narrowest.copy()
        none = np.flatnonzero(narrowest < 0)
        kinds = np.array([self._code(kind) for kind in journeys.kinds], dtype=np.int64)
        content[none] = kinds[journeys.kind[rows[none]]]
        asset = journeys.asset[rows]
        broad = np.flatnonzero((asset >= 0) & ((narrowest < 0) | np.isin(narrowest, list(self._broad))))
        cell = content[broad] * len(journeys.assets) + asset[broad]
        pairs, which = np.unique(cell, return_inverse=True)
        if len(pairs):
            names = list(self._names)
            base, page = pairs // len(journeys.assets), pairs % len(journeys.assets)
            grouped = [
                self._grouped(names[b], b, journeys.assets[p])
                for b, p in zip(base.tolist(), page.tolist(), strict=True)
            ]
            content[broad] = np.array(grouped, dtype=np.int64)[which]
        return content.astype(np.int32)

    def _code(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _grouped(self, name: str, code: int, asset: str) -> int:
        group = self._groups.get(asset)
        if group is None:
            group = page_group(asset)
            if len(self._groups) < MOST_NAMES:
                self._groups[asset] = group
        if not group or len(self._names) >= MOST_NAMES:
            return code
        return self._code(f"{name}{GROUP}{group}")

    def _narrowest(self, journeys: Journeys, rows: np.ndarray) -> np.ndarray:
        """Give the first selector that picks each touchpoint; -1: none does."""
        tables = self._rules.compile(journeys.vocabulary)
        columns = (journeys.kind, journeys.channel, journeys.asset, journeys.campaign)
        found = np.full(len(rows), -1, dtype=np.int64)
        by_lead = tables.masks[tables.starts[-1] + BY.index("lead")]
        for word in reversed(range(self._rules.words)):
            bits = np.full(len(rows), by_lead[word], dtype=np.uint64)
            for start, column in zip(tables.starts, columns, strict=False):
                bits &= tables.masks[start + column[rows], word]
            lowest = bits & (~bits + np.uint64(1))
            some = bits > 0
            found[some] = 64 * word + np.log2(lowest[some].astype(np.float64)).astype(np.int64)
        return found

    def settle(self, codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Put groups of pages under their kind unless frequent ones are most of it; leave out names that no touchpoint has.

        Returns
        -------
        codes : ndarray of int16
        names : tuple of str
        """
        names = list(self._names)
        counts = np.zeros(len(names), dtype=np.int64)
        for begin in range(0, len(codes), COUNTED_AT_ONCE):  # it makes wider numbers of what it counts
            counts += np.bincount(codes[begin : begin + COUNTED_AT_ONCE], minlength=len(names))
        base = np.array([self._names.get(name.split(GROUP, 1)[0], code) for code, name in enumerate(names)])
        grouped = base != np.arange(len(names))
        frequent = grouped & (counts >= FREQUENT * len(codes))
        total = np.bincount(base, weights=counts, minlength=len(names))
        told = np.bincount(base[frequent], weights=counts[frequent], minlength=len(names))
        target = np.where(grouped & ~(frequent & (told >= MOSTLY * total)[base]), base, np.arange(len(names)))
        used = np.unique(target[counts > 0])
        number = np.zeros(len(names), dtype=np.int16)
        number[used] = np.arange(len(used))
        return number[target][codes], tuple(names[code] for code in used)

"""Selectors: named rules that pick touchpoints, compiled to one bit per selector.

For every field a table maps each of its values to the set of selectors that accept it; a touchpoint is selected by the
intersection of its sets (of `FIELDS` and `by`). Sets are 64-bit words, as many as needed.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from features.kernels.structs import SelectorMasks
from features.params import SelectorParams
from features.vocabulary import BY, CODED_FIELDS

__all__ = ["BY", "FIELDS", "Selectors"]

FIELDS = CODED_FIELDS
"""The fields that patterns look at."""

_WORD = 64
# A service meets new asset names for ever; forgetting all of them now and then bounds the memory.
_REMEMBERED_VALUES = 100_000


def _matcher(patterns: Sequence[str]) -> Callable[[str], object]:
    """Compile patterns in which only ``*`` and ``?`` are special; brackets and backslashes mean themselves."""
    parts = [_expression(pattern) for pattern in patterns]
    return re.compile("|".join(parts) if parts else r"(?!)", re.DOTALL).fullmatch


def _expression(pattern: str) -> str:
    """Translate a pattern so that matching never goes back: what stands between two stars is taken where it comes first."""
    first, *rest = ["".join("." if char == "?" else re.escape(char) for char in part) for part in pattern.split("*")]
    if not rest:
        return first
    return first + "".join(f"(?>.*?{part})" for part in rest[:-1] if part) + ".*" + rest[-1]


class Selectors:
    """Selectors in a fixed order, ready to look up the values of any vocabulary.

    Parameters
    ----------
    selectors : mapping of str to SelectorParams
        Name to rule; the order gives the bit.

    Examples
    --------
    >>> rules = Selectors({"all": SelectorParams(), "pricing": SelectorParams(asset=("pricing*",))})
    >>> rules.select(kind="page_view", asset="pricing/eu", by="lead")
    ['all', 'pricing']
    >>> rules.select(kind="page_view", by="lead")  # missing never matches a pattern
    ['all']
    """

    def __init__(self, selectors: Mapping[str, SelectorParams]) -> None:
        self.names = tuple(selectors)
        self.words = max(1, -(-len(self.names) // _WORD))
        self._missing: dict[str, tuple[int, ...]] = {}
        self._rules: dict[str, list[tuple[int, Callable[[str], object]]]] = {}
        self._known: dict[str, dict[str, tuple[int, ...]]] = {field: {} for field in FIELDS}
        rules = list(selectors.values())
        for field in FIELDS:
            named = [(bit, getattr(rule, field)) for bit, rule in enumerate(rules)]
            self._missing[field] = self._words([bit for bit, patterns in named if patterns is None])
            self._rules[field] = [(bit, _matcher(patterns)) for bit, patterns in named if patterns is not None]
        self._by = [self._words([bit for bit, rule in enumerate(rules) if by in rule.by]) for by in BY]

    def _words(self, bits: Sequence[int]) -> tuple[int, ...]:
        words = [0] * self.words
        for bit in bits:
            words[bit // _WORD] |= 1 << (bit % _WORD)
        return tuple(words)

    def _mask(self, field: str, value: str) -> tuple[int, ...]:
        masks = self._known[field]
        mask = masks.get(value)
        if mask is None:
            words = list(self._missing[field])
            for bit, matches in self._rules[field]:
                if matches(value):
                    words[bit // _WORD] |= 1 << (bit % _WORD)
            mask = tuple(words)
            if len(masks) >= _REMEMBERED_VALUES:
                masks.clear()
            masks[value] = mask
        return mask

    def compile(self, vocabulary: Sequence[Sequence[str]]) -> SelectorMasks:
        """Look up every value of a vocabulary.

        Parameters
        ----------
        vocabulary : sequence of sequence of str
            For each of `FIELDS` its values in code order, as `Journeys.vocabulary` has them.
        """
        rows: list[tuple[int, ...]] = []
        starts = []
        for field, values in zip(FIELDS, vocabulary, strict=True):
            rows.append(self._missing[field])
            starts.append(len(rows))
            if self._rules[field]:
                rows.extend([self._mask(field, value) for value in values])
            else:
                rows.extend([self._missing[field]] * len(values))
        starts.append(len(rows))
        rows.extend(self._by)
        return SelectorMasks(np.array(rows, dtype=np.uint64), np.array(starts, dtype=np.int64))

    def select(self, *, by: str, **texts: str | None) -> list[str]:
        """Name the selectors that pick one touchpoint.

        Parameters
        ----------
        by : {"lead", "sales", "system"}
            Who caused it.
        **texts : str or None
            Values of `FIELDS`. None or left out means missing: a selector that names the field does not match.
        """
        words = list(self._by[BY.index(by)])
        for field in FIELDS:
            value = texts.get(field)
            mask = self._missing[field] if value is None else self._mask(field, value)
            words = [a & b for a, b in zip(words, mask, strict=True)]
        return [name for bit, name in enumerate(self.names) if words[bit // _WORD] >> (bit % _WORD) & 1]

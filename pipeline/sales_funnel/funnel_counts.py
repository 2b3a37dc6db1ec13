"""Counts and rates of the funnel, in all and by one dimension at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from models.analyses.figures import Rate
from models.analyses.funnel import Cut, Dimension, Group, Reason, Steps
from pipeline.sales_funnel.estimates import rate

__all__ = ["Horizon", "VisitorCount", "count_reasons", "count_steps", "cut_by"]

PAIRS = {
    "lead_to_mql": ("created_at", "mql"),
    "mql_to_sal": ("mql", "sal"),
    "sal_to_qualified": ("sal", "sales_qualified"),
    "qualified_to_customer": ("sales_qualified", "customer"),
    "mql_to_qualified": ("mql", "sales_qualified"),
}
COUNTED = ("mql", "sal", "sales_qualified", "customer")
MOST_REASONS = 3
"""Shown of each group."""


class Horizon(NamedTuple):
    """Within how many days the next step counts, and the last moment at which a step's next one is known to the full."""

    window: pd.Timedelta
    matured_before: pd.Timestamp


class VisitorCount(NamedTuple):
    """Visitors of a group; those who were identified as a lead in time (None: nobody knows), of those known to the full."""

    visitors: int
    leads: int | None
    of: int

    def and_those(self, others: "VisitorCount") -> "VisitorCount":
        """Add up two groups."""
        leads = None if self.leads is None or others.leads is None else self.leads + others.leads
        return VisitorCount(self.visitors + others.visitors, leads, self.of + others.of)


def count_steps(
    rows: pd.DataFrame,
    codes: np.ndarray,
    size: int,
    horizon: Horizon,
    visitors: Sequence[VisitorCount | None] | None = None,
) -> list[Steps]:
    """Count the steps of each group.

    Parameters
    ----------
    rows : DataFrame
        As `lead_steps` gives them.
    codes : ndarray of int64 [leads]
        Group of each lead, 0-based; -1: in none.
    size : int
        How many groups there are.
    horizon : Horizon
        Of the rates.
    visitors : sequence of VisitorCount or None, optional
        Of each group; None: not known.
    """
    inside = codes >= 0
    group = codes[inside]

    def counted(which: np.ndarray) -> np.ndarray:
        return np.bincount(group[which[inside]], minlength=size)

    has_sal = bool(rows["sal"].notna().any())
    totals = {name: counted(rows[name].notna().to_numpy()) for name in COUNTED}
    leads = np.bincount(group, minlength=size)
    of_pair = {}
    for name, (begin, end) in PAIRS.items():
        known = (rows[begin] <= horizon.matured_before).to_numpy()
        reached = known & (rows[end] < rows[begin] + horizon.window).to_numpy()
        of_pair[name] = (counted(reached), counted(known))

    def rate_of(name: str, place: int) -> Rate:
        return rate(int(of_pair[name][0][place]), int(of_pair[name][1][place]))

    return [
        Steps(
            **_visitor_step(visitors[place] if visitors is not None else None),
            leads=int(leads[place]),
            mql=int(totals["mql"][place]),
            sal=int(totals["sal"][place]) if has_sal else None,
            sales_qualified=int(totals["sales_qualified"][place]),
            customer=int(totals["customer"][place]),
            lead_to_mql=rate_of("lead_to_mql", place),
            mql_to_sal=rate_of("mql_to_sal", place) if has_sal else None,
            sal_to_qualified=rate_of("sal_to_qualified", place) if has_sal else None,
            qualified_to_customer=rate_of("qualified_to_customer", place),
            mql_to_qualified=rate_of("mql_to_qualified", place),
        )
        for place in range(size)
    ]


def _visitor_step(count: VisitorCount | None) -> dict[str, Any]:
    if count is None:
        return {"visitors": None}
    return {
        "visitors": count.visitors,
        "visitor_to_lead": None if count.leads is None else rate(count.leads, count.of),
    }


def count_reasons(rejections: pd.DataFrame, most: int) -> tuple[Reason, ...]:
    """Count the reasons that sales entered when it disqualified or gave back, the most frequent first.

    Parameters
    ----------
    rejections : DataFrame
        reason (missing: none entered), one row per rejection.
    most : int
        Reasons.
    """
    counts = rejections["reason"].value_counts(dropna=False).head(most)
    return tuple(
        Reason(reason=name if isinstance(name, str) else None, leads=int(count), share=float(count / len(rejections)))
        for name, count in counts.items()
    )


def cut_by(
    rows: pd.DataFrame,
    dimension: Dimension,
    horizon: Horizon,
    most: int,
    least: int = 0,
    visitors: Mapping[str | None, VisitorCount] | None = None,
    rejections: pd.DataFrame | None = None,
) -> Cut | None:
    """Cut the funnel by one dimension.

    Parameters
    ----------
    rows : DataFrame
        As `lead_steps` gives them.
    dimension : str
        Teams and persons are known from sales on: leads without one are left out.
    horizon : Horizon
    most : int
        Groups; the smaller ones are shown together. Of months the newest are shown.
    least : int
        Groups with fewer MQLs are hidden, and only counted.
    visitors : mapping of str to VisitorCount, optional
        By value of the dimension; None: visitors have none, or there are no visitors. What drew visitors only is a group too.
    rejections : DataFrame, optional
        lead_id and reason, one row per rejection; of leads among the rows.

    Returns
    -------
    Cut or None
        None: no lead has a value.
    """
    came = dict(visitors or {})
    drawn_only = pd.Series([name for name in came if name is not None], dtype=object)
    codes, names = pd.factorize(pd.concat([rows[dimension].astype(object), drawn_only]), sort=True)
    codes = codes[: len(rows)]
    if not len(names):
        return None
    of_sales = dimension in ("team", "person")
    mqls = np.bincount(codes[(codes >= 0) & rows["mql"].notna().to_numpy()], minlength=len(names))
    kept = np.flatnonzero(mqls >= least)
    hidden = len(names) - len(kept)
    size = np.bincount(codes[codes >= 0], minlength=len(names))
    largest = kept[np.argsort(-size[kept], kind="stable")]
    shown = kept[-most:] if dimension == "month" else largest[:most]
    place = np.full(len(names) + 1, -1)
    place[shown] = np.arange(len(shown))
    groups: list[tuple[str | None, bool]] = [(str(names[code]), False) for code in shown]
    rest = np.setdiff1d(kept, shown)
    if len(rest) and dimension != "month":
        place[rest] = len(groups)
        groups.append((None, True))
    if not of_sales and ((codes < 0).any() or None in came):
        place[-1] = len(groups)
        groups.append((None, False))
    of_group = _visitors_of(came, list(names), place, len(groups)) if visitors is not None else None
    steps = count_steps(rows, place[codes], len(groups), horizon, of_group)
    reasons = _reasons_of(rows, place[codes], len(groups), rejections)
    return Cut(
        dimension=dimension,
        groups=tuple(
            Group(value=value, is_rest=is_rest, steps=step, reasons=why)
            for (value, is_rest), step, why in zip(groups, steps, reasons, strict=True)
        ),
        hidden=hidden,
    )


def _visitors_of(
    came: Mapping[str | None, VisitorCount], names: list[str], place: np.ndarray, size: int
) -> list[VisitorCount]:
    """Give the visitors of each group; `place` leads from names to groups, its last one is that of the unknown."""
    identified = all(count.leads is not None for count in came.values())
    found = [VisitorCount(0, 0 if identified else None, 0)] * size
    for value, count in came.items():
        group = place[-1] if value is None else place[names.index(value)]
        if group >= 0:
            found[group] = found[group].and_those(count)
    return found


def _reasons_of(
    rows: pd.DataFrame, group: np.ndarray, size: int, rejections: pd.DataFrame | None
) -> list[tuple[Reason, ...]]:
    if rejections is None or rejections.empty:
        return [()] * size
    of_lead = pd.Series(group, index=pd.Index(rows["lead_id"].astype(object)))
    parts = dict(list(rejections.groupby(rejections["lead_id"].map(of_lead))))
    return [count_reasons(parts[place], MOST_REASONS) if place in parts else () for place in range(size)]

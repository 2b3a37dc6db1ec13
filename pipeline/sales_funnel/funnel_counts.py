"""Counts and rates of the funnel, in all and by one dimension at a time."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from models.analyses.figures import Rate
from models.analyses.funnel import Cut, Dimension, Group, Steps
from pipeline.sales_funnel.estimates import rate

__all__ = ["Horizon", "count_steps", "cut_by"]

PAIRS = {
    "lead_to_mql": ("created_at", "mql"),
    "mql_to_sal": ("mql", "sal"),
    "sal_to_qualified": ("sal", "sales_qualified"),
    "qualified_to_customer": ("sales_qualified", "customer"),
    "mql_to_qualified": ("mql", "sales_qualified"),
}
COUNTED = ("mql", "sal", "sales_qualified", "customer")


class Horizon(NamedTuple):
    """Within how many days the next step counts, and the last moment at which a step's next one is known to the full."""

    window: pd.Timedelta
    matured_before: pd.Timestamp


def count_steps(
    rows: pd.DataFrame, codes: np.ndarray, size: int, horizon: Horizon, visitors: int | None = None
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
    visitors : int, optional
        Of all; only where there is one group.
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
            visitors=visitors,
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


def cut_by(rows: pd.DataFrame, dimension: Dimension, horizon: Horizon, most: int, least: int = 0) -> Cut | None:
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

    Returns
    -------
    Cut or None
        None: no lead has a value.
    """
    values = rows[dimension]
    codes, names = pd.factorize(values, sort=True)
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
    if not of_sales and (codes < 0).any():
        place[-1] = len(groups)
        groups.append((None, False))
    steps = count_steps(rows, place[codes], len(groups), horizon)
    return Cut(
        dimension=dimension,
        groups=tuple(
            Group(value=value, is_rest=is_rest, steps=step)
            for (value, is_rest), step in zip(groups, steps, strict=True)
        ),
        hidden=hidden,
    )

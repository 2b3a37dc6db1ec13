"""Marketing automation: points for touchpoints by the company's own table, and the MQL moment where they suffice."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from features.params import SelectorParams
from models.params import PointsParams
from pipeline.simulator import world
from pipeline.simulator.clocks import BoolArray, IntArray
from pipeline.simulator.touchpoints import Touchpoints

__all__ = ["Ledger", "PointsTable", "keep_ledger", "points_table"]

MILLI = 1000
"""Points are kept as integers, a thousand to the point, so that sums do not depend on their order."""


@dataclass(frozen=True)
class PointsTable:
    """The points table over the world's codes.

    Attributes
    ----------
    points : int64[kinds + 1, channels + 1, assets + 1, campaigns + 1]
        Thousandths of points of each combination; the last place on each axis is a missing value.
    threshold : int
        Thousandths of points that make an MQL.
    """

    points: IntArray
    threshold: int

    def of(self, touchpoints: Touchpoints) -> IntArray:
        """Give each touchpoint's thousandths of points."""
        result: IntArray = self.points[touchpoints.kind, touchpoints.channel, touchpoints.asset, touchpoints.campaign]
        return result


def points_table(points: PointsParams, selectors: Mapping[str, SelectorParams]) -> PointsTable:
    """Work out the points of every combination of kind, channel, asset and campaign.

    Parameters
    ----------
    points : PointsParams
        Points by selector name, and the threshold.
    selectors : mapping
        The selectors that the points table names.

    Returns
    -------
    PointsTable
    """
    fields = (
        ("kind", world.KINDS),
        ("channel", world.CHANNELS),
        ("asset", world.ASSETS),
        ("campaign", world.CAMPAIGNS),
    )
    total = np.zeros(tuple(len(names) + 1 for _, names in fields), dtype=np.int64)
    for name, weight in points.interactions.items():
        masks = [_matches(getattr(selectors[name], field), names) for field, names in fields]
        chosen = functools.reduce(np.logical_and.outer, masks)
        total += chosen * round(weight * MILLI)
    return PointsTable(points=total, threshold=round(points.mql_threshold * MILLI))


def _matches(patterns: tuple[str, ...] | None, names: tuple[str, ...]) -> BoolArray:
    if patterns is None:
        return np.ones(len(names) + 1, dtype=bool)
    # A missing value (the last place) matches no pattern.
    return np.array([any(fnmatchcase(name, pattern) for pattern in patterns) for name in names] + [False])


@dataclass(frozen=True)
class Ledger:
    """Points of one chunk's leads in the order in which the company's systems learn of them.

    Attributes
    ----------
    recorded : int64[m]
        Seconds; ascending within a lead.
    total : int64[m + 1]
        Points of all touchpoints before each position, over the whole chunk.
    begin : int64[n + 1]
        Each lead's first position.
    lead : int64[m]
        Lead of each position.
    threshold : int
        Thousandths of points that make an MQL.
    """

    recorded: IntArray
    total: IntArray
    begin: IntArray
    lead: IntArray
    threshold: int

    def crossings(self, leads: IntArray, after: IntArray) -> tuple[IntArray, IntArray]:
        """Find who gathers enough points when counting starts afresh.

        Parameters
        ----------
        leads : int64[k]
            Leads to look at.
        after : int64[k]
            Seconds; only what is recorded after this moment counts.

        Returns
        -------
        tuple of int64[j], int64[j]
            Positions in `leads` of those who make it, and the second at which the deciding touchpoint is recorded.
        """
        # One search over (lead, recorded) finds every lead's first position after its moment.
        span = int(max(self.recorded.max(initial=0), after.max(initial=0))) + 2
        start = np.searchsorted(self.lead * span + self.recorded, leads * span + after, side="right")
        start = np.clip(start, self.begin[leads], self.begin[leads + 1])
        crossed = np.searchsorted(self.total, self.total[start] + self.threshold, side="left") - 1
        made = np.flatnonzero(crossed < self.begin[leads + 1])
        return made, self.recorded[crossed[made]]


def keep_ledger(touchpoints: Touchpoints, points: IntArray, leads: int, threshold: int) -> Ledger:
    """Enter touchpoints, sorted by lead and then by when they were recorded, into a ledger.

    Parameters
    ----------
    touchpoints : Touchpoints
        Sorted by lead, recorded.
    points : int64[m]
        Thousandths of points of each, at least 0.
    leads : int
        Number of leads in the chunk.
    threshold : int
        Thousandths of points that make an MQL.
    """
    return Ledger(
        recorded=touchpoints.recorded,
        total=np.concatenate((np.zeros(1, np.int64), np.cumsum(points))),
        begin=np.searchsorted(touchpoints.lead, np.arange(leads + 1)),
        lead=touchpoints.lead,
        threshold=threshold,
    )

"""Marketing automation: points for touchpoints by the company's own table, and the MQL moment where they suffice."""

import functools
from dataclasses import dataclass

import numpy as np

from features.errors import ParameterError
from features.params import FeaturesParams
from features.selectors import BY, Selectors
from models.params import PointsParams
from pipeline.simulator import world
from pipeline.simulator.clocks import IntArray
from pipeline.simulator.handovers import NEVER
from pipeline.simulator.touchpoints import DAY_SECONDS, Touchpoints

__all__ = ["COMPANY_POINTS", "Ledger", "PointsTable", "keep_ledger", "points_table"]

COMPANY_POINTS = PointsParams(
    interactions={
        "mail_open": 1,
        "mail_click": 3,
        "page_view": 1,
        "pricing": 8,
        "compatibility": 6,
        "documentation": 4,
        "ebook": 10,
        "white_paper": 10,
        "case_study": 12,
        "webinar": 15,
        "trade_fair": 15,
        "social_chat": 10,
        "contact_form": 25,
    },
    mql_threshold=50,
)
"""What the simulated company goes by, whatever `points` in params.yaml says: trying another table changes no history."""

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
    lapse : int
        Seconds after which points no longer count.
    """

    points: IntArray
    threshold: int
    lapse: int

    def of(self, touchpoints: Touchpoints) -> IntArray:
        """Give each touchpoint's thousandths of points."""
        result: IntArray = self.points[touchpoints.kind, touchpoints.channel, touchpoints.asset, touchpoints.campaign]
        return result


def points_table(points: PointsParams, features: FeaturesParams) -> PointsTable:
    """Work out the points of every combination of kind, channel, asset and campaign.

    Parameters
    ----------
    points : PointsParams
        Points by selector name, and the threshold.
    features : FeaturesParams
        The selectors that the points table names; points lapse after observation_days.

    Returns
    -------
    PointsTable

    Raises
    ------
    ParameterError
        A selector is missing.
    """
    missing = sorted(set(points.interactions) - set(features.selectors))
    if missing:
        raise ParameterError(
            f"features.selectors lacks {', '.join(missing)}, by which the simulated company makes its MQLs. Restore "
            "them, or use another source."
        )
    vocabulary = (world.KINDS, world.CHANNELS, world.ASSETS, world.CAMPAIGNS)
    chosen = {name: features.selectors[name] for name in points.interactions}
    selectors = Selectors(chosen)
    tables = selectors.compile(vocabulary)
    total = np.zeros(tuple(len(names) + 1 for names in vocabulary), dtype=np.int64)
    by_lead = tables.masks[tables.starts[-1] + BY.index("lead")]
    for word in range(selectors.words):
        # A missing value's row stands before each field's values; here it comes last, where code -1 finds it.
        fields = [
            np.roll(tables.masks[start - 1 : start + len(names), word], -1)
            for start, names in zip(tables.starts, vocabulary, strict=False)
        ]
        sets = functools.reduce(np.bitwise_and.outer, fields) & by_lead[word]
        for bit, weight in enumerate(list(points.interactions.values())[64 * word : 64 * (word + 1)]):
            total += ((sets >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) * round(weight * MILLI)
    return PointsTable(
        points=total,
        threshold=round(points.mql_threshold * MILLI),
        lapse=features.observation_days * DAY_SECONDS,
    )


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
    lapse : int
        Seconds after which points no longer count.
    """

    recorded: IntArray
    total: IntArray
    begin: IntArray
    lead: IntArray
    threshold: int
    lapse: int

    def crossings(self, leads: IntArray, after: IntArray) -> tuple[IntArray, IntArray]:
        """Find who gathers enough points when counting starts afresh.

        Parameters
        ----------
        leads : int64[k]
            Leads to look at, ascending.
        after : int64[k]
            Seconds; only what is recorded after this moment counts.

        Returns
        -------
        tuple of int64[j], int64[j]
            Positions in `leads` of those who make it, and the second at which the deciding touchpoint is recorded.
        """
        size = len(self.begin) - 1
        fresh = np.full(size, NEVER)
        fresh[leads] = after
        # One search over (lead, recorded) finds, for each position, where the points that still count begin.
        oldest = np.maximum(self.recorded - self.lapse, np.where(fresh < NEVER, fresh + 1, 0)[self.lead])
        span = int(max(self.recorded.max(initial=0), oldest.max(initial=0))) + 2
        start = np.searchsorted(self.lead * span + self.recorded, self.lead * span + oldest, side="left")
        enough = self.total[1:] - self.total[np.minimum(start, np.arange(len(start)) + 1)] >= self.threshold
        enough &= (fresh < NEVER)[self.lead] & (self.recorded > fresh[self.lead])
        reached = np.flatnonzero(enough)
        lead, first = np.unique(self.lead[reached], return_index=True)
        made = np.searchsorted(leads, lead)
        return made, self.recorded[reached[first]]


def keep_ledger(touchpoints: Touchpoints, points: IntArray, leads: int, table: PointsTable) -> Ledger:
    """Enter touchpoints, sorted by lead and then by when they were recorded, into a ledger.

    Parameters
    ----------
    touchpoints : Touchpoints
        Sorted by lead, recorded.
    points : int64[m]
        Thousandths of points of each, at least 0.
    leads : int
        Number of leads in the chunk.
    table : PointsTable
        Gives threshold and lapse.
    """
    return Ledger(
        recorded=touchpoints.recorded,
        total=np.concatenate((np.zeros(1, np.int64), np.cumsum(points))),
        begin=np.searchsorted(touchpoints.lead, np.arange(leads + 1)),
        lead=touchpoints.lead,
        threshold=table.threshold,
        lapse=table.lapse,
    )

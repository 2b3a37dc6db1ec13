"""A CRM's dirt: late records, unknown kinds, missing channels, duplicates and rows that can't be true."""

import numpy as np

from pipeline.simulator import world
from pipeline.simulator.clocks import IntArray
from pipeline.simulator.touchpoints import DAY_SECONDS, Touchpoints

__all__ = ["BAD_SHARE", "DUPLICATE_SHARE", "duplicates", "soil"]

LATE_SHARE, LATE_FAIR_SHARE = 0.017, 0.6
UNKNOWN_KIND_SHARE, NO_CHANNEL_SHARE = 0.003, 0.01
DUPLICATE_SHARE = 0.005
BAD_SHARE = 0.002


def soil(rng: np.random.Generator, touchpoints: Touchpoints) -> Touchpoints:
    """Record some touchpoints late, give some a kind that nobody knows any more and lose the channel of others.

    Lists of fair visitors are typed in days later; the rest comes late when a tracker was offline.

    Parameters
    ----------
    rng : Generator
        The chunk's own.
    touchpoints : Touchpoints
        Clean ones, in any order.

    Returns
    -------
    Touchpoints
        In the same order.
    """
    size = len(touchpoints)
    fair = touchpoints.kind == world.code(world.KINDS, "trade_fair")
    late = rng.random(size) < np.where(fair, LATE_FAIR_SHARE, LATE_SHARE)
    delay = np.where(fair, rng.uniform(0.5, 6.0, size), rng.lognormal(-1.5, 1.4, size).clip(0.02, 12.0))
    legacy = rng.random(size) < UNKNOWN_KIND_SHARE
    return Touchpoints(
        lead=touchpoints.lead,
        occurred=touchpoints.occurred,
        recorded=touchpoints.occurred + np.where(late, delay * DAY_SECONDS, 0.0).astype(np.int64),
        kind=np.where(legacy, np.int8(world.code(world.KINDS, "px_legacy")), touchpoints.kind),
        channel=np.where(rng.random(size) < NO_CHANNEL_SHARE, np.int8(-1), touchpoints.channel),
        asset=np.where(legacy, np.int8(-1), touchpoints.asset),
        campaign=touchpoints.campaign,
        keep=touchpoints.keep,
    )


def duplicates(rng: np.random.Generator, size: int, share: float = DUPLICATE_SHARE) -> IntArray:
    """Choose rows that the export holds twice."""
    return np.flatnonzero(rng.random(size) < share)

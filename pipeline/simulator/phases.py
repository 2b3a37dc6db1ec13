"""Latent phases of each lead: awareness, consideration, decision, pause and gone, back and forth, and readiness to buy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.simulator.clocks import FloatArray, IntArray
from pipeline.simulator.population import Population, draw
from pipeline.simulator.world import PHASES

__all__ = ["HORIZON_DAYS", "MOST_SEGMENTS", "PhasePaths", "draw_phases"]

AWARENESS, CONSIDERATION, DECISION, PAUSE, GONE, UNBORN = range(len(PHASES))
MOST_SEGMENTS = 16
HORIZON_DAYS = 240
"""Latent paths go on so long after the history, because truth looks past the export."""

# Mean days in a phase, by type of lead; rest and return come from `pause`.
MEAN_DAYS = np.array(
    [
        [16.0, 22.0, 30.0, 24.0],
        [45.0, 20.0, 10.0, 40.0],
        [30.0, 15.0, 10.0, 45.0],
        [25.0, 22.0, 14.0, 35.0],
    ]
)
# From the first four phases to the first five, by type.
NEXT = np.array(
    [
        [[0, 0.62, 0, 0.26, 0.12], [0.12, 0, 0.52, 0.22, 0.14], [0, 0.24, 0, 0.24, 0.52], [0.22, 0.36, 0.14, 0, 0.28]],
        [[0, 0.16, 0, 0.50, 0.34], [0.44, 0, 0.06, 0.30, 0.20], [0, 0.50, 0, 0.20, 0.30], [0.62, 0.10, 0, 0, 0.28]],
        [[0, 0.14, 0, 0.46, 0.40], [0.40, 0, 0.05, 0.30, 0.25], [0, 0.40, 0, 0.20, 0.40], [0.56, 0.08, 0, 0, 0.36]],
        [[0, 0.22, 0, 0.44, 0.34], [0.34, 0, 0.12, 0.30, 0.24], [0, 0.45, 0, 0.25, 0.30], [0.50, 0.16, 0, 0, 0.34]],
    ]
)
TARGET_READINESS = np.array([0.10, 0.55, 1.0, 0.12, 0.0, 0.0], dtype=np.float32)
READINESS_PACE = 0.12
"""Share of the way to the phase's readiness that is covered in one day."""


@dataclass(frozen=True)
class PhasePaths:
    """The phase paths of one chunk's leads.

    Attributes
    ----------
    phase : int64[n, MOST_SEGMENTS]
        Phase of each segment, in time order; `gone` once it is over.
    begin : float64[n, MOST_SEGMENTS + 1]
        Day on which each segment begins, and where the last one ends.
    daily : int8[n, days + HORIZON_DAYS]
        Phase on each day since the start; before the lead's creation `unborn`.
    readiness : float32[n, days + HORIZON_DAYS]
        In [0, 1]: builds up in consideration and decision, fades in a pause.
    colleagues : int16[n, days + HORIZON_DAYS]
        How many other leads of the account are in consideration or decision on that day.
    decided : float64[n]
        Day on which the first decision phase begins; inf: never.
    """

    phase: IntArray
    begin: FloatArray
    daily: npt.NDArray[np.int8]
    readiness: npt.NDArray[np.float32]
    colleagues: npt.NDArray[np.int16]
    decided: FloatArray


def draw_phases(rng: np.random.Generator, people: Population, days: int) -> PhasePaths:
    """Draw the phase paths of one chunk.

    Parameters
    ----------
    rng : Generator
        The chunk's own.
    people : Population
        The chunk's leads.
    days : int
        Length of the history.
    """
    n, horizon = people.leads, days + HORIZON_DAYS
    phase = np.full((n, MOST_SEGMENTS), GONE, dtype=np.int64)
    length = np.full((n, MOST_SEGMENTS), horizon, dtype=np.int64)
    current = np.where(rng.random(n) < np.array([0.25, 0.03, 0.02, 0.05])[people.type], CONSIDERATION, AWARENESS)
    # Need pulls up the ladder; a colleague's project on its way pulls too.
    pull = np.exp(0.35 * people.need)
    for segment in range(MOST_SEGMENTS):
        alive = current != GONE
        phase[:, segment] = current
        row = np.minimum(current, PAUSE)
        mean = MEAN_DAYS[people.type, row]
        drawn = 1 + rng.gamma(1.6, mean / 1.6, n).astype(np.int64)
        length[alive, segment] = drawn[alive]
        weights = NEXT[people.type, row].copy()
        weights[:, CONSIDERATION] *= np.where(row == AWARENESS, pull, 1.0)
        weights[:, DECISION] *= pull
        following = draw(rng, weights)
        current = np.where(alive, following, GONE)

    begin = people.created[:, None] + np.concatenate((np.zeros((n, 1)), np.cumsum(length, axis=1)), axis=1)
    daily = _daily(people.created, phase, length, horizon)
    decision = np.where(phase == DECISION, begin[:, :-1], np.inf)
    return PhasePaths(
        phase=phase,
        begin=begin,
        daily=daily,
        readiness=_readiness(daily),
        colleagues=_colleagues(daily, people.account),
        decided=decision.min(axis=1),
    )


def _daily(created: FloatArray, phase: IntArray, length: IntArray, horizon: int) -> npt.NDArray[np.int8]:
    born = np.floor(created).astype(np.int64)
    edges = np.minimum(np.concatenate((born[:, None], born[:, None] + np.cumsum(length, axis=1)), axis=1), horizon)
    n = len(created)
    edges = np.concatenate((np.zeros((n, 1), np.int64), edges, np.full((n, 1), horizon)), axis=1)
    values = np.concatenate((np.full((n, 1), UNBORN), phase, np.full((n, 1), GONE)), axis=1).astype(np.int8)
    return np.repeat(values.ravel(), np.diff(edges, axis=1).ravel()).reshape(n, horizon)


def _readiness(daily: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    target = TARGET_READINESS[daily]
    level = np.zeros(len(daily), dtype=np.float32)
    for day in range(daily.shape[1]):
        level += np.float32(READINESS_PACE) * (target[:, day] - level)
        target[:, day] = level
    return target


def _colleagues(daily: npt.NDArray[np.int8], account: IntArray) -> npt.NDArray[np.int16]:
    looking = ((daily == CONSIDERATION) | (daily == DECISION)).astype(np.int16)
    first = np.flatnonzero(np.diff(account, prepend=-1))
    result: npt.NDArray[np.int16] = np.add.reduceat(looking, first, axis=0)[account] - looking
    return result

"""The structs that Python hands to kernels: arrays that belong together, by name; none of them computes anything."""

from typing import NamedTuple

import numpy as np

__all__ = [
    "Columns",
    "Lookups",
    "Plan",
    "ProfileRatios",
    "ProfileStates",
    "Rules",
    "SelectorMasks",
    "Snapshots",
    "Zone",
]


class Columns(NamedTuple):
    """The columns of all touchpoints, in the order of `Journeys`; one entry per touchpoint.

    Attributes
    ----------
    occurred_at, recorded_at : ndarray of int64
        UTC microseconds.
    kind, channel, asset, campaign : ndarray of int32
        Codes; -1: missing.
    by : ndarray of int8
        Who caused it, as a position in `features.selectors.BY`.
    value : ndarray of int64
        Micro-units.
    """

    occurred_at: np.ndarray
    recorded_at: np.ndarray
    kind: np.ndarray
    channel: np.ndarray
    asset: np.ndarray
    campaign: np.ndarray
    by: np.ndarray
    value: np.ndarray


class SelectorMasks(NamedTuple):
    """Selector sets per value, for one vocabulary.

    Attributes
    ----------
    masks : ndarray of uint64 [values, words]
        The five fields' tables on top of one another (kind, channel, asset, campaign, by). A table's first row is for a
        missing value, row ``1 + code`` for the value of that code; `by` has no missing value.
    starts : ndarray of int64 [5]
        Row of code 0 in each table; ``starts[f] - 1`` is the missing value's row (for `by` there is none).
    """

    masks: np.ndarray
    starts: np.ndarray


class Snapshots(NamedTuple):
    """The snapshots of all leads, by lead and time.

    Attributes
    ----------
    offsets : ndarray of int64 [leads + 1]
        Range of each lead in the two arrays that follow.
    at : ndarray of int64
        UTC microseconds.
    row : ndarray of int64
        Row of the matrix.
    """

    offsets: np.ndarray
    at: np.ndarray
    row: np.ndarray


class Plan(NamedTuple):
    """What to write where; see `features.plan`.

    Attributes
    ----------
    windows, half_lives : ndarray of int64
        Microseconds. The longest window is all that is seen, and stands last.
    reach : ndarray of int64 [half-lives]
        How far back a decayed count looks, in microseconds.
    features : ndarray of int64 [features, 2]
        Column, and index of its window or half-life; by selector and operation.
    sections : ndarray of int64 [selectors, operations + 1]
        Where the features of each selector and operation begin in `features`.
    asked : ndarray of int64 [selectors]
        The operations that have any, as bits; see `features.kernels.sections`.
    """

    windows: np.ndarray
    half_lives: np.ndarray
    reach: np.ndarray
    features: np.ndarray
    sections: np.ndarray
    asked: np.ndarray


class Rules(NamedTuple):
    """Rules of rhythm, in microseconds: longest silence within a visit, and shortest of a pause."""

    session: int
    pause: int


class Zone(NamedTuple):
    """The company's clock.

    Attributes
    ----------
    changes_at, offset : ndarray of int64
        As `features.local_time.offsets` gives them.
    work : ndarray of int64 [2]
        Working hours from and until, in microseconds of the day.
    """

    changes_at: np.ndarray
    offset: np.ndarray
    work: np.ndarray


class ProfileStates(NamedTuple):
    """Which state of the buyer profile a touchpoint is in, for one vocabulary.

    Attributes
    ----------
    kind_of, channel_of : ndarray of int64
        Code to row and column of `state_of`; the last entry, which code -1 reaches, is for a missing value.
    state_of : ndarray of int64 [kinds, channels]
    """

    kind_of: np.ndarray
    channel_of: np.ndarray
    state_of: np.ndarray


class ProfileRatios(NamedTuple):
    """The buyer profile, in micro-nats.

    Attributes
    ----------
    mix : ndarray of int64 [states]
    transition : ndarray of int64 [states + 1, states]
        Row 0: into the first touchpoint.
    pace : ndarray of int64 [gaps]
    pace_bounds : ndarray of int64 [gaps - 1]
        Microseconds.
    milestone : ndarray of int64 [states]
        Weight in `progress`.
    whole : int
        Their sum.
    """

    mix: np.ndarray
    transition: np.ndarray
    pace: np.ndarray
    pace_bounds: np.ndarray
    milestone: np.ndarray
    whole: int


class Lookups(NamedTuple):
    """What single operations need in addition to the plan.

    Attributes
    ----------
    rules : Rules
    zone : Zone
    category : ndarray of float32 [channels + 1]
        A channel's code as a feature; the last one is for a missing channel.
    content : ndarray of uint64 [3, words]
        Selectors of awareness, consideration and decision as bits.
    states : ProfileStates
    ratios : ProfileRatios
    pairs : ndarray of int64 [sequences, 3]
        Column, first and second selector of `days_before`.
    """

    rules: Rules
    zone: Zone
    category: np.ndarray
    content: np.ndarray
    states: ProfileStates
    ratios: ProfileRatios
    pairs: np.ndarray

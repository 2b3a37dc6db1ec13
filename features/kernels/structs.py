"""The structs that kernels take and hand on: arrays that belong together, by name; none of them computes anything.

A kernel that may make no arrays (see `compiled`) can still put those it was given into a struct.
"""

from typing import NamedTuple

import numpy as np

__all__ = [
    "AccountMoments",
    "AccountSnapshots",
    "AccountTouchpoints",
    "Columns",
    "Decay",
    "LabelledRows",
    "Lookups",
    "Members",
    "Moments",
    "Observed",
    "OwnPositions",
    "Pending",
    "Picked",
    "Plan",
    "ProfileRatios",
    "ProfileStates",
    "Rules",
    "Scratch",
    "Selected",
    "SelectorMasks",
    "Snapshots",
    "Spans",
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


class AccountSnapshots(NamedTuple):
    """The snapshots of all accounts, by account and time.

    Attributes
    ----------
    offsets : ndarray of int64 [accounts + 1]
        Range of each account in the three arrays that follow.
    at, row : ndarray of int64
        As in `Snapshots`.
    lead : ndarray of int64
        Position of the snapshot's lead.
    """

    offsets: np.ndarray
    at: np.ndarray
    row: np.ndarray
    lead: np.ndarray


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


class Picked(NamedTuple):
    """Those touchpoints of one lead that some selector picks, in time order, with what is derived from each.

    Attributes
    ----------
    occurred_at, recorded_at, kind, channel, asset, value : ndarray [touchpoints]
        As in `Columns`.
    mask : ndarray of uint64 [touchpoints, words]
        The selectors that pick it.
    level : ndarray of int64 [touchpoints]
        Depth of content.
    state : ndarray of int64 [touchpoints]
        In the buyer profile.
    working, weekend : ndarray of bool [touchpoints]
        Within working hours, on a weekend.
    """

    occurred_at: np.ndarray
    recorded_at: np.ndarray
    kind: np.ndarray
    channel: np.ndarray
    asset: np.ndarray
    value: np.ndarray
    mask: np.ndarray
    level: np.ndarray
    state: np.ndarray
    working: np.ndarray
    weekend: np.ndarray


class Members(NamedTuple):
    """Which of `Picked` each selector picks.

    Attributes
    ----------
    counts : ndarray of int64 [selectors]
        How many.
    begin : ndarray of int64 [selectors + 1]
        Range of each selector in `position`.
    position : ndarray of int64
    """

    counts: np.ndarray
    begin: np.ndarray
    position: np.ndarray


class Decay(NamedTuple):
    """Terms of decayed counts in fixed point, one row per half-life; see `features.kernels.windows`.

    Attributes
    ----------
    mantissa, slot : ndarray of int64 [half-lives, touchpoints]
    factor : ndarray of float64 [half-lives, moments]
    block : ndarray of int64 [half-lives, moments]
    """

    mantissa: np.ndarray
    slot: np.ndarray
    factor: np.ndarray
    block: np.ndarray


class Moments(NamedTuple):
    """The snapshots of one lead that are written together, in time order.

    Attributes
    ----------
    at, row : ndarray of int64
        As in `Snapshots`; the first `n` entries.
    n : int
    """

    at: np.ndarray
    row: np.ndarray
    n: int


class Selected(NamedTuple):
    """The touchpoints that one selector picks and the moments see, in time order.

    Attributes
    ----------
    position : ndarray of int64
        In `Picked`; the first `n` entries.
    when : ndarray of int64
        UTC microseconds.
    n : int
    """

    position: np.ndarray
    when: np.ndarray
    n: int


class Spans(NamedTuple):
    """Which of `Selected` each window holds: ``start[w, c]`` up to, not including, ``end[c]`` at moment c.

    Attributes
    ----------
    start : ndarray of int64 [windows, moments]
    end : ndarray of int64 [moments]
    seen : ndarray of int64 [moments]
        The start of the longest window.
    """

    start: np.ndarray
    end: np.ndarray
    seen: np.ndarray


class Scratch(NamedTuple):
    """Memory that is used again and again.

    Attributes
    ----------
    work : ndarray of int64 [rows, touchpoints or moments + 1]
    newest : ndarray of int64 [codes]
        -1 everywhere, before and after each use.
    ring : ndarray of int64 [blocks]
    """

    work: np.ndarray
    newest: np.ndarray
    ring: np.ndarray


class AccountTouchpoints(NamedTuple):
    """The touchpoints of an account that one selector picks, in time order.

    Attributes
    ----------
    when, recorded_at : ndarray of int64
        UTC microseconds; the first `n` entries.
    lead : ndarray of int64
        Number of the lead within the account.
    n : int
    """

    when: np.ndarray
    recorded_at: np.ndarray
    lead: np.ndarray
    n: int


class AccountMoments(NamedTuple):
    """The snapshots of an account, in time order.

    Attributes
    ----------
    at, row : ndarray of int64
        As in `Snapshots`.
    lead : ndarray of int64
        Number, within the account, of the snapshot's lead.
    n : int
    """

    at: np.ndarray
    row: np.ndarray
    lead: np.ndarray
    n: int


class OwnPositions(NamedTuple):
    """The positions of each lead of an account, in time order: those of lead i are ``position[begin[i]:begin[i + 1]]``."""

    position: np.ndarray
    begin: np.ndarray


class Pending(NamedTuple):
    """Positions that occurred before a moment and were recorded later: ``position[begin[c]:begin[c + 1]]`` at moment c."""

    position: np.ndarray
    begin: np.ndarray


class LabelledRows(NamedTuple):
    """Training rows, one entry each.

    Attributes
    ----------
    lead : ndarray of int64
        Position.
    at : ndarray of int64
        UTC microseconds.
    outcome : ndarray of int64
        0 or 1.
    weight : ndarray of int64
    fold : ndarray of int64
        The part that it belongs to.
    """

    lead: np.ndarray
    at: np.ndarray
    outcome: np.ndarray
    weight: np.ndarray
    fold: np.ndarray


class Observed(NamedTuple):
    """Counts by part and outcome, added to in place; see `features.buyer_profile.Counts`.

    Attributes
    ----------
    journeys : ndarray of int64 [folds, 2]
    presence, mix : ndarray of int64 [folds, 2, states]
    transition : ndarray of int64 [folds, 2, states + 1, states]
    pace : ndarray of int64 [folds, 2, gaps]
    """

    journeys: np.ndarray
    presence: np.ndarray
    mix: np.ndarray
    transition: np.ndarray
    pace: np.ndarray

"""The structs of the fold over one journey.

A kernel that may make no arrays (see `compiled`) can still put those it was given into a struct.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Decay", "Members", "Moments", "Picked", "Scratch", "Selected", "Spans"]


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

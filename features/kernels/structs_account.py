"""The structs of the fold over accounts."""

from typing import NamedTuple

import numpy as np

__all__ = ["AccountScratch", "AccountSnapshots", "AccountTouchpoints", "OwnPositions", "Pending"]


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


class OwnPositions(NamedTuple):
    """The positions of each lead of an account, in time order: those of lead i are ``position[begin[i]:begin[i + 1]]``."""

    position: np.ndarray
    begin: np.ndarray


class Pending(NamedTuple):
    """Positions that occurred before a moment and were recorded later: ``position[begin[c]:begin[c + 1]]`` at moment c."""

    position: np.ndarray
    begin: np.ndarray


class AccountScratch(NamedTuple):
    """Memory that is used again and again, large enough for the largest account.

    Attributes
    ----------
    by_touchpoint, by_moment, by_lead : ndarray of int64 [rows, touchpoints or moments or leads + 1]
    mask : ndarray of uint64 [touchpoints]
        The selectors that pick it.
    factor : ndarray of float64 [moments]
    start : ndarray of int64 [windows, moments]
    rings : ndarray of int64 [2, blocks]
    needed : ndarray of int64 [1]
        How many pending positions there were when they found no room.
    """

    by_touchpoint: np.ndarray
    by_moment: np.ndarray
    by_lead: np.ndarray
    mask: np.ndarray
    factor: np.ndarray
    start: np.ndarray
    rings: np.ndarray
    needed: np.ndarray

"""The buyer profile: what the journeys of leads that ended well looked like, against those that did not.

A touchpoint's state is its kind and channel. Of each state, of each step from one state to the next, and of each gap between
two touchpoints the profile keeps how much likelier it is under journeys that ended well: a log-likelihood ratio, in micro-nats,
so that sums of them are exact. Rates are drawn towards the pooled ones by `prior` touchpoints' worth of evidence (a
Gamma prior on the ratio of observed to expected counts: DuMouchel 1999, The American Statistician 53, 177-190):
``log((n_1 + prior) / (e_1 + prior)) - log((n_0 + prior) / (e_0 + prior))`` with n observed and e expected at the pooled rate.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from features.kernels.structs import ProfileRatios, ProfileStates, SelectorMasks
from features.kernels.structs_buyers import LabelledRows, Observed
from features.params import BuyerProfileParams
from features.timeline import DAY_US

__all__ = ["GAP_BOUNDS", "BuyerProfile", "Counts", "States", "fit_buyer_profile", "fold_of"]

GAP_BOUNDS = tuple(round(days * DAY_US) for days in (1 / 48, 1 / 8, 1, 3, 7, 14, 30, 60))
"""Gaps between touchpoints are told apart by these bounds, in microseconds; a bound belongs to the longer gaps."""

MOST_STATES = 2_000
LARGEST = 10**9  # micro-nats; sums of these over a journey stay far within 64 bits

_WEIGHT = 1 << 20
_MICRO = 1_000_000

State = tuple[str, str | None]


@dataclass(frozen=True)
class States:
    """The states of touchpoints that are told apart; all others are one more, the last.

    Attributes
    ----------
    pairs : tuple of (str, str or None)
        Kind and channel (None: missing), in a fixed order.
    """

    pairs: tuple[State, ...]

    def __len__(self) -> int:
        """Count the states, the one of all others included."""
        return len(self.pairs) + 1

    @cached_property
    def _table(self) -> tuple[dict[str, int], dict[str, int], np.ndarray]:
        kinds = {kind: row for row, kind in enumerate(sorted({kind for kind, _ in self.pairs}))}
        named = sorted({channel for _, channel in self.pairs if channel is not None})
        channels = {channel: column for column, channel in enumerate(named)}
        # one more row and column for what is not told apart, and a last column for a missing channel
        table = np.full((len(kinds) + 1, len(channels) + 2), len(self.pairs), dtype=np.int64)
        for state, (kind, channel) in enumerate(self.pairs):
            table[kinds[kind], -1 if channel is None else channels[channel]] = state
        return kinds, channels, table

    def lookup(self, kinds: Sequence[str], channels: Sequence[str]) -> ProfileStates:
        """Look up a vocabulary."""
        rows, columns, table = self._table
        kind_of = [rows.get(kind, len(rows)) for kind in kinds]
        channel_of = [columns.get(channel, len(columns)) for channel in channels]
        return ProfileStates(
            np.array([*kind_of, len(rows)], dtype=np.int64),
            np.array([*channel_of, len(columns) + 1], dtype=np.int64),
            table,
        )


@dataclass(frozen=True)
class BuyerProfile:
    """A fitted profile.

    Attributes
    ----------
    states : States
    mix : ndarray of int64 [states]
        Micro-nats per touchpoint of a state.
    transition : ndarray of int64 [states + 1, states]
        Micro-nats per step; row 0: the first touchpoint, row 1 + i: a step from state i.
    pace : ndarray of int64 [gaps]
        Micro-nats per gap, by `GAP_BOUNDS`.
    milestone : ndarray of int64 [states]
        Share of the buyers, in millionths, whose journey holds the state; 0 where few do.
    """

    states: States
    mix: np.ndarray
    transition: np.ndarray
    pace: np.ndarray
    milestone: np.ndarray

    @cached_property
    def ratios(self) -> ProfileRatios:
        """What the kernel needs in addition to a vocabulary's lookup."""
        bounds = np.array(GAP_BOUNDS, dtype=np.int64)
        return ProfileRatios(self.mix, self.transition, self.pace, bounds, self.milestone, int(self.milestone.sum()))

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {
            "states": [list(pair) for pair in self.states.pairs],
            "mix": self.mix.tolist(),
            "transition": self.transition.tolist(),
            "pace": self.pace.tolist(),
            "milestone": self.milestone.tolist(),
        }

    @staticmethod
    def from_dict(stored: dict[str, Any]) -> "BuyerProfile":
        """Read what `to_dict` gave.

        Raises
        ------
        ValueError
            If the tables do not fit the states.
        """
        pairs = tuple((kind, channel) for kind, channel in stored["states"])
        if len(pairs) > MOST_STATES or len(set(pairs)) != len(pairs):
            raise ValueError(f"buyer profile: {len(pairs)} states; at most {MOST_STATES:,} are allowed, each once")
        if not all(isinstance(kind, str) and isinstance(channel, str | None) for kind, channel in pairs):
            raise ValueError("buyer profile: a state is not a kind and a channel")
        states = States(pairs)
        tables = [np.array(stored[name]) for name in ("mix", "transition", "pace", "milestone")]
        if not all(table.dtype == np.int64 and (np.abs(table) <= LARGEST).all() for table in tables):
            raise ValueError(f"buyer profile: not whole numbers within +-{LARGEST:,}")
        shapes = [(len(states),), (len(states) + 1, len(states)), (len(GAP_BOUNDS) + 1,), (len(states),)]
        if [table.shape for table in tables] != shapes:
            raise ValueError(f"buyer profile: tables of shapes {[table.shape for table in tables]}, expected {shapes}")
        return BuyerProfile(states, *tables)

    @staticmethod
    def neutral() -> "BuyerProfile":
        """Give a profile that says nothing of anything, for a catalog whose own is not fitted yet."""
        zero = np.zeros(1, dtype=np.int64)
        return BuyerProfile(States(()), zero, np.zeros((2, 1), np.int64), np.zeros(len(GAP_BOUNDS) + 1, np.int64), zero)


@dataclass(frozen=True)
class Counts:
    """How often each state, step and gap was seen, by part of the training rows and outcome; exact whatever the order.

    Each lead counts one, shared among its rows. Parts (folds) are kept apart so that a row's profile can be fitted without its
    own.
    """

    states: States
    journeys: np.ndarray
    presence: np.ndarray
    mix: np.ndarray
    transition: np.ndarray
    pace: np.ndarray

    @staticmethod
    def empty(states: States, folds: int) -> "Counts":
        """Give counts of nothing."""
        size = len(states)

        def zeros(*shape: int) -> np.ndarray:
            return np.zeros((folds, 2, *shape), dtype=np.int64)

        return Counts(states, zeros(), zeros(size), zeros(size), zeros(size + 1, size), zeros(len(GAP_BOUNDS) + 1))

    def __add__(self, other: "Counts") -> "Counts":
        """Add counts of other rows."""
        names = ("journeys", "presence", "mix", "transition", "pace")
        return Counts(self.states, *(getattr(self, name) + getattr(other, name) for name in names))

    def add(
        self,
        journeys: Any,
        selectors: SelectorMasks,
        rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
        observation_days: int,
    ) -> None:
        """Count the journeys of labelled training rows, as far as each snapshot sees them.

        Parameters
        ----------
        journeys : Journeys
            Of the rows' leads.
        selectors : SelectorMasks
            The first selector says which touchpoints count.
        rows : tuple of ndarray
            Position of the lead, snapshot_at (UTC microseconds), outcome (0 or 1), how many rows the lead has in all, and part;
            one entry per training row.
        observation_days : int
            How far back a snapshot looks.
        """
        from features.kernels.buyers import (
            count_journeys,
        )  # not above: only training counts, and numba takes long to import

        lead, at, outcome, rows_of_lead, fold = rows
        weight = (_WEIGHT / rows_of_lead).round().astype(np.int64)
        count_journeys(
            journeys.offsets,
            journeys.columns,
            selectors,
            self.states.lookup(journeys.kinds, journeys.channels),
            LabelledRows(lead, at, outcome.astype(np.int64), weight, fold),
            observation_days * DAY_US,
            np.array(GAP_BOUNDS, dtype=np.int64),
            Observed(self.journeys, self.presence, self.mix, self.transition, self.pace),
        )


def fold_of(group: str, folds: int) -> int:
    """Assign a group of rows that depend on one another (an account, or a lead without one) to a part."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") % folds


def fit_buyer_profile(counts: Counts, params: BuyerProfileParams, without: int | None = None) -> BuyerProfile:
    """Fit the profile.

    Parameters
    ----------
    counts : Counts
        Of training rows.
    params : BuyerProfileParams
        Prior and milestones.
    without : int, optional
        Leave this part out, to look at its rows as at new ones.
    """

    def kept(table: np.ndarray) -> np.ndarray:
        rest = table.sum(axis=0) - (0 if without is None else table[without])
        return np.asarray(rest / _WEIGHT)

    prior = params.prior
    transition = np.stack([_ratios(step, prior) for step in np.moveaxis(kept(counts.transition), 1, 0)])
    buyers, presence = kept(counts.journeys)[1], kept(counts.presence)[1]
    share = presence / buyers if buyers > 0 else np.zeros_like(presence)
    # what is not told apart is no milestone
    share[-1] = 0.0
    milestone = np.where(share >= params.milestone_share, np.rint(share * _MICRO), 0).astype(np.int64)
    return BuyerProfile(
        counts.states, _ratios(kept(counts.mix), prior), transition, _ratios(kept(counts.pace), prior), milestone
    )


def _ratios(observed: np.ndarray, prior: float) -> np.ndarray:
    """Give log-likelihood ratios in micro-nats; `observed` [2, values] holds counts of journeys that ended badly and well."""
    totals, pooled = observed.sum(axis=1), observed.sum(axis=0)
    whole = pooled.sum()
    out = np.zeros(observed.shape[1], dtype=np.int64)
    for value in range(len(out)):
        rate = pooled[value] / whole if whole > 0 else 0.0
        bad, good = (
            math.log((observed[outcome, value] + prior) / (totals[outcome] * rate + prior)) for outcome in (0, 1)
        )
        out[value] = round((good - bad) * _MICRO)
    return out

"""What a history allows: the split's settings that were left open are decided from times and counts, never from a score.

Settings are tried in one order, the strictest first, and the first that fits is taken. A long history gets the first of
each: grouped, a quarter for the test, training labels purged, five purged folds. A shorter one gives up, in this order: some
of the test, the separation of accounts, the purge before the test, the purge between folds, and at last the order of time
within folds.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.errors import DataError
from models.fitting.folds import training_folds
from models.fitting.split_counts import FEWEST, Counts, count_leads, enough, refusal
from models.fitting.splits import Slices, cut_slices, describe_slices
from models.params import SplitParams, SplitSection

__all__ = ["STRICTEST", "SplitPlan", "choose_folds", "longer_history", "plan_split"]

MODES = ("grouped", "time")
TEST_SHARES = (0.25, 0.2, 0.15, 0.1, 0.35)
FOLDS = (5, 4, 3, 2, 1)
ACCOUNT_FOLDS = (5, 4, 3, 2)
FEWEST_BY_ACCOUNT = 2
TEST_POSITIVES = 15
"""Positive leads that a test shorter than a quarter must have."""


STRICTEST = {
    "mode": "grouped",
    "test_share": 0.25,
    "label_purge": True,
    "cross_fit_folds": 5,
    "cross_fit_purge": True,
    "cross_fit_by": "time",
}
"""What a long history gets."""
EXTRA_DAYS = (14, 30, 60, 90, 120, 180, 270, 365, 540, 730)


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """What the stage `split` decided.

    Attributes
    ----------
    params : SplitParams
        Every setting decided.
    slices : Slices
        Of the frame, by these settings.
    considered : tuple of Counts
        What the outer settings that were tried leave, the chosen one last.
    """

    params: SplitParams
    slices: Slices
    considered: tuple[Counts, ...]


def plan_split(
    frame: pd.DataFrame, section: SplitSection, label_days: int, recording_delay_days: int, clock: str
) -> SplitPlan:
    """Decide what the section leaves open, and cut.

    Parameters
    ----------
    frame, label_days, recording_delay_days, clock
        As for `models.fitting.splits.assign_slices`.
    section : SplitSection
        The `split` section.

    Returns
    -------
    SplitPlan

    Raises
    ------
    ParameterError
        Given settings contradict each other.
    DataError
        No setting fits: the message says what is missing.
    """
    considered: list[Counts] = []
    fitting: list[tuple[SplitParams, Slices, Counts]] = []
    for params in _outer(section):
        slices, _ = cut_slices(frame, params, label_days, recording_delay_days, clock)
        counts = count_leads(frame, slices, params, section.test_from is None)
        considered.append(counts)
        if not counts.possible:
            continue
        fitting.append((params, slices, counts))
        shorter_test = counts.test_share is not None and counts.test_share < TEST_SHARES[0]
        if shorter_test and section.test_share is None and counts.test_positives < TEST_POSITIVES:
            continue
        if params.mode == "grouped" and section.mode is None and not counts.grouping_is_cheap:
            continue
        if params.label_purge and section.label_purge is None and not counts.purge_is_cheap:
            continue
        if chosen := _with_folds(frame, slices, params, section, label_days, recording_delay_days, clock):
            return SplitPlan(chosen, slices, tuple(considered))
    # Nothing is comfortable: what leaves the most positives on its scarcer side
    fitting.sort(key=lambda item: -min(item[2].train_positives, 3 * item[2].test_positives))
    for params, slices, counts in fitting:
        if chosen := _with_folds(frame, slices, params, section, label_days, recording_delay_days, clock):
            return SplitPlan(chosen, slices, (*considered, counts))
    raise DataError(refusal(frame, section, considered, label_days + recording_delay_days))


def longer_history(
    frame: pd.DataFrame,
    section: SplitSection,
    given_up: Sequence[str],
    label_days: int,
    recording_delay_days: int,
    clock: str,
) -> tuple[int | None, tuple[str, ...]]:
    """Tell what more days like those so far would give back, and how many it takes.

    The history goes on as it did, with new leads and accounts; those that come back through half of it or more still do.

    Parameters
    ----------
    frame, section, label_days, recording_delay_days, clock
        As for `plan_split`.
    given_up : sequence of str
        Of `STRICTEST`.

    Returns
    -------
    tuple of int or None, and tuple of str
        The fewest of some round numbers of days that give the most of `given_up`, and what they give. None and all of it:
        without a clock nobody can tell; None and nothing: not even two years give any of it.
    """
    matured = frame[frame["label"].notna()]
    moments = matured["snapshot_at"]
    span = moments.max() - moments.min()
    if clock == "ordinal" or span <= pd.Timedelta(0):
        return None, tuple(given_up)
    is_new = {key: ~_comes_back(matured, key, span / 2) for key in ("lead_id", "account_id")}
    best: tuple[int | None, tuple[str, ...]] = (None, ())
    for days in EXTRA_DAYS:
        copies = [matured]
        for number in range(1, int(pd.Timedelta(days=days) / span) + 2):
            later = matured["snapshot_at"] + number * span
            names = {
                key: matured[key].astype(object).mask(new, matured[key].astype(str) + f"+{number}")
                for key, new in is_new.items()
            }
            shifted = matured.assign(snapshot_at=later, **names)
            copies.append(shifted[later <= moments.max() + pd.Timedelta(days=days)])
        longer = pd.concat(copies, ignore_index=True)
        try:
            plan = plan_split(longer, section, label_days, recording_delay_days, clock)
        except DataError:
            continue
        given = tuple(name for name in given_up if getattr(plan.params, name) == STRICTEST[name])
        if len(given) > len(best[1]):
            best = days, given
        if len(given) == len(given_up):
            break
    return best


def _comes_back(rows: pd.DataFrame, key: str, half: pd.Timedelta) -> np.ndarray:
    """Tell of each row whether its lead's or account's headline rows span half of the history; True where it has none."""
    names = rows[key].astype(object)
    of_headline = rows["snapshot_at"].where(rows["is_headline"]).groupby(names)
    spans = of_headline.transform("max") - of_headline.transform("min")
    return np.asarray((spans >= half) | names.isna())


def _outer(section: SplitSection) -> Iterator[SplitParams]:
    """List the settings of test, grouping and purge, the strictest first."""
    shares = TEST_SHARES if section.test_share is None and section.test_from is None else (section.test_share,)
    purges = (True, False) if section.label_purge is None else (section.label_purge,)
    modes = MODES if section.mode is None else (section.mode,)
    for purge, mode, share in itertools.product(purges, modes, shares):
        settings = {"label_purge": purge, "mode": mode, "cross_fit_folds": FOLDS[0]}
        if share is not None:
            settings["test_share"] = share
        yield section.decided(**settings)


def _with_folds(
    frame: pd.DataFrame,
    slices: Slices,
    params: SplitParams,
    section: SplitSection,
    label_days: int,
    recording_delay_days: int,
    clock: str,
) -> SplitParams | None:
    if section.cross_fit_folds == 0:
        described = describe_slices(frame, slices)["slices"]
        return params if all(0 < part["positives"] < part["rows"] for part in described.values()) else None
    rows = frame[(slices.slice == "train").to_numpy()]
    return choose_folds(rows, params, section, label_days, recording_delay_days, clock)


def choose_folds(
    rows: pd.DataFrame,
    params: SplitParams,
    section: SplitSection,
    label_days: int,
    recording_delay_days: int,
    clock: str,
) -> SplitParams | None:
    """Choose the folds that a training part bears.

    Parameters
    ----------
    rows : DataFrame
        Of the training part; columns as for `plan_split`.
    params : SplitParams
        The outer settings.
    section, label_days, recording_delay_days, clock
        As for `plan_split`.

    Returns
    -------
    SplitParams or None
        With the settings of the folds; None where the rows bear none of those that the section allows.
    """
    labels = rows["label"].to_numpy(dtype=np.float64)
    headline = rows["is_headline"].to_numpy(dtype=bool)
    positives = int(labels[headline].sum())
    for by, purge, count in _inner(section, params.label_purge):
        chosen = params.model_copy(update={"cross_fit_by": by, "cross_fit_purge": purge, "cross_fit_folds": count})
        fewest = FEWEST if by == "time" else FEWEST_BY_ACCOUNT
        try:
            folds = training_folds(rows, chosen, label_days, recording_delay_days, clock == "ordinal")
        except DataError:
            continue
        # Rows count for both classes, leads for enough of them: each class needs a handful to fit on
        if any(
            np.unique(labels[valid]).size < 2 or _scarcer(labels[fit][headline[fit]]) < fewest for fit, valid in folds
        ):
            continue
        validated = np.concatenate([valid for _, valid in folds])
        seen = int(labels[validated][headline[validated]].sum())
        if purge and section.cross_fit_purge is None and not enough(seen, (positives - seen) // 2):
            continue
        return chosen
    return None


def _inner(section: SplitSection, label_purge: bool) -> Iterator[tuple[str, bool, int]]:
    kinds = ("time", "account") if section.cross_fit_by is None else (section.cross_fit_by,)
    for by in kinds:
        purges = (True, False) if section.cross_fit_purge is None else (section.cross_fit_purge,)
        for purge in purges if by == "time" and label_purge else purges[-1:]:
            counts = FOLDS if by == "time" else ACCOUNT_FOLDS
            for count in counts if section.cross_fit_folds is None else (section.cross_fit_folds,):
                yield by, purge, count


def _scarcer(labels: np.ndarray) -> int:
    return int(min((labels == 1).sum(), (labels == 0).sum()))

"""What a history allows: the split's settings that were left open are decided from times and counts, never from a score.

Settings are tried in one order, the strictest first, and the first that fits is taken. A long history gets the first of
each: grouped, a quarter for the test, training labels purged, five purged folds. A shorter one gives up, in this order: some
of the test, the separation of accounts, the purge before the test, the purge between folds, and at last the order of time
within folds.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.errors import DataError
from models.fitting.folds import training_folds
from models.fitting.splits import Slices, cut_slices, describe_slices
from models.params import SplitParams, SplitSection

__all__ = ["FEWEST", "STRICTEST", "Counts", "SplitPlan", "choose_folds", "days_until_strictest", "plan_split"]

MODES = ("grouped", "time")
TEST_SHARES = (0.25, 0.2, 0.15, 0.1, 0.35)
FOLDS = (5, 4, 3, 2, 1)
ACCOUNT_FOLDS = (5, 4, 3, 2)
FEWEST = 5
"""Positive leads, and negative ones, that training and test must each have; and each class of every fit of a fold in time."""
FEWEST_BY_ACCOUNT = 2
FEWEST_LEADS = 40
ENOUGH = 100
"""Positive leads from which on it does not matter what a stricter setting costs."""
KEPT = 0.5
"""Of the positive leads, a stricter setting must leave so many, or `ENOUGH`."""
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


@dataclass(frozen=True, slots=True)
class Counts:
    """What one setting of the outer split leaves; leads are headline rows (of a lead, its MQL moments).

    Attributes
    ----------
    rows, matured : int
        Snapshots, and those whose label is known.
    straddling, purged : int
        Snapshots that grouping and the purge take away.
    train_leads, train_positives, test_leads, test_positives : int
        Headline rows that remain, and their positives.
    straddling_positives, purged_positives : int
        Positive headline rows taken away.
    """

    mode: str
    test_share: float | None
    label_purge: bool
    rows: int
    matured: int
    straddling: int
    purged: int
    train_leads: int
    train_positives: int
    test_leads: int
    test_positives: int
    straddling_positives: int
    purged_positives: int

    @property
    def possible(self) -> bool:
        """Whether both sides hold both classes, and a handful of each."""
        least = min(
            self.train_positives,
            self.train_leads - self.train_positives,
            self.test_positives,
            self.test_leads - self.test_positives,
        )
        return least >= FEWEST and self.train_leads >= FEWEST_LEADS // 2

    @property
    def purge_is_cheap(self) -> bool:
        """Whether the purge leaves enough."""
        return _enough(self.train_positives, self.purged_positives)

    @property
    def grouping_is_cheap(self) -> bool:
        """Whether grouping leaves enough."""
        return _enough(self.train_positives + self.test_positives, self.straddling_positives)


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
        counts = _count(frame, slices, params, section.test_from is None)
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
    raise DataError(_refusal(frame, section, considered, label_days + recording_delay_days))


def days_until_strictest(
    frame: pd.DataFrame, section: SplitSection, label_days: int, recording_delay_days: int, clock: str
) -> int | None:
    """Tell after how many more days, were they like those so far, nothing would have to be given up.

    Returns
    -------
    int or None
        One of some round numbers; None: not within two years, or without a clock.
    """
    matured = frame[frame["label"].notna()]
    moments = matured["snapshot_at"]
    span = moments.max() - moments.min()
    if clock == "ordinal" or span <= pd.Timedelta(0):
        return None
    for days in EXTRA_DAYS:
        copies = [matured]
        for number in range(1, int(pd.Timedelta(days=days) / span) + 2):
            later = matured["snapshot_at"] + number * span
            shifted = matured.assign(
                snapshot_at=later,
                lead_id=matured["lead_id"].astype(str) + f"+{number}",
                account_id=matured["account_id"].where(
                    matured["account_id"].isna(), matured["account_id"].astype(str) + f"+{number}"
                ),
            )
            copies.append(shifted[later <= moments.max() + pd.Timedelta(days=days)])
        longer = pd.concat(copies, ignore_index=True)
        try:
            plan = plan_split(longer, section, label_days, recording_delay_days, clock)
        except DataError:
            continue
        if all(
            getattr(plan.params, name) == value or getattr(section, name) is not None
            for name, value in STRICTEST.items()
        ):
            return days
    return None


def _enough(left: int, taken: int) -> bool:
    return left >= ENOUGH or left >= KEPT * (left + taken)


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
        if purge and section.cross_fit_purge is None and not _enough(seen, (positives - seen) // 2):
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


def _labels(frame: pd.DataFrame) -> np.ndarray:
    label = pd.to_numeric(frame["label"], errors="coerce")
    return np.asarray(label.to_numpy(dtype=np.float64, na_value=np.nan))


def _scarcer(labels: np.ndarray) -> int:
    return int(min((labels == 1).sum(), (labels == 0).sum()))


def _count(frame: pd.DataFrame, slices: Slices, params: SplitParams, by_share: bool) -> Counts:
    headline = frame["is_headline"].to_numpy(dtype=bool)
    positive = headline & (_labels(frame) == 1.0)
    test = (slices.slice == "test").to_numpy()
    train = slices.slice.isin(("train", "early_stopping", "calibration")).to_numpy()
    straddling, purged = ((slices.reason == reason).to_numpy() for reason in ("straddles", "label_purge"))
    return Counts(
        mode=params.mode,
        test_share=params.test_share if by_share else None,
        label_purge=params.label_purge,
        rows=len(frame),
        matured=int((slices.reason != "immature").sum()),
        straddling=int(straddling.sum()),
        purged=int(purged.sum()),
        train_leads=int((train & headline).sum()),
        train_positives=int((train & positive).sum()),
        test_leads=int((test & headline).sum()),
        test_positives=int((test & positive).sum()),
        straddling_positives=int((straddling & positive).sum()),
        purged_positives=int((purged & positive).sum()),
    )


def _refusal(frame: pd.DataFrame, section: SplitSection, considered: list[Counts], known_after: int) -> str:
    """Say how many matured leads and positives are missing, and when the open ones will do."""
    headline = frame[frame["is_headline"]]
    label = _labels(headline)
    matured = int(np.isfinite(label).sum())
    positives = int((label == 1.0).sum())
    need_positives = 4 * FEWEST
    rate = max(positives / matured, 0.01) if matured else 0.1
    need = max(FEWEST_LEADS * 2, round(need_positives / rate))
    more_leads, more_positives = max(need - matured, 0), max(need_positives - positives, 0)
    best = max(considered, key=lambda counts: min(counts.train_positives, 3 * counts.test_positives))
    text = (
        f"split: {matured:,} leads with a known outcome, {positives:,} of them positive, are too few for training and test: "
        f"the best setting leaves {best.train_leads:,} ({best.train_positives:,} positive) and {best.test_leads:,} "
        f"({best.test_positives:,} positive); each side needs at least {FEWEST} positives and {FEWEST} negatives. "
    )
    given = [
        name
        for name in (
            "mode",
            "test_from",
            "test_share",
            "label_purge",
            "cross_fit_folds",
            "cross_fit_purge",
            "cross_fit_by",
        )
        if getattr(section, name) is not None
    ]
    if not more_leads and not more_positives:
        return text + (
            f"Set split.{', split.'.join(given)} to auto, so that the history decides"
            if given
            else "All outcomes of one kind lie at one end of the history: use a longer one"
        )
    text += f"Missing: about {more_leads:,} more leads with a known outcome, {more_positives:,} more positives. "
    open_until = np.sort(headline["snapshot_at"][np.isnan(label)].to_numpy())
    if 0 < more_leads <= len(open_until):
        day = pd.Timestamp(open_until[more_leads - 1]) + pd.Timedelta(days=known_after + 1)
        return text + (
            f"{len(open_until):,} more leads are there, but not yet {known_after} days old: an export of "
            f"{day:%Y-%m-%d} or later has enough leads"
        )
    return text + "Export a longer history, or wait until more leads were handed over"

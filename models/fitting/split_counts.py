"""What one setting of the split leaves of a history, whether that is enough, and what is missing where none is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.fitting.splits import FITTED, Slices
from models.params import SplitParams, SplitSection

__all__ = ["FEWEST", "Counts", "count_leads", "enough", "refusal"]

FEWEST = 5
"""Positive leads, and negative ones, that training and test must each have; and each class of every fit of a fold in time."""
FEWEST_LEADS = 40
ENOUGH = 100
"""Positive leads from which on it does not matter what a stricter setting costs."""
KEPT = 0.5
"""Of the positive leads, a stricter setting must leave so many, or `ENOUGH`."""
JUDGED = 50
"""Positive leads of a test that a verdict needs (`publish.min_positives`)."""
# What the stage `split` decides where it is left open; a test's first moment takes the place of its share.
DECIDED = ("mode", "test_from", "test_share", "label_purge", "cross_fit_folds", "cross_fit_purge", "cross_fit_by")


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
    straddling_test_positives : int
        Those of the straddling ones that lie in the test's time.
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
    straddling_test_positives: int

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
        return enough(self.train_positives, self.purged_positives)

    @property
    def grouping_is_cheap(self) -> bool:
        """Whether grouping leaves enough, and does not alone keep the test from being judged."""
        of_test = self.test_positives + self.straddling_test_positives
        is_judged = self.test_positives >= JUDGED or of_test < JUDGED
        return is_judged and enough(self.train_positives + self.test_positives, self.straddling_positives)


def enough(left: int, taken: int) -> bool:
    """Whether a stricter setting, which takes some of the positive leads, leaves enough of them."""
    return left >= ENOUGH or left >= KEPT * (left + taken)


def count_leads(frame: pd.DataFrame, slices: Slices, params: SplitParams, by_share: bool) -> Counts:
    """Count what a setting leaves; `by_share` says whether its test is a share of the leads."""
    headline = frame["is_headline"].to_numpy(dtype=bool)
    positive = headline & (_labels(frame) == 1.0)
    test = (slices.slice == "test").to_numpy()
    train = slices.slice.isin(FITTED).to_numpy()
    in_time = (frame["snapshot_at"] >= frame["snapshot_at"][test].min()).to_numpy()
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
        straddling_test_positives=int((straddling & in_time & positive).sum()),
    )


def refusal(frame: pd.DataFrame, section: SplitSection, considered: list[Counts], known_after: int) -> str:
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
    if positives in (0, matured):
        kind = "None of them is" if positives == 0 else "All of them are"
        return text + (
            f"{kind} positive, so there is nothing to learn. See whether the source's SQL reads every stage, whether "
            "labels.label_days is long enough for an outcome, and what the stage `labels` said of leads that are too young for "
            "a label; else wait until there are both kinds"
        )
    given = [name for name in DECIDED if getattr(section, name) is not None]
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


def _labels(frame: pd.DataFrame) -> np.ndarray:
    label = pd.to_numeric(frame["label"], errors="coerce")
    return np.asarray(label.to_numpy(dtype=np.float64, na_value=np.nan))

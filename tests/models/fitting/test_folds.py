"""Folds: an account whose labels overlap is never fitted on where it is validated; others are left as they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fitting.folds import PARTS, account_folds, keep_apart, split_by_account, training_folds
from models.fitting.splits import linked_groups, time_folds
from models.fitting.time_cuts import DAY_US, micros
from models.params import SplitParams

START = pd.Timestamp("2024-01-01", tz="UTC")
SPLIT = SplitParams(mode="time", early_stopping_share=0, calibration_share=0, cross_fit_folds=3, cross_fit_purge=False)


def customers(months: int = 4, accounts: int = 60) -> pd.DataFrame:
    """Every account on the first of every month."""
    return pd.DataFrame(
        {
            "lead_id": [f"L-{a}" for _ in range(months) for a in range(accounts)],
            "account_id": [f"A-{a // 2}" for _ in range(months) for a in range(accounts)],
            "snapshot_at": pd.Series(
                [START + pd.DateOffset(months=m) for m in range(months) for _ in range(accounts)]
            ).dt.as_unit("us"),
        }
    )


def overlapping(frame: pd.DataFrame, fit: np.ndarray, valid: np.ndarray, gap_days: int) -> set[int]:
    """Name the accounts that are validated while a label of theirs in the fit is still open; by the definition alone."""
    at, groups = micros(frame["snapshot_at"]), linked_groups(frame)
    begin = at[valid].min()
    return {g for g, moment in zip(groups[fit], at[fit], strict=True) if moment + gap_days * DAY_US > begin} & set(
        groups[valid].tolist()
    )


def test_customers_who_come_back_are_kept_apart_and_each_row_is_validated_once() -> None:
    frame = customers()
    folds = training_folds(frame, SPLIT, 60, 2, ordinal=False)
    assert len(folds) == 3 * PARTS
    assert not any(overlapping(frame, fit, valid, 62) for fit, valid in folds)
    before = time_folds(frame["snapshot_at"], 3, 60, 2, False, "real")
    assert all(overlapping(frame, fit, valid, 62) for fit, valid in before), "without it, every fold knew its accounts"
    validated = np.concatenate([valid for _, valid in folds])
    assert sorted(validated.tolist()) == sorted(np.concatenate([valid for _, valid in before]).tolist())


def test_purged_folds_stay_as_they_are() -> None:
    frame = customers(12)
    purged = SPLIT.model_copy(update={"cross_fit_purge": True})
    folds = training_folds(frame, purged, 30, 2, ordinal=False)
    plain = time_folds(frame["snapshot_at"], 3, 30, 2, True, "real")
    for (fit, valid), (plain_fit, plain_valid) in zip(folds, plain, strict=True):
        np.testing.assert_array_equal(fit, plain_fit)
        np.testing.assert_array_equal(valid, plain_valid)


def test_without_a_clock_an_account_on_both_sides_overlaps() -> None:
    frame = customers(3, 10)
    for fit, valid in training_folds(frame, SPLIT.model_copy(update={"cross_fit_folds": 2}), 1, 0, ordinal=True):
        assert not set(frame["account_id"].iloc[fit]) & set(frame["account_id"].iloc[valid])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=20, max_size=80),
    st.integers(0, 45),
    st.integers(1, 4),
)
def test_no_fold_is_told_a_label_of_the_accounts_that_it_validates(
    rows: list[tuple[int, int]], gap: int, count: int
) -> None:
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{i}" for i in range(len(rows))],
            "account_id": [f"A-{account}" for _, account in rows],
            "snapshot_at": pd.Series([START + pd.Timedelta(days=day) for day, _ in rows]).dt.as_unit("us"),
        }
    )
    at, groups = micros(frame["snapshot_at"]), linked_groups(frame)
    order = np.argsort(at, kind="stable")
    cuts = np.array_split(order, count + 1)
    plain = [(np.concatenate(cuts[: k + 1]), cuts[k + 1]) for k in range(count)]
    for fit, valid in keep_apart(plain, at, groups, gap * DAY_US):
        assert not overlapping(frame, fit, valid, gap)
        assert len(fit)
        assert len(valid)


def test_folds_by_account_hold_every_row_once_and_no_account_twice() -> None:
    groups = np.repeat(np.arange(30), 3)
    folds = account_folds(groups, 5)
    assert sorted(np.concatenate([valid for _, valid in folds]).tolist()) == list(range(90))
    for fit, valid in [*folds, *split_by_account([(np.arange(60), np.arange(60, 90))], np.tile(np.arange(30), 3))]:
        assert len(fit)
        assert len(valid)
    assert not any(set(groups[fit]) & set(groups[valid]) for fit, valid in folds)


@pytest.mark.parametrize("by", ["time", "account"])
def test_names_of_accounts_and_their_order_say_nothing(by: str) -> None:
    frame = customers()
    split = SPLIT.model_copy(update={"cross_fit_by": by})
    renamed = frame.assign(account_id="other " + frame["account_id"])
    pairs = (training_folds(rows, split, 60, 2, False) for rows in (frame, renamed))
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])

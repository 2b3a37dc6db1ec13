"""Slices in time: cuts, purge, grouping, folds, and the messages."""

import datetime as dt
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import DataError, ParameterError
from models.fitting.splits import SLICES, Slices, assign_slices, describe_slices, time_folds
from models.params import SplitParams

START = pd.Timestamp("2024-01-01", tz="UTC")


def params(**changes: Any) -> SplitParams:
    return SplitParams(**{"mode": "time", "early_stopping_share": 0.2, "calibration_share": 0.2, **changes})


def days(frame: pd.DataFrame) -> pd.Series:
    return (frame["snapshot_at"] - START) / pd.Timedelta(days=1)


def history(length: int = 400, per_day: int = 2, leads: int | None = None) -> pd.DataFrame:
    """One headline row per lead, evenly in time; every third row is positive."""
    n = length * per_day
    at = START + pd.to_timedelta(np.arange(n) * 24 / per_day, unit="h")
    return pd.DataFrame(
        {
            "lead_id": [f"L{i % (leads or n)}" for i in range(n)],
            "account_id": None,
            "snapshot_at": pd.Series(at).dt.as_unit("us"),
            "is_headline": True,
            "label": pd.array([int(i % 3 == 0) for i in range(n)], dtype="Int8"),
            "matured": True,
        }
    )


def bounds(frame: pd.DataFrame, slices: Slices, name: str) -> tuple[float, float]:
    chosen = days(frame)[(slices.slice == name).to_numpy()]
    return float(chosen.min()), float(chosen.max())


def test_slices_follow_one_another_with_the_wanted_shares() -> None:
    frame = history()
    slices = assign_slices(frame, params(label_purge=False), 60, 2, "real")
    assert slices.slice.value_counts().to_dict() == {
        "train": 360,
        "test": 200,
        "early_stopping": 120,
        "calibration": 120,
    }
    assert [bounds(frame, slices, name)[0] for name in SLICES] == [0.0, 180.0, 240.0, 300.0]
    assert (slices.reason == "").all()


def test_purged_rows_know_their_label_before_the_next_slice_begins() -> None:
    frame = history()
    slices = assign_slices(frame, params(), 30, 2, "real")
    for name, following in itertools.pairwise(SLICES):
        start = np.floor(bounds(frame, slices, following)[0])
        last = bounds(frame, slices, name)[1]
        assert last + 32 <= start
        assert last + 0.5 + 32 > start, "the purge takes no more rows than it must"
    kept = slices.slice[slices.slice.isin(SLICES[:3])].value_counts(normalize=True)
    assert kept["early_stopping"] == pytest.approx(0.2, abs=0.01)
    assert kept["calibration"] == pytest.approx(0.2, abs=0.01)
    assert set(slices.reason) == {"", "label_purge"}


@pytest.mark.parametrize(("hours", "kept"), [(0, True), (1, False)])
def test_label_window_may_end_exactly_where_the_test_begins(hours: int, kept: bool) -> None:
    frame = history(40)
    test_from = START + pd.Timedelta(days=30)
    row = frame.iloc[[0]].assign(
        lead_id="edge", snapshot_at=test_from - pd.Timedelta(days=7) + pd.Timedelta(hours=hours)
    )
    frame = pd.concat([frame, row.assign(snapshot_at=row["snapshot_at"].dt.as_unit("us"))], ignore_index=True)
    section = params(cross_fit_folds=2, test_from=test_from.date())
    assert (assign_slices(frame, section, 5, 2, "real").slice.iloc[-1] == "train") is kept


def test_dates_and_immature_rows() -> None:
    frame = history(100)
    frame.loc[frame.index[-20:], "label"] = pd.NA
    frame.loc[frame.index[:4], "matured"] = False
    section = params(
        train_from=dt.date(2024, 1, 11),
        test_from=dt.date(2024, 2, 20),
        test_until=dt.date(2024, 3, 1),
        label_purge=False,
    )
    slices = assign_slices(frame, section, 10, 0, "real")
    assert slices.reason.value_counts().to_dict() == {
        "": 100,
        "after_test_until": 60,
        "immature": 24,
        "before_train_from": 16,
    }
    assert bounds(frame, slices, "test") == (50.0, 59.5)


def test_ordinal_clock_cuts_by_rank_and_never_purges() -> None:
    frame = history(10, 10)
    frame["snapshot_at"] = START.as_unit("us") + pd.to_timedelta(np.arange(100), unit="min")
    slices = assign_slices(frame, params(test_share=0.3), 60, 2, "ordinal")
    assert slices.slice.tolist() == ["train"] * 42 + ["early_stopping"] * 14 + ["calibration"] * 14 + ["test"] * 30


def test_test_starts_at_the_midnight_nearest_to_the_wanted_share() -> None:
    frame = history(10, 10)
    slices = assign_slices(frame, params(test_share=0.26, cross_fit_folds=2), 0, 0, "real")
    assert (slices.slice == "test").sum() == 30
    slices = assign_slices(frame, params(test_share=0.24, cross_fit_folds=2), 0, 0, "real")
    assert (slices.slice == "test").sum() == 20


def test_only_headline_rows_count_for_shares() -> None:
    frame = history(100)
    late = frame.iloc[-40:].assign(is_headline=False, lead_id="again")
    frame = pd.concat([frame, late, late, late], ignore_index=True)
    slices = assign_slices(frame, params(cross_fit_folds=2, label_purge=False), 1, 0, "real")
    assert ((slices.slice == "test") & frame["is_headline"]).sum() == 50


def test_grouped_keeps_a_group_in_the_slice_of_its_first_headline() -> None:
    frame = history(100)
    # L0 and L1 share account a, L1 and L199 share account b: one group through L1.
    frame["account_id"] = frame["account_id"].astype(object)
    frame.loc[[0], "account_id"] = "a"
    frame.loc[[199], "account_id"] = "b"
    link = frame.iloc[[1, 1]].assign(account_id=["a", "b"])
    frame = pd.concat([frame.drop(index=1), link], ignore_index=True)
    slices = assign_slices(frame, params(mode="grouped", label_purge=False), 10, 0, "real")
    last = frame.index[frame["lead_id"] == "L199"][0]
    assert slices.slice[last] == "dropped"
    assert slices.reason[last] == "straddles"
    time = assign_slices(frame, params(label_purge=False), 10, 0, "real")
    assert time.slice[last] == "test"


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 60), st.integers(0, 2**16), st.booleans())
def test_grouped_slices_share_no_lead_and_no_account(size: int, wait: int, seed: int, purge: bool) -> None:
    random = np.random.default_rng(seed)
    first = history(400)
    first["account_id"] = [f"A{row // size}" if row % 5 else None for row in range(len(first))]
    again = first.assign(
        snapshot_at=first["snapshot_at"] + pd.Timedelta(days=wait), is_headline=random.random(800) < 0.5
    )
    frame = pd.concat([first, again], ignore_index=True)
    frame["label"] = pd.array(random.integers(0, 2, len(frame)), dtype="Int8")
    slices = assign_slices(frame, params(mode="grouped", label_purge=purge), 10, 1, "real")
    assert (slices.reason == "straddles").any()
    for column in ("lead_id", "account_id"):
        kept = frame.assign(slice=slices.slice).query("slice != 'dropped'").dropna(subset=[column])
        assert (kept.groupby(column)["slice"].nunique() == 1).all()
    shuffled = frame.sample(frac=1.0, random_state=seed)
    again = assign_slices(shuffled, params(mode="grouped", label_purge=purge), 10, 1, "real")
    pd.testing.assert_series_equal(again.slice.sort_index(), slices.slice)


def test_description_counts_every_row_once() -> None:
    frame = history(400)
    frame.loc[frame.index[-6:], "label"] = pd.NA
    slices = assign_slices(frame, params(), 30, 2, "real")
    described = describe_slices(frame, slices)
    rows = sum(found["rows"] for found in described["slices"].values())
    assert rows + sum(described["dropped"].values()) == len(frame)
    assert described["dropped"]["immature"] == 6
    assert described["slices"]["train"]["first"] == "2024-01-01T00:00:00+00:00"
    assert described["slices"]["test"]["positives"] == (frame["label"][slices.slice == "test"] == 1).sum()
    as_floats = frame.assign(label=frame["label"].astype("Float64").to_numpy(dtype=float, na_value=np.nan))
    assert describe_slices(as_floats, slices) == described


def test_messages() -> None:
    frame = history(100)
    with pytest.raises(DataError, match=r"slice '\w+' is empty.*train \d+.*label_purge.*cross_fit_folds"):
        assign_slices(frame, params(), 90, 2, "real")
    section = params(cross_fit_folds=2, label_purge=False)
    one = frame.assign(label=[1, 0] * 75 + [0] * 50)
    with pytest.raises(DataError, match=r"slice 'test' holds no positive; rows: train 150 \(75 positive\)"):
        assign_slices(one, section, 1, 0, "real")
    one = frame.assign(label=[1] * 150 + [0, 1] * 25)
    with pytest.raises(DataError, match=r"slice 'train' holds positives only"):
        assign_slices(one, section, 1, 0, "real")
    one = frame.assign(account_id="a")
    with pytest.raises(DataError, match=r"slice 'test' is empty.*50 straddles.*split.mode to time"):
        assign_slices(one, params(mode="grouped", cross_fit_folds=2), 1, 0, "real")
    with pytest.raises(DataError, match=r"columns \['matured'\] are missing"):
        assign_slices(frame.drop(columns="matured"), params(), 1, 0, "real")
    with pytest.raises(DataError, match=r"none of 200 snapshots is a matured headline row.*200 are immature"):
        assign_slices(frame.assign(matured=False), params(), 1, 0, "real")
    with pytest.raises(ParameterError, match=r"split.train_from is 2024-03-01, not before split.test_from"):
        assign_slices(frame, params(train_from=dt.date(2024, 3, 1), test_from=dt.date(2024, 2, 1)), 1, 0, "real")
    with pytest.raises(DataError, match="not datetime64 in UTC"):
        assign_slices(frame.assign(snapshot_at=frame["snapshot_at"].dt.tz_localize(None)), params(), 1, 0, "real")


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(0, 40), st.booleans(), st.integers(0, 2**16))
def test_folds_are_fitted_on_what_was_known(n_folds: int, label_days: int, purge: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    at = START + pd.to_timedelta(random.integers(0, 300 * 24, 400), unit="h")
    moments = pd.Series(at).dt.as_unit("us")
    folds = time_folds(moments, n_folds, label_days, 1, purge, "real")
    gap = pd.Timedelta(days=label_days + 1) if purge else pd.Timedelta(0)
    validated = np.concatenate([valid for _, valid in folds])
    assert len(folds) == n_folds
    assert len(np.unique(validated)) == len(validated)
    assert moments.iloc[np.setdiff1d(np.arange(400), validated)].max() < moments.iloc[validated].min()
    for fit, valid in folds:
        start = moments.iloc[valid].min()
        assert (moments.iloc[fit] < start).all()
        assert (moments.iloc[fit] + gap <= start).all()
    assert all(len(later[0]) > len(earlier[0]) for earlier, later in itertools.pairwise(folds))


def test_ordinal_folds_are_equal_blocks() -> None:
    moments = pd.Series(START.as_unit("us") + pd.to_timedelta(np.arange(40), unit="min"))
    folds = time_folds(moments, 3, 60, 2, True, "ordinal")
    assert [(len(fit), len(valid)) for fit, valid in folds] == [(10, 10), (20, 10), (30, 10)]


def test_too_short_for_folds() -> None:
    with pytest.raises(DataError, match=r"split.cross_fit_folds = 5: 50 training rows .* labels take 62 days"):
        time_folds(history(25)["snapshot_at"], 5, 60, 2, True, "real")

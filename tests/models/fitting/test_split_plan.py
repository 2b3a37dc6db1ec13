"""What a history allows: long ones get the strictest split, short ones the best they bear, and advice that works."""

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError
from models.fitting.folds import training_folds
from models.fitting.split_counts import FEWEST, JUDGED
from models.fitting.split_plan import STRICTEST, SplitPlan, longer_history, plan_split
from models.fitting.splits import assign_slices
from models.params import SplitParams, SplitSection
from pipeline.pages.split_words import split_sentences

START = pd.Timestamp("2026-05-04", tz="UTC")


def section(**changes: Any) -> SplitSection:
    return SplitSection(**{"early_stopping_share": 0.12, "calibration_share": 0.15, **changes})


def history(
    leads: int, days: int, *, export: int | None = None, label_days: int = 62, rate: float = 0.17, weekly: int = 5
) -> pd.DataFrame:
    """MQLs evenly over `days`, each looked at weekly; labels are known `label_days` later, up to the export."""
    random = np.random.default_rng(3)
    first = np.sort(random.uniform(0, days, leads))
    won = random.random(leads) < rate
    looks = random.integers(1, weekly + 1, leads)
    lead = np.repeat(np.arange(leads), looks)
    number = np.concatenate([np.arange(n) for n in looks])
    day = first[lead] + 7 * number
    matured = day + label_days <= (days if export is None else export)
    at = pd.Series(START + pd.to_timedelta(day, unit="D")).dt.as_unit("us")
    return pd.DataFrame(
        {
            "lead_id": [f"L-{i}" for i in lead],
            "account_id": [f"A-{i // 2}" for i in lead],
            "snapshot_at": at,
            "is_headline": number == 0,
            "label": pd.array(np.where(matured, won[lead], pd.NA), dtype="Int8"),
            "matured": matured,
        }
    )


def plan(frame: pd.DataFrame, **changes: Any) -> SplitPlan:
    return plan_split(frame, section(**changes), 60, 2, "real")


def check_trainable(frame: pd.DataFrame, found: SplitPlan) -> None:
    """The slices and the folds hold both classes, so that `train` and `evaluate` can work."""
    for name in ("train", "test"):
        labels = frame["label"][(found.slices.slice == name).to_numpy()].astype(int)
        assert FEWEST <= labels.sum() <= len(labels) - FEWEST
    rows = frame[(found.slices.slice == "train").to_numpy()]
    y = rows["label"].to_numpy(dtype=float)
    folds = training_folds(rows, found.params, 60, 2, False)
    assert all(np.unique(y[fit]).size == np.unique(y[valid]).size == 2 for fit, valid in folds)


def test_a_long_history_gets_the_strictest_split() -> None:
    frame = history(4000, 900)
    found = plan(frame)
    assert {name: getattr(found.params, name) for name in STRICTEST} == STRICTEST
    strict = SplitParams(early_stopping_share=0.12, calibration_share=0.15, cross_fit_folds=5)
    pd.testing.assert_series_equal(found.slices.slice, assign_slices(frame, strict, 60, 2, "real").slice)
    assert len(found.considered) == 1


def test_five_months_are_used_and_not_thrown_away() -> None:
    frame = history(1151, 153)
    strict = SplitParams(early_stopping_share=0.12, calibration_share=0.15, cross_fit_folds=5)
    assert (assign_slices(frame, strict, 60, 2, "real").slice == "train").sum() < 60, "what the strictest split leaves"
    found = plan(frame)
    check_trainable(frame, found)
    counts = found.considered[-1]
    assert counts.train_positives >= 50
    assert counts.train_leads + counts.test_leads >= 0.8 * (frame["label"].notna() & frame["is_headline"]).sum()


@pytest.mark.parametrize(("leads", "days"), [(250, 120), (150, 700), (300, 200), (600, 100)])
def test_what_is_planned_can_be_trained(leads: int, days: int) -> None:
    frame = history(leads, days)
    check_trainable(frame, plan(frame))


def test_accounts_with_a_lead_in_every_quarter_do_not_take_the_verdict_from_the_test() -> None:
    """Grouped, nearly every account of the test is one of the training: what would remain can't be judged."""
    frame = history(2600, 420, rate=0.2)
    account = np.random.default_rng(4).integers(0, 855, 2600)
    frame["account_id"] = [f"A-{account[int(lead[2:])]}" for lead in frame["lead_id"]]
    found = plan(frame)
    grouped, by_time = found.considered[0], found.considered[-1]
    assert (grouped.mode, by_time.mode, found.params.mode) == ("grouped", "time", "time")
    assert grouped.test_positives < JUDGED <= by_time.test_positives
    assert by_time.train_positives == grouped.train_positives
    assert plan(frame, mode="grouped").params.mode == "grouped"


def test_a_long_history_of_few_leads_stays_purged() -> None:
    assert plan(history(200, 900)).params.label_purge


def test_given_values_are_honoured() -> None:
    frame = history(1500, 300)
    given = {"mode": "time", "test_share": 0.31, "label_purge": False, "cross_fit_folds": 2, "cross_fit_purge": False}
    params = plan(frame, **given).params
    assert {name: getattr(params, name) for name in given} == given
    dated = plan(frame, test_from=dt.date(2026, 10, 1)).params
    assert dated.test_from == dt.date(2026, 10, 1)
    assert section(mode="auto", cross_fit_folds="auto") == section()


def monthly(moments: int) -> pd.DataFrame:
    """Existing customers on the first of each month: `moments` to train on, a gap for the purge, one to test."""
    random = np.random.default_rng(5)
    starts = [START + pd.DateOffset(months=m) for m in (*range(moments), moments + 2)]
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{a}" for _ in starts for a in range(150)],
            "account_id": [f"A-{a}" for _ in starts for a in range(150)],
            "snapshot_at": pd.Series([start for start in starts for _ in range(150)]).dt.as_unit("us"),
            "is_headline": True,
            "matured": True,
        }
    )
    return frame.assign(label=pd.array((random.random(len(frame)) < 0.4).astype(int), dtype="Int8"))


@pytest.mark.parametrize("moments", [1, 2, 3])
def test_one_or_two_moments_can_be_trained(moments: int) -> None:
    frame = monthly(moments)
    found = plan(frame, mode="time", test_from=(START + pd.DateOffset(months=moments + 2)).date())
    check_trainable(frame, found)
    assert (found.slices.slice == "train").sum() == 150 * moments


def test_too_few_are_refused_with_what_is_missing_and_the_date_it_names_is_enough() -> None:
    frame = history(250, 80)
    with pytest.raises(DataError, match=r"too few .* Missing: about \d+ more leads .* an export of") as error:
        plan(frame)
    text = str(error.value)
    day = re.search(r"an export of (\d{4}-\d\d-\d\d)", text)
    assert day is not None
    export = (pd.Timestamp(day[1], tz="UTC") - START).days
    later = history(250, 80, export=export)
    assert (later["label"].notna()).sum() > frame["label"].notna().sum()
    check_trainable(later, plan(later))


def test_with_as_many_more_leads_as_are_missing_it_works() -> None:
    frame = history(60, 400)
    with pytest.raises(DataError, match="Export a longer history, or wait") as error:
        plan(frame)
    missing = re.search(r"about ([\d,]+) more leads with a known outcome, (\d+) more positives", str(error.value))
    assert missing is not None
    more = 60 + int(missing[1]) + 10
    longer = history(more, 400 * more // 60)
    check_trainable(longer, plan(longer))


@pytest.mark.parametrize(("rate", "words"), [(0.0, "None of them is positive"), (1.0, "All of them are positive")])
def test_a_history_of_one_kind_is_refused_with_where_to_look(rate: float, words: str) -> None:
    with pytest.raises(
        DataError, match=f"{words}, so there is nothing to learn. See whether the source's SQL"
    ) as error:
        plan(history(400, 300, rate=rate))
    assert "Missing" not in str(error.value), "no number of leads can be told from a rate of 0"


def test_given_settings_that_do_not_fit_are_named_and_auto_works() -> None:
    frame = history(1151, 153)
    with pytest.raises(DataError, match=r"Set split.mode, .*split.cross_fit_by to auto"):
        plan(frame, mode="grouped", label_purge=True, cross_fit_folds=5, cross_fit_by="time", cross_fit_purge=True)
    check_trainable(frame, plan(frame))


def given_up(found: SplitPlan) -> list[str]:
    return [name for name, value in STRICTEST.items() if getattr(found.params, name) != value]


def test_the_days_that_a_longer_history_needs_are_enough() -> None:
    frame = history(1151, 153)
    asked = given_up(plan(frame))
    days, gained = longer_history(frame, section(), asked, 60, 2, "real")
    assert (days is not None, list(gained)) == (True, asked)
    longer = history(round(1151 * (153 + days) / 153), 153 + days + 14)
    assert {name: getattr(plan(longer).params, name) for name in STRICTEST} == STRICTEST


def test_no_history_keeps_accounts_apart_that_come_back_all_the_time() -> None:
    def recurring(days: int) -> pd.DataFrame:
        frame = history(4 * days, days, rate=0.3)
        account = np.random.default_rng(6).integers(0, 80, 4 * days)
        return frame.assign(account_id=[f"A-{account[int(lead[2:])]}" for lead in frame["lead_id"]])

    frame = recurring(300)
    found = plan(frame)
    assert "mode" in given_up(found)
    assert "mode" not in longer_history(frame, section(), given_up(found), 60, 2, "real")[1]
    assert longer_history(frame, section(), ["mode"], 60, 2, "real") == (None, ())
    assert plan(recurring(600)).params.mode == "time", "and none does"
    said = split_sentences(found.params, found.considered[-1], ["mode"], [], None)
    assert said["en"].endswith("A longer history would give no more: the same accounts come back.")
    assert said["de"].endswith("Eine längere Historie brächte nicht mehr: Dieselben Unternehmen kommen wieder.")


def test_two_sentences_say_what_was_chosen_and_what_more_would_give() -> None:
    frame = history(1151, 153)
    found = plan(frame)
    said = split_sentences(found.params, found.considered[-1], given_up(found), given_up(found), 120)
    assert said["en"].count(". ") == 1
    assert "About 120 more days like these would give" in said["en"]
    assert "Etwa 120 weitere solche Tage" in said["de"]
    assert split_sentences(found.params, found.considered[-1], [], [], None)["en"].count(". ") == 0
    fixed = plan(frame, test_from=dt.date(2026, 7, 15))
    assert given_up(fixed)
    assert longer_history(frame, section(test_from=dt.date(2026, 7, 15)), given_up(fixed), 60, 2, "real") == (None, ())
    said = split_sentences(fixed.params, fixed.considered[-1], given_up(fixed), [], None)
    assert said["en"].endswith("More days would give no more as long as split.test_from stays.")


def test_without_the_purge_no_account_is_on_both_sides_and_the_sentences_say_what_training_knows() -> None:
    frame = history(1151, 153)
    found = plan(frame, mode="grouped", label_purge=False)
    sides = found.slices.slice.to_numpy()
    accounts = [set(frame["account_id"].dropna()[sides == side]) for side in ("train", "test")]
    assert all(accounts)
    assert not accounts[0] & accounts[1]
    last = frame["snapshot_at"][sides == "train"].max() + pd.Timedelta(days=60)
    assert last > frame["snapshot_at"][sides == "test"].min()  # labels do reach into the test
    said = split_sentences(found.params, found.considered[-1], [], [], None)
    assert "labels of other accounts reach into the test" in said["en"]
    assert "anderer Unternehmen reichen in den Testzeitraum" in said["de"]
    by_time = split_sentences(plan(frame, mode="time", label_purge=False).params, found.considered[-1], [], [], None)
    assert "reach into the test, whose figures are too good" in by_time["en"]

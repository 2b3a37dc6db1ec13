"""Detectors of touchpoints, histories, beginnings and duplicates on small tables."""

import numpy as np
import pandas as pd
import pytest

from pipeline.leakage.counts import NEVER
from pipeline.leakage.duplicates import repeated_rows, straddling
from pipeline.leakage.histories import read_at_export, set_after_outcome
from pipeline.leakage.touchpoints import after_outcome, future_touchpoints, rushing_touchpoints, telling_touchpoints
from pipeline.leakage.truncation import (
    change_point,
    empty_ends,
    left_truncation,
    rate_jumps,
    right_censoring,
    touchpoints_begin_late,
)
from pipeline.params import AuditParams

PARAMS = AuditParams()
DAY = 86_400_000_000
START = int(np.datetime64("2025-01-01", "us").astype(np.int64))


def counts(*rows: tuple[str, int, int, int, int, int]) -> pd.DataFrame:
    names = ["value", "touchpoints", "after_outcome", "just_before", "before", "in_future"]
    return pd.DataFrame(rows, columns=names).assign(field="kind", leads=1)


VISIBLE = pd.DataFrame({"field": ["kind"] * 3, "value": ["visit", "onboarding", "visit"], "row": [0, 1, 1]})
NOTHING = VISIBLE.iloc[:0]


def test_a_kind_that_occurs_only_after_a_qualification() -> None:
    counted = counts(("visit", 5_000, 900, 20, 400, 0), ("onboarding", 100, 100, 0, 0, 0), ("few", 40, 40, 0, 0, 0))
    found = after_outcome(counted, VISIBLE, PARAMS)
    assert [(f.subject, f.strength, f.status) for f in found] == [("kind:onboarding", "block", "open")]
    assert [f.status for f in after_outcome(counted, NOTHING, PARAMS)] == ["withheld"], "no snapshot sees one"


def test_a_kind_whose_pace_explodes_on_the_last_day() -> None:
    counted = counts(("visit", 900, 0, 60, 800, 0), ("booked", 200, 0, 80, 40, 0), ("once", 1, 0, 1, 0, 0))
    assert [f.subject for f in rushing_touchpoints(counted, PARAMS)] == ["kind:booked"]


def test_touchpoints_after_the_export_warn_and_a_few_are_noted() -> None:
    found = future_touchpoints(counts(("visit", 1_000, 0, 0, 0, 1), ("plan", 50, 0, 0, 0, 20)), PARAMS)
    assert {f.subject: f.strength for f in found} == {"kind:visit": "info", "kind:plan": "warn"}


def test_a_kind_that_decides_the_outcome_of_whoever_has_it() -> None:
    label = (np.arange(400) % 4 == 0).astype(np.int8)
    rows = np.flatnonzero(label)
    told = pd.DataFrame({"field": "kind", "value": "contract_sent", "row": rows, "touchpoints": 1})
    honest = pd.DataFrame({"field": "kind", "value": "visit", "row": np.arange(400), "touchpoints": 2})
    found = telling_touchpoints(pd.concat([told, honest]), label, PARAMS)
    assert [f.subject for f in found] == ["kind:contract_sent"]


def changes(*rows: tuple[str, str, str | None, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["lead_id", "attribute", "value", "occurred_at"])
    return frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], utc=True))


def test_an_attribute_whose_values_are_set_only_after_the_outcome() -> None:
    leads = [f"L{i}" for i in range(70)]
    ended = pd.Series(pd.Timestamp("2025-03-01", tz="UTC"), index=leads)
    recorded = changes(
        *[(lead, "rating", "hot", "2025-03-01") for lead in leads],
        *[(lead, "region", "east", "2025-02-28") for lead in leads],
        *[(lead, "cleared", None, "2025-03-05") for lead in leads],
    )
    assert [f.subject for f in set_after_outcome(recorded, ended, PARAMS)] == ["rating"]
    assert set_after_outcome(recorded, ended.iloc[:0], PARAMS) == [], "nobody's period has ended"


def test_reading_at_the_export_blocks_on_a_clock_and_warns_without_one() -> None:
    assert [f.strength for f in read_at_export(["visits"], ordinal=False)] == ["block"]
    assert [f.strength for f in read_at_export(["visits"], ordinal=True)] == ["warn"]


def history(recorded_from: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten leads a day for 200 days, every fifth is won after ten days; outcomes are recorded from a day on."""
    snapshot = START + np.repeat(np.arange(200), 10) * DAY
    outcome = np.where(np.arange(2_000) % 5 == 0, snapshot + 10.0 * DAY, np.nan)
    return snapshot, np.where(outcome >= START + recorded_from * DAY, outcome, np.nan)


def test_outcomes_that_were_recorded_later_than_the_leads_begin() -> None:
    snapshot, outcome = history(recorded_from=100)
    used = np.ones(2_000, bool)
    (found,) = left_truncation(snapshot, outcome, 30, used, PARAMS)
    assert (found.subject, found.strength, found.status) == ("snapshots", "block", "open")
    assert found.evidence["first_outcome"] == "2025-04-11"
    assert found.evidence["expected_outcomes"] == pytest.approx(180, rel=0.05)
    assert found.evidence["change_point"]["month"] == "2025-04"
    dropped = snapshot >= START + 99 * DAY
    assert left_truncation(snapshot, outcome, 30, dropped, PARAMS)[0].status == "withheld"


def test_a_history_that_was_recorded_from_the_beginning() -> None:
    assert left_truncation(*history(recorded_from=0), 30, np.ones(2_000, bool), PARAMS) == []


def test_nothing_is_said_of_a_history_without_outcomes() -> None:
    snapshot, _ = history(0)
    assert left_truncation(snapshot, np.full(2_000, np.nan), 30, np.ones(2_000, bool), PARAMS) == []


def test_young_leads_are_noted_and_block_only_with_a_label() -> None:
    matured = np.array([True, True, False])
    assert right_censoring(matured, np.array([1.0, 0.0, np.nan]))[0].status == "withheld"
    assert right_censoring(matured, np.array([1.0, 0.0, 0.0]))[0].strength == "block"
    assert right_censoring(matured[:2], np.array([1.0, 0.0])) == []


def test_the_change_point_by_hand() -> None:
    found = change_point(np.array([2, 3, 30, 28]), np.array([100, 100, 100, 100]))
    assert found is not None
    assert (found.position, found.before, found.after) == (2, 0.025, 0.29)
    assert found.chance < 1e-9
    assert change_point(np.array([1]), np.array([10])) is None
    same = change_point(np.array([10, 11, 9]), np.array([100, 100, 100]))
    assert same is not None
    assert same.chance == 1.0


def test_a_rate_that_doubles_is_warned_of_and_a_small_step_is_not() -> None:
    month = np.repeat(np.arange(6), 1_000)
    names = np.array([f"2025-0{m + 1}" for m in range(6)])
    thousand = np.tile(np.arange(1_000), 6)
    doubled = (thousand < np.where(month < 3, 50, 200)).astype(np.int8)
    step = (thousand < np.where(month < 3, 100, 150)).astype(np.int8)
    (found,) = rate_jumps(month, doubled, names, PARAMS)
    assert (found.evidence["since"], found.strength) == ("2025-04", "warn")
    assert rate_jumps(month, step, names, PARAMS) == []


def test_periods_without_any_outcome_at_either_end() -> None:
    month = np.repeat(np.arange(6), 100)
    names = np.array([f"2025-0{m + 1}" for m in range(6)])
    label = ((np.arange(600) % 5 == 0) & (month > 0) & (month < 5)).astype(np.int8)
    assert {f.detector for f in empty_ends(month, label, names, PARAMS)} == {"left_truncation", "right_censoring"}
    everywhere = (np.arange(600) % 5 == 0).astype(np.int8)
    assert empty_ends(month, everywhere, names, PARAMS) == []
    assert empty_ends(month, np.zeros(600, np.int8), names, PARAMS) == []


def test_touchpoints_that_begin_after_the_leads() -> None:
    created = START + np.arange(100) * DAY
    recorded = np.maximum(created + DAY, START + 20 * DAY)
    assert touchpoints_begin_late(created, recorded, PARAMS)[0].evidence["leads_before"] == 20
    assert touchpoints_begin_late(created, np.full(100, START + 200 * DAY), PARAMS)[0].evidence["share"] == 1.0
    assert touchpoints_begin_late(created, created, PARAMS) == []
    assert touchpoints_begin_late(created, np.full(100, NEVER), PARAMS) == []


def test_the_first_leads_of_a_young_company_wait_for_their_touchpoints_like_all_others() -> None:
    created = START + np.arange(100) * DAY // 2
    assert touchpoints_begin_late(created, created + 2 * DAY, PARAMS) == [], "4 of 100 are older than any touchpoint"
    half = np.where(np.arange(100) % 2, NEVER, created + DAY)
    half[:4] = NEVER
    assert touchpoints_begin_late(created, half, PARAMS) == [], "half never come back: four in a row are chance"
    half[:20] = NEVER
    assert touchpoints_begin_late(created, half, PARAMS)[0].evidence["leads_before"] == 22, "twenty in a row are not"


def test_test_rows_that_repeat_training_rows() -> None:
    rows = pd.DataFrame({"name": [f"v{i % 90}" for i in range(100)], "size": [i % 90 for i in range(100)]})
    is_test = np.arange(100) >= 80
    telling = np.ones(100, bool)
    (found,) = repeated_rows(rows, is_test, telling, PARAMS)
    assert (found.evidence["test_rows"], found.strength) == (10, "block")
    assert repeated_rows(rows, is_test, telling, PARAMS, worst="warn")[0].strength == "warn"
    assert repeated_rows(rows, is_test, ~telling, PARAMS) == [], "rows that say little may agree by chance"
    assert repeated_rows(rows.iloc[:90], is_test[:90], telling[:90], PARAMS) == []


def random_rows(seed: int, **columns: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame({name: random.integers(0, values, 12_000) for name, values in columns.items()})


def over_time(rows: pd.DataFrame) -> list:
    newest = np.arange(len(rows)) >= 0.75 * len(rows)
    return repeated_rows(rows, newest, np.ones(len(rows), bool), PARAMS)


@pytest.mark.parametrize("cities", [300, 3_000, 30_000])
def test_rows_of_few_values_repeat_one_another_by_chance(cities: int) -> None:
    assert over_time(random_rows(1, source=8, industry=8, size=8)) == []
    rows = random_rows(2, city=cities, industry=10)
    assert over_time(rows.assign(region=rows["city"] // 60, country=rows["city"] // 300)) == [], "a city has one region"


def test_leads_who_filled_in_nothing_look_alike() -> None:
    random = np.random.default_rng(3)
    nothing = random.random(12_000) < 0.4
    answers = {f"question_{i}": np.where(~nothing & (random.random(12_000) < 0.3), "yes", None) for i in range(8)}
    assert over_time(pd.DataFrame(answers)) == []


@pytest.mark.parametrize(("duplicates", "strength"), [(10, "warn"), (300, "block")])
def test_duplicates_among_rows_that_agree_by_chance_in_all_but_their_moment(duplicates: int, strength: str) -> None:
    rows = random_rows(4, moment=600 * 86_400, source=8, industry=3)
    rows["moment"] = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rows["moment"], unit="s")
    assert over_time(rows) == []
    twice = np.random.default_rng(5).choice(9_000, duplicates, replace=False)
    rows.iloc[-duplicates:] = rows.iloc[twice].to_numpy()
    (found,) = over_time(rows)
    assert (found.strength, found.evidence["test_rows"]) == (strength, duplicates)
    assert found.evidence["expected_by_chance"] < 1


def test_ids_on_both_sides_block_unless_the_split_means_them_to_be() -> None:
    is_test = np.array([False, False, True, True])
    assert straddling(["a", "b", "b", "c"], is_test, "lead_id", intended=False)[0].strength == "block"
    assert straddling(["a", "b", "b", "c"], is_test, "lead_id", intended=True)[0].strength == "info"
    assert straddling(["a", None, None, "c"], is_test, "account_id", intended=False) == []

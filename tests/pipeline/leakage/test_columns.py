"""Each detector of columns on small tables: what it must find, and the honest neighbour that it must leave alone."""

import numpy as np
import pandas as pd
import pytest

from pipeline.leakage.audit_table import AuditTable, profile_columns
from pipeline.leakage.columns import audit_columns
from pipeline.leakage.companions import companions, outweighing_columns
from pipeline.leakage.statistics import (
    auc_gain,
    column_codes,
    out_of_fold_rates,
    shared_information,
    stratified_auc,
    time_strata,
)
from pipeline.leakage.time_columns import clock_columns, fill_switches, future_times, moments_of
from pipeline.leakage.values import certain_columns, fading_columns, fill_follows_outcome, pure_values
from pipeline.params import AuditParams

PARAMS = AuditParams()
ROWS = 1_200
LABEL = (np.arange(ROWS) % 4 == 0).astype(np.int8)  # every fourth row has the outcome, all over time
DAY = 86_400_000_000


def table(label: np.ndarray = LABEL, **columns: object) -> AuditTable:
    frame = pd.DataFrame(columns)
    return AuditTable(frame, label, np.arange(len(frame)))


def noise(seed: int, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=rows)


def subjects(findings: list) -> list[str]:
    return sorted({finding.subject for finding in findings})


def filled_for(rows: np.ndarray, value: object = "x") -> pd.Series:
    return pd.Series(np.where(rows, value, None), dtype=object)


def by(detector, audited: AuditTable) -> list:
    return detector(audited, profile_columns(audited, PARAMS), PARAMS)


def test_filled_for_winners_only_is_found_from_59_rows_on() -> None:
    winners = np.flatnonzero(LABEL)
    enough, too_few = np.zeros(ROWS, bool), np.zeros(ROWS, bool)
    enough[winners[:59]], too_few[winners[:58]] = True, True
    audited = table(enough=filled_for(enough), too_few=filled_for(too_few), form=filled_for(np.arange(ROWS) % 3 > 0))
    findings = by(fill_follows_outcome, audited)
    assert subjects(findings) == ["enough"]
    assert findings[0].strength == "block"
    assert findings[0].evidence["exceptions"] == 0


def test_empty_for_winners_only_is_found_too() -> None:
    assert subjects(by(fill_follows_outcome, table(lost_reason=filled_for(LABEL == 0)))) == ["lost_reason"]


def test_empty_for_losers_only_is_a_warning_for_who_never_came_has_nothing_filled_in() -> None:
    first_visit = filled_for((LABEL == 1) | (np.arange(ROWS) % 3 == 0))
    found = by(fill_follows_outcome, table(first_visit=first_visit))
    assert [(f.detector, f.strength) for f in found] == [("fill_follows_outcome", "warn")]


def test_a_fill_that_only_says_a_lot_is_a_warning() -> None:
    random = np.random.default_rng(1)
    filled = random.random(ROWS) < np.where(LABEL == 1, 0.85, 0.25)
    findings = by(fill_follows_outcome, table(often=filled_for(filled)))
    assert [(f.detector, f.strength) for f in findings] == [("missingness_mirrors_label", "warn")]


def test_what_follows_the_outcome_after_the_label_s_window_is_judged_by_the_outcome() -> None:
    late = (np.arange(ROWS) % 8 == 1).astype(np.int8)  # won, but after the window
    some = np.arange(ROWS) % 16 < 2
    frame = pd.DataFrame({"deal": filled_for(some & ((LABEL + late) > 0))})
    blind = AuditTable(frame, LABEL, np.arange(ROWS))
    seeing = AuditTable(frame, LABEL, np.arange(ROWS), eventual=(LABEL + late).astype(np.int8))
    assert by(fill_follows_outcome, blind) == []
    assert subjects(by(fill_follows_outcome, seeing)) == ["deal"]


def test_values_of_winners_alone_are_found_but_not_a_rare_one_nor_those_of_losers() -> None:
    status = np.where(LABEL == 1, np.where(np.arange(ROWS) % 8 == 0, "closed", "open"), "open")
    rare = np.array(["usual"] * ROWS, dtype=object)
    rare[np.flatnonzero(LABEL)[:29]] = "referral"  # all won, yet under 59 rows
    bounced = np.where((LABEL == 0) & (np.arange(ROWS) % 3 == 0), "bounced", "stayed")
    findings = by(pure_values, table(status=status, rare=rare, bounced=bounced))
    assert subjects(findings) == ["status"]
    assert findings[0].evidence["share_of_outcome"] == pytest.approx(0.5)


def test_an_auc_that_no_honest_column_has() -> None:
    audited = table(copy=LABEL + 0.01 * noise(2), good=LABEL + noise(3))
    assert subjects(certain_columns(profile_columns(audited, PARAMS), PARAMS)) == ["copy"]


def test_one_column_that_outweighs_all_others_together() -> None:
    others = {f"honest_{i}": 0.4 * LABEL + noise(10 + i) for i in range(4)}
    audited = table(duration=1.6 * LABEL + noise(4), **others)
    profiles = profile_columns(audited, PARAMS)
    findings = outweighing_columns(audited, profiles, (), PARAMS)
    assert subjects(findings) == ["duration"]
    assert findings[0].evidence["gain"]["low"] > 0


def test_two_leaks_do_not_hide_one_another() -> None:
    others = {f"honest_{i}": 0.4 * LABEL + noise(40 + i) for i in range(4)}
    audited = table(rating=2.0 * LABEL + noise(45), reason=2.0 * LABEL + noise(46), **others)
    found = outweighing_columns(audited, profile_columns(audited, PARAMS), (), PARAMS)
    assert {finding.subject: finding.strength for finding in found} == {"rating": "block", "reason": "block"}


def test_the_best_of_weak_columns_is_a_warning_only() -> None:
    others = {f"weak_{i}": noise(30 + i) for i in range(4)}
    audited = table(visits=1.0 * LABEL + noise(35), **others)
    found = outweighing_columns(audited, profile_columns(audited, PARAMS), (), PARAMS)
    assert [(finding.subject, finding.strength) for finding in found] == [("visits", "warn")]


def test_a_good_column_among_good_ones_does_not_outweigh_them() -> None:
    audited = table(**{f"honest_{i}": 1.0 * LABEL + noise(20 + i) for i in range(5)})
    assert outweighing_columns(audited, profile_columns(audited, PARAMS), (), PARAMS) == []


def test_against_few_others_nothing_outweighs() -> None:
    audited = table(duration=1.6 * LABEL + noise(4), honest=noise(5), other=noise(6))
    assert outweighing_columns(audited, profile_columns(audited, PARAMS), (), PARAMS) == []


def test_a_companion_of_a_status_that_knows_the_outcome() -> None:
    random = np.random.default_rng(7)
    tags = np.where(LABEL == 1, "won", random.choice(["ringing", "busy", "student"], ROWS))
    profile = np.where(tags == "student", "student profile", random.choice(["a", "b"], ROWS))
    source = random.choice(["web", "fair", "mail"], ROWS)
    audited = table(tags=tags, profile=profile, source=source, form=filled_for(tags != "busy"))
    profiles = profile_columns(audited, PARAMS)
    findings = companions(audited, profiles, {"tags"}, {"tags"}, PARAMS)
    assert subjects(findings) == ["profile"]
    assert findings[0].evidence["with"] == "tags"
    assert companions(audited, profiles, (), (), PARAMS) == [], "without a column that knows the outcome there is none"


def copied_after_success(industry: np.ndarray) -> np.ndarray:
    """What sales writes when a lead is won: the product, which in nine of ten cases is that of its industry."""
    random = np.random.default_rng(71)
    other = random.choice(["steel", "food", "paper", "glass"], ROWS)
    return np.where(LABEL == 1, np.where(random.random(ROWS) < 0.9, industry, other), None).astype(object)


def test_an_honest_column_that_a_field_of_the_winners_follows_is_a_warning_only() -> None:
    industry = np.random.default_rng(70).choice(["steel", "food", "paper", "glass"], ROWS)
    findings, _ = audit_columns(table(industry=industry, product_sold=copied_after_success(industry)), PARAMS)
    strength = {(f.subject, f.detector): f.strength for f in findings}
    assert strength[("product_sold", "pure_values")] == "block"
    assert {subject_detector for subject_detector in strength if subject_detector[0] == "industry"} == {
        ("industry", "companion")
    }
    assert strength[("industry", "companion")] == "warn"


@pytest.mark.parametrize(("share_filled_for_losers", "strength"), [(1.0, "warn"), (0.4, "block")])
def test_a_companion_whose_filling_follows_the_outcome_is_a_leak(share_filled_for_losers: float, strength: str) -> None:
    random = np.random.default_rng(72)
    industry = random.choice(["steel", "food", "paper", "glass"], ROWS)
    written = np.where((LABEL == 1) | (random.random(ROWS) < share_filled_for_losers), industry, None).astype(object)
    audited = table(segment=written, product_sold=copied_after_success(industry))
    profiles = profile_columns(audited, PARAMS)
    (found,) = companions(audited, profiles, {"product_sold"}, {"product_sold"}, PARAMS)
    assert (found.subject, found.strength) == ("segment", strength)


def test_a_companion_with_little_of_its_own_is_a_leak_where_it_goes_along_with_either_outcome() -> None:
    random = np.random.default_rng(73)
    group = random.choice(["a", "b", "c"], ROWS, p=[0.4, 0.3, 0.3])
    weak = np.where((LABEL == 1) & (random.random(ROWS) < 0.25), "a", group)
    status = np.char.add(np.where(LABEL == 1, "won ", "lost "), weak)
    one_sided = np.where(LABEL == 1, status, "open")
    for anchor, strength in ((status, "block"), (one_sided, "warn")):
        audited = table(group=weak, status=anchor)
        profiles = profile_columns(audited, PARAMS)
        assert 0.5 < profiles["group"].auc.low < profiles["group"].auc.value < PARAMS.companion_auc
        (found,) = companions(audited, profiles, {"status"}, {"status"}, PARAMS)
        assert found.strength == strength


def test_a_process_that_filled_a_block_for_a_while() -> None:
    ran = (np.arange(ROWS) < 300) | (np.arange(ROWS) >= 900)
    score, index = pd.Series(np.where(ran, 1.5 * LABEL + noise(8), np.nan)), filled_for(ran, "medium")
    index[np.flatnonzero(ran)[::2]] = "high"
    new_form = filled_for(np.arange(ROWS) >= 600, "yes")
    new_form[np.arange(ROWS) % 5 == 0] = None
    findings = by(fill_switches, table(score=score, index=index, new_form=new_form, always=noise(9)))
    strength = {finding.subject: finding.strength for finding in findings}
    assert strength == {"score": "block", "index": "block", "new_form": "warn"}
    assert next(f for f in findings if f.subject == "index").evidence["filled_together"] == ["index", "score"]


def test_ids_that_run_with_time_and_ids_that_do_not() -> None:
    shuffled = np.random.default_rng(11).permutation(ROWS)
    findings = clock_columns(
        table(
            number=np.arange(ROWS) + 10_000,
            code=[f"L-{i:06d}" for i in range(ROWS)],
            random=[f"R-{i:06d}" for i in shuffled],
            constant=["x"] * ROWS,
        ),
        PARAMS,
    )
    assert subjects(findings) == ["code", "number"]
    assert {finding.strength for finding in findings} == {"warn"}


def test_an_id_whose_beginning_follows_the_outcome() -> None:
    ids = [f"{'C' if LABEL[i] else 'L'}-{(i * 7919) % 100_003:06d}" for i in range(ROWS)]
    findings, _ = audit_columns(table(contract_id=ids, honest=noise(12)), PARAMS)
    assert "contract_id" in {finding.subject for finding in findings if finding.strength == "block"}


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_epoch_numbers_of_any_unit_are_moments(unit: int) -> None:
    moments = moments_of(pd.Series([1_400_000_000 * unit, None, 1_400_000_060 * unit]))
    assert moments is not None
    assert moments[2] - moments[0] == 60_000_000
    assert np.isnan(moments[1])


def test_iso_text_is_a_moment_and_other_text_or_counts_are_not() -> None:
    assert moments_of(pd.Series(["2026-01-05T10:00:00Z", "2026-01-06"])) is not None
    assert moments_of(pd.Series(["2026 planning guide", "x"])) is None
    assert moments_of(pd.Series([3.0, 250_000.0])) is None
    assert moments_of(pd.Series([None, None], dtype=object)) is None


def test_moments_at_or_after_the_snapshot_are_found_and_earlier_ones_are_not() -> None:
    at = pd.Timestamp("2024-03-01", tz="UTC").value // 1_000 + np.arange(ROWS) * DAY
    one_late = at // 1_000_000 - 60
    one_late[5] = at[5] // 1_000_000
    frame = pd.DataFrame({"last_login": at // 1_000_000 + 3_600, "signed_up": at // 1_000_000 - 60, "dirty": one_late})
    findings = future_times(AuditTable(frame, LABEL, at, snapshot_at=at), PARAMS)
    assert {f.subject: f.strength for f in findings} == {"last_login": "block", "dirty": "warn"}
    assert future_times(AuditTable(frame, LABEL, at), PARAMS) == [], "an order is no clock"


def test_a_column_that_knows_only_what_is_about_to_come() -> None:
    days = np.where(LABEL == 1, np.arange(ROWS) % 80 + 1.0, np.nan)
    near = (LABEL == 1) & (days <= np.nanmedian(days))
    frame = pd.DataFrame({"closing": 2.5 * near + noise(13), "steady": 1.5 * LABEL + noise(14)})
    audited = AuditTable(frame, LABEL, np.arange(ROWS), days_to_outcome=days)
    assert subjects(fading_columns(profile_columns(audited, PARAMS), PARAMS)) == ["closing"]


def test_honest_columns_give_no_finding() -> None:
    random = np.random.default_rng(15)
    audited = table(
        visits=random.poisson(3 + LABEL),
        source=random.choice(["web", "fair", "mail"], ROWS),
        size=np.exp(noise(16)),
        note=filled_for(random.random(ROWS) < 0.4 + 0.2 * LABEL),
        id=[f"{x:08x}" for x in random.integers(0, 2**32, ROWS)],
    )
    findings, profiles = audit_columns(audited, PARAMS)
    assert findings == []
    assert set(profiles) == {"visits", "source", "size", "note", "id"}


def test_a_drifting_base_rate_is_not_a_column_s_merit() -> None:
    random = np.random.default_rng(17)
    order = np.arange(4_000)
    label = (random.random(4_000) < 0.05 + 0.4 * order / 4_000).astype(np.int8)
    rates = out_of_fold_rates(column_codes(pd.Series(order // 400 + 0.1 * noise(18, 4_000))), label)
    assert stratified_auc(rates, label, np.zeros(4_000)).value > 0.62
    assert stratified_auc(rates, label, time_strata(order, label)).value < 0.55


def test_delong_s_interval_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(19)
    inside = 0
    for _ in range(300):
        label = (np.arange(200) % 4 == 0).astype(np.int8)
        auc = stratified_auc(random.normal(size=200), label, np.zeros(200), 0.9)
        inside += auc.low <= 0.5 <= auc.high
    assert 0.85 <= inside / 300 <= 0.95


def test_auc_with_ties_by_hand() -> None:
    scores, label = np.array([1.0, 1.0, 0.0, 2.0]), np.array([1, 0, 0, 1])
    assert stratified_auc(scores, label, np.zeros(4)).value == pytest.approx((0.5 + 1 + 1 + 1) / 4)
    assert auc_gain(scores, scores, label, np.zeros(4)) == (0.0, 0.0, 0.0)
    assert np.isnan(stratified_auc(scores, np.ones(4, int), np.zeros(4)).value)


def test_shared_information_is_one_for_copies_and_none_for_strangers() -> None:
    random = np.random.default_rng(20)
    one, two = random.integers(0, 5, 2_000), random.integers(0, 40, 2_000)
    groups = random.integers(0, 2, 2_000)
    assert shared_information(one, one, groups) == pytest.approx(1.0)
    assert abs(shared_information(one, two, groups)) < 0.05
    assert shared_information(np.zeros(2_000, int), two, groups) == 0.0


def test_codes_keep_a_heap_apart_from_its_neighbours() -> None:
    values = pd.Series([0.0] * 80 + list(np.linspace(0.001, 5, 120)))
    codes = column_codes(values)
    assert (codes[:80] == codes[0]).all()
    assert not (codes[80:] == codes[0]).any()
    assert column_codes(pd.Series([True, None, False])).tolist() == [2, 0, 1]

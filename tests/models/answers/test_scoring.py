"""One function scores: alone or among others, from records or tables, with what was known before the snapshot."""

import copy
import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.compute import Snapshots, compute_features
from features.errors import DataError, ParameterError
from models.answers.requests import LeadRequest, build_inputs, parse_lead
from models.answers.scoring import ROWS_AT_ONCE, Score, probabilities, score, score_requests
from models.bundle import Bundle

AT = "2026-03-02T10:00:00+00:00"
MQL = {"stage": "mql", "occurred_at": "2026-03-01T10:00:00Z"}
BEFORE, EXACTLY, AFTER = "2026-03-02T09:59:59.999999Z", AT, "2026-03-02T10:00:00.000001Z"


def _score(bundle: Bundle, **fields: Any) -> Score:
    options = {name: fields.pop(name) for name in ("language", "explain", "debug", "n_reasons") if name in fields}
    lead = {"lead_id": "L-1", "snapshot_at": AT, **fields}
    return score_requests(bundle, [parse_lead(lead, "leads[0]")], **options)[0]


def test_a_lead_alone_has_the_answer_it_has_among_others(small_bundle: Bundle, parsed: list[LeadRequest]) -> None:
    together = score_requests(small_bundle, parsed, n_reasons=10)
    assert [score_requests(small_bundle, [lead], n_reasons=10)[0] for lead in parsed] == together
    assert score_requests(small_bundle, parsed[::-1], n_reasons=10) == together[::-1]
    assert len({item.probability for item in together}) > 5


def test_snapshots_of_one_lead_are_scored_in_the_order_given(small_bundle: Bundle, parsed: list[LeadRequest]) -> None:
    journeys, snapshots, attributes = build_inputs(parsed, small_bundle.catalog)
    later = snapshots.snapshot_at[3] + 10**12
    chosen = np.array([3, 3, 0])
    moments = np.array([later, snapshots.snapshot_at[3], snapshots.snapshot_at[0]])
    values = {name: [column[row] for row in chosen] for name, column in attributes.items()}
    answers = score(small_bundle, journeys, Snapshots(chosen, moments), values)
    plain = score(small_bundle, journeys, snapshots, attributes)
    assert [answers[1], answers[2]] == [plain[3], plain[0]]
    assert (answers[0].lead_id, answers[0].snapshot_at) == (plain[3].lead_id, later)
    assert answers[0] != plain[3]


def test_answers_hold_the_single_precision_numbers_of_the_batch(
    small_bundle: Bundle, parsed: list[LeadRequest]
) -> None:
    journeys, snapshots, attributes = build_inputs(parsed, small_bundle.catalog)
    matrix = compute_features(journeys, snapshots, small_bundle.catalog, attributes)
    probability, low, high = probabilities(small_bundle, matrix)
    assert {array.dtype for array in (probability, low, high)} == {np.dtype(np.float32)}
    for row, item in enumerate(score(small_bundle, journeys, snapshots, attributes, debug=True)):
        assert (item.probability, item.low, item.high) == (probability[row], low[row], high[row])
        assert 0 <= item.low <= item.probability <= item.high <= 1
        assert item.vector is not None
        assert item.vector.tobytes() == matrix[row].tobytes()


def test_parts_and_base_value_sum_to_the_raw_log_odds(small_bundle: Bundle, parsed: list[LeadRequest]) -> None:
    for item in score_requests(small_bundle, parsed, debug=True):
        assert item.fit is not None
        assert item.engagement is not None
        assert item.base_value == small_bundle.classifier.base_value
        log_odds = small_bundle.classifier.predict_log_odds(item.vector[None, :])[0]
        assert item.fit + item.engagement + item.base_value == pytest.approx(log_odds, abs=1e-12)


def test_all_reasons_together_explain_the_whole_score(small_bundle: Bundle, parsed: list[LeadRequest]) -> None:
    for item in score_requests(small_bundle, parsed, n_reasons=10):
        assert len(item.reasons) < 10  # so none was left out
        total = sum(reason.contribution for reason in item.reasons)
        assert total == pytest.approx(item.fit + item.engagement, abs=1e-12)


def test_large_batches_are_cut_without_a_trace(
    small_bundle: Bundle, rows: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = probabilities(small_bundle, rows[0])
    assert len(rows[0]) < ROWS_AT_ONCE
    monkeypatch.setattr("models.answers.scoring.ROWS_AT_ONCE", 7)
    for one, two in zip(probabilities(small_bundle, rows[0]), whole, strict=True):
        assert one.tobytes() == two.tobytes()


def test_without_explanations_all_else_is_the_same(small_bundle: Bundle, parsed: list[LeadRequest]) -> None:
    explained = score_requests(small_bundle, parsed)
    plain = score_requests(small_bundle, parsed, explain=False)
    nothing = {"fit": None, "engagement": None, "base_value": None, "reasons": ()}
    assert plain == [replace(item, **nothing) for item in explained]


def test_no_lead_is_no_answer(small_bundle: Bundle) -> None:
    assert score_requests(small_bundle, []) == []


FUTURE = {
    "touchpoint at the snapshot": {"touchpoints": [{"kind": "webinar", "occurred_at": EXACTLY}]},
    "touchpoint after": {"touchpoints": [{"kind": "webinar", "occurred_at": AFTER}]},
    "recorded at the snapshot": {"touchpoints": [{"kind": "webinar", "occurred_at": BEFORE, "recorded_at": EXACTLY}]},
    "qualified at the snapshot": {"stage_changes": [{"stage": "sales_qualified", "occurred_at": EXACTLY}]},
    "disqualified, recorded after": {
        "stage_changes": [{"stage": "disqualified", "occurred_at": BEFORE, "recorded_at": AFTER}]
    },
    "created after": {"created_at": AFTER},
}


@pytest.mark.parametrize("case", FUTURE)
def test_what_is_to_come_changes_nothing_but_a_warning(small_bundle: Bundle, case: str) -> None:
    plain, later = _score(small_bundle, debug=True), _score(small_bundle, debug=True, **copy.deepcopy(FUTURE[case]))
    assert plain.vector is not None
    assert later.vector is not None
    assert plain.vector.tobytes() == later.vector.tobytes()
    codes = [item.code for item in plain.warnings]
    assert [item.code for item in later.warnings] == [*codes, "touchpoints_after_snapshot"]
    assert replace(later, warnings=(), vector=None) == replace(plain, warnings=(), vector=None)


def test_what_was_known_just_before_the_snapshot_counts(small_bundle: Bundle) -> None:
    seen = {"kind": "webinar", "channel": "web", "occurred_at": BEFORE}
    item = _score(small_bundle, debug=True, touchpoints=[seen], stage_changes=[MQL])
    assert item.vector is not None
    assert item.vector[small_bundle.catalog.positions["count__webinar__7d"]] == 1
    assert item.warnings == ()


Stages = list[tuple[str, int]]
STATES: list[tuple[Stages, str | None]] = [
    ([], None),
    ([("inquiry", 1), ("mql", 2), ("sal", 3)], None),
    ([("mql", 1), ("sales_qualified", 2)], "already_qualified"),
    ([("mql", 1), ("sales_qualified", 2), ("customer", 3)], "already_qualified"),
    ([("customer", 1)], "already_qualified"),
    ([("mql", 1), ("disqualified", 2)], "disqualified"),
    ([("sales_qualified", 1), ("disqualified", 2)], "disqualified"),
    ([("disqualified", 1), ("recycled", 2)], None),
    ([("disqualified", 1), ("mql", 2)], None),
    ([("mql", 2), ("disqualified", 1)], None),
    ([("disqualified", 1), ("mql", 2), ("sales_qualified", 3)], "already_qualified"),
    ([("disqualified", 1), ("inquiry", 2)], "disqualified"),
    ([("disqualified", 1), ("sal", 2)], "disqualified"),
    ([("mql", 1), ("disqualified", 1)], "disqualified"),
    ([("mql", 1), ("sales_qualified", 1)], "already_qualified"),
    ([("mql", -400), ("disqualified", -399)], "disqualified"),
]


@pytest.mark.parametrize(("stages", "expected"), STATES, ids=[str(i) for i in range(len(STATES))])
def test_the_last_stage_that_decides_says_whether_a_lead_is_scored(
    small_bundle: Bundle, stages: Stages, expected: str | None
) -> None:
    start = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    changes = [{"stage": stage, "occurred_at": (start + dt.timedelta(days=day)).isoformat()} for stage, day in stages]
    item = _score(small_bundle, stage_changes=changes)
    assert item.not_scored == expected
    empty = [item.probability, item.low, item.high, item.tier, item.fit, item.engagement, item.base_value]
    assert [value is None for value in empty] == [expected is not None] * 7
    assert expected is None or item.reasons == ()


def test_a_touchpoint_called_like_a_stage_change_closes_no_lead(small_bundle: Bundle) -> None:
    seen = [{"kind": "stage:disqualified", "occurred_at": "2026-02-01T00:00:00Z"}]
    assert _score(small_bundle, touchpoints=seen).not_scored is None


def test_existing_customers_are_scored_when_they_are_the_risk_set(small_bundle: Bundle) -> None:
    upsell = replace(small_bundle, metadata={**small_bundle.metadata, "risk_set": "customers"})
    changes = [{"stage": "customer", "occurred_at": "2026-02-01T00:00:00Z"}]
    assert _score(small_bundle, stage_changes=changes).not_scored == "already_qualified"
    assert _score(upsell, stage_changes=changes).not_scored is None


def test_a_lead_that_is_not_scored_changes_nothing_for_the_others(
    small_bundle: Bundle, draw_leads: Callable[[int, int], list[dict[str, Any]]]
) -> None:
    leads = draw_leads(3, 9)
    alone = score_requests(small_bundle, [parse_lead(lead) for lead in leads])
    leads[1]["stage_changes"].append({"stage": "disqualified", "occurred_at": "2026-01-02T00:00:00Z"})
    leads[1]["stage_changes"][0]["occurred_at"] = "2026-01-01T00:00:00Z"
    answers = score_requests(small_bundle, [parse_lead(lead) for lead in leads])
    assert answers[1].not_scored == "disqualified"
    assert [answers[0], answers[2]] == [alone[0], alone[2]]


ODD: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown_kind": (
        {"touchpoints": [{"kind": "seance", "occurred_at": BEFORE}]},
        "leads[0].touchpoints.kind",
        "'seance'",
    ),
    "unknown_channel": (
        {"touchpoints": [{"kind": "webinar", "channel": "beyond", "occurred_at": BEFORE}]},
        "leads[0].touchpoints.channel",
        "'beyond'",
    ),
    "unknown_category": (
        {"account": {"account_id": "A", "attributes": {"industry": "circus"}}},
        "leads[0].account.attributes.industry",
        "'circus'",
    ),
    "unknown_attribute": ({"attributes": {"shoe_size": 44}}, "leads[0].attributes.shoe_size", ""),
    "touchpoints_after_snapshot": (
        {"touchpoints": [{"kind": "webinar", "occurred_at": AFTER}] * 3},
        "leads[0].touchpoints",
        ": 3.",
    ),
    "account_touchpoints_unused": (
        {"account": {"account_id": "A", "touchpoints": [{"kind": "webinar", "occurred_at": BEFORE}] * 2}},
        "leads[0].account.touchpoints",
        ": 2.",
    ),
    "orders_unused": (
        {"account": {"account_id": "A", "orders": [{"ordered_at": BEFORE}] * 3}},
        "leads[0].account.orders",
        ": 3.",
    ),
}


@pytest.mark.parametrize("code", ODD)
def test_odd_input_is_warned_of_in_both_languages(small_bundle: Bundle, code: str) -> None:
    fields, path, part = ODD[code]
    seen = {"kind": "webinar", "channel": "web", "occurred_at": BEFORE}
    fields = {**fields, "touchpoints": [seen, *fields.get("touchpoints", [])], "stage_changes": [MQL]}
    english, german = (_score(small_bundle, language=language, **fields) for language in ("en", "de"))
    assert [(item.code, item.field) for item in english.warnings] == [(code, path)]
    assert [(item.code, item.field) for item in german.warnings] == [(code, path)]
    assert english.warnings[0].message != german.warnings[0].message
    assert part in english.warnings[0].message
    assert part in german.warnings[0].message
    assert english.probability == german.probability


def test_a_lead_is_given_at_most_twenty_warnings_of_a_code(small_bundle: Bundle) -> None:
    seen = {"kind": "webinar", "channel": "web", "occurred_at": BEFORE}
    kinds = [{"kind": f"kind {number}", "channel": "web", "occurred_at": BEFORE} for number in range(25)]
    attributes = {f"shoe_size_{number}": 44 for number in range(500)}
    item = _score(small_bundle, attributes=attributes, touchpoints=[seen, *kinds], stage_changes=[MQL])
    codes = Counter(warning.code for warning in item.warnings)
    assert codes == {"unknown_kind": 20, "unknown_attribute": 20, "warnings_cut": 2}
    assert [w.message.split(": ")[1] for w in item.warnings if w.code == "warnings_cut"] == [
        "5 unknown_kind.",
        "480 unknown_attribute.",
    ]


def test_unknown_touchpoints_still_count_among_all(small_bundle: Bundle) -> None:
    seen = [{"kind": "seance", "occurred_at": BEFORE}]
    item = _score(small_bundle, debug=True, touchpoints=seen)
    assert item.vector is not None
    assert item.vector[small_bundle.catalog.positions["count__all__7d"]] == 1


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"attributes": {"newsletter": "yes"}}, "leads[1].attributes.newsletter"),
        (
            {"account": {"account_id": "A", "attributes": {"employees": "many"}}},
            "leads[1].account.attributes.employees",
        ),
        ({"attributes": {"employees": 1e39}}, "leads[1].attributes.employees"),
        ({"attributes": {"industry": 3}}, "leads[1].attributes.industry"),
    ],
)
def test_an_attribute_of_another_type_counts_as_unknown(
    small_bundle: Bundle, parsed: list[LeadRequest], fields: dict[str, Any], path: str
) -> None:
    wrong = parse_lead({"lead_id": "L", "snapshot_at": AT, **fields}, "leads[1]")
    without = parse_lead({"lead_id": "L", "snapshot_at": AT}, "leads[1]")
    answers = score_requests(small_bundle, [parsed[0], wrong])
    assert answers[0] == score_requests(small_bundle, parsed[:1])[0]
    assert answers[1].probability == score_requests(small_bundle, [without])[0].probability
    assert path in [warning.field for warning in answers[1].warnings if warning.code == "attribute_type"]


@pytest.mark.parametrize(("language", "count"), [("fr", 3), ("EN", 3), ("en", -1), ("en", 11)])
def test_other_languages_and_counts_are_refused(small_bundle: Bundle, language: str, count: int) -> None:
    with pytest.raises(ParameterError, match="allowed are en and de, and 0 to 10"):
        _score(small_bundle, language=language, n_reasons=count)


def test_a_matrix_of_another_catalog_is_refused(small_bundle: Bundle) -> None:
    with pytest.raises(DataError, match="catalog of the same bundle"):
        probabilities(small_bundle, np.zeros((2, 3), dtype=np.float32))

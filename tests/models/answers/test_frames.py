"""Data frames in and out: what the model registered in MLflow does is what the service does."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import JourneyError
from models.answers.frames import COLUMNS, example_frame, score_frame
from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.bundle import Bundle

OUT = [
    "lead_id",
    "snapshot_at",
    "probability",
    "low",
    "high",
    "fit",
    "engagement",
    "base_value",
    "tier",
    "not_scored",
    "reasons",
    "warnings",
]


def _frame(leads: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": [lead["lead_id"] for lead in leads],
            "snapshot_at": [lead["snapshot_at"] for lead in leads],
            "created_at": [lead.get("created_at") for lead in leads],
            "attributes": [json.dumps(lead["attributes"]) for lead in leads],
            "account_attributes": [json.dumps(lead["account"]["attributes"]) for lead in leads],
            "touchpoints": [json.dumps(lead["touchpoints"]) for lead in leads],
            "stage_changes": [json.dumps(lead["stage_changes"]) for lead in leads],
        }
    )


def test_a_frame_is_scored_as_the_same_leads_of_a_request_are(
    small_bundle: Bundle, draw_leads: Callable[[int, int], list[dict[str, Any]]]
) -> None:
    leads = draw_leads(20, 9)
    expected = score_requests(small_bundle, [parse_lead(lead) for lead in leads], language="de", n_reasons=2)
    out = score_frame(small_bundle, _frame(leads), n_reasons=2, language="de")
    assert list(out.columns) == OUT
    for name in ("lead_id", "probability", "low", "high", "fit", "engagement", "base_value", "tier"):
        assert out[name].tolist() == [getattr(item, name) for item in expected], name
    assert [[reason["text"] for reason in json.loads(text)] for text in out["reasons"]] == [
        [reason.text for reason in item.reasons] for item in expected
    ]
    assert [[warning["code"] for warning in json.loads(text)] for text in out["warnings"]] == [
        [warning.code for warning in item.warnings] for item in expected
    ]


def test_a_lead_that_is_not_scored_has_no_numbers(small_bundle: Bundle) -> None:
    changes = json.dumps([{"stage": "disqualified", "occurred_at": "2026-01-01T00:00:00Z"}])
    row = {"lead_id": "L-1", "snapshot_at": "2026-03-01T00:00:00Z", "stage_changes": changes}
    out = score_frame(small_bundle, pd.DataFrame([row])).iloc[0]
    assert (out["not_scored"], out["tier"], out["reasons"]) == ("disqualified", "", "[]")
    assert np.isnan(out[["probability", "low", "high", "fit", "engagement", "base_value"]].astype(float)).all()


@pytest.mark.parametrize("missing", [None, "", float("nan"), pd.NA])
def test_missing_cells_and_columns_are_the_same_as_nothing(small_bundle: Bundle, missing: Any) -> None:
    short = pd.DataFrame({"lead_id": ["L-1"], "snapshot_at": ["2026-03-01T00:00:00Z"]})
    full = short.assign(**{name: pd.Series([missing], dtype=object) for name in COLUMNS[2:]})
    pd.testing.assert_frame_equal(score_frame(small_bundle, full), score_frame(small_bundle, short))


def test_a_frame_without_rows_is_answered_by_one(small_bundle: Bundle) -> None:
    out = score_frame(small_bundle, pd.DataFrame(columns=list(COLUMNS)))
    assert (list(out.columns), len(out)) == (OUT, 0)


@pytest.mark.parametrize(
    ("change", "field", "part"),
    [
        ({"lead_id": None}, "row 0.lead_id", "is missing"),
        ({"lead_id": 7}, "row 0.lead_id", "not text"),
        ({"snapshot_at": "2026-03-01"}, "row 0.snapshot_at", "is not a moment"),
        ({"touchpoints": "[{]"}, "row 0.touchpoints", "not JSON"),
        ({"touchpoints": [{"kind": "x"}]}, "row 0.touchpoints", "not JSON"),
        ({"touchpoints": '[{"kind": "x"}]'}, "row 0.touchpoints[0].occurred_at", "is missing"),
        ({"account_attributes": '{"employees": NaN}'}, "row 0.account.attributes.employees", "finite"),
        ({"shoe_size": 44}, "shoe_size", "unknown column"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_field(
    small_bundle: Bundle, change: dict[str, Any], field: str, part: str
) -> None:
    row = {"lead_id": "L-1", "snapshot_at": "2026-03-01T00:00:00Z", **change}
    with pytest.raises(JourneyError, match=part) as caught:
        score_frame(small_bundle, pd.DataFrame([row]))
    assert caught.value.field == field


def test_the_example_is_valid_and_knows_everything_the_model_takes(small_bundle: Bundle) -> None:
    example = example_frame(small_bundle)
    out = score_frame(small_bundle, example)
    assert list(example.columns) == list(COLUMNS)
    assert out["not_scored"].tolist() == ["", ""]
    assert out["warnings"][0] == "[]"
    assert [item["code"] for item in json.loads(out["warnings"][1])] == ["no_touchpoints"]
    assert out["probability"].between(0, 1).all()

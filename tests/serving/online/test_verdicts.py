"""Verdicts that are taken back, and what verdicts are based on: history stays, the next training learns from what stands."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from features.timeline import DAY_US, from_micros
from models.bundle import Bundle
from pipeline.params import LabelsParams, SnapshotsParams
from pipeline.population.outcomes import label_snapshots, period_outcomes
from pipeline.population.risk_set import mql_periods, mql_snapshots
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import read_table
from serving.contract.errors import RequestError
from serving.export_store import export_store
from serving.online.intake import accept_parsed
from serving.online.store_score import score_lead
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from tests.serving.store_events import NOW

SOURCE = Path("pipeline") / "sources" / "store.sql"
CHECK = {"need": "yes", "budget": "open", "compatibility": "no"}


def moment(days: float) -> str:
    return from_micros(NOW + int(days * DAY_US)).isoformat()


def told(store: Store, days: float, **item: Any) -> dict[str, Any]:
    """Send an entry about one lead, so many days from now."""
    value = {"outcomes": [{"lead_id": "U1", **item}]}
    return accept_parsed(store, "outcomes", value, NOW + int(days * DAY_US))


def refused(store: Store, **item: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(RequestError) as caught:
        told(store, 0, **item)
    return caught.value.code, caught.value.field, caught.value.hint


@pytest.fixture
def qualified(store: Store) -> Store:
    """Hold a lead that was qualified by mistake."""
    change = {"lead_id": "U1", "stage": "mql", "occurred_at": moment(-8), "recorded_at": moment(-8)}
    accept_parsed(store, "stage_changes", {"stage_changes": [change]}, NOW - 8 * DAY_US)
    told(store, -2, outcome="sales_qualified", occurred_at=moment(-2), outcome_id="O-1", recorded_at=moment(-2))
    return store


def _why_not(store: Store, bundle: Bundle, days: float) -> str | None:
    scorer = Scorer(bundle, "test", "1")
    query = {"snapshot_at": moment(days).replace("+00:00", "Z"), "reasons": "0"}
    why: str | None = score_lead(store, scorer, "U1", query, NOW + 9 * DAY_US)["lead"]["not_scored"]
    return why


def _label(store: Store, root: Path, folder: Path) -> list[int]:
    export_store(store, folder / "raw", NOW + 200 * DAY_US)
    ingest(root / SOURCE, folder / "raw", folder / "canonical", folder / "quarantine", 0.0)
    exported_at = read_export(folder / "canonical").exported_at
    changes = read_table(folder / "canonical" / "stage_changes.parquet", "stage_changes").to_pandas()
    periods = mql_periods(changes, 120)
    snapshots = mql_snapshots(periods, SnapshotsParams(every_days=None, expire_days=120), exported_at)
    headline = snapshots[snapshots["is_headline"]].reset_index(drop=True)
    params = LabelsParams(label_days=60, recording_delay_days=2)
    labels = label_snapshots(headline, period_outcomes(headline, periods), params, exported_at, ordinal=False)
    return [int(label) for label in labels["label"]]


def test_a_verdict_that_is_taken_back_opens_the_lead_and_is_no_label(
    qualified: Store, bundle: Bundle, root: Path, tmp_path: Path
) -> None:
    assert _label(qualified, root, tmp_path / "before") == [1]
    assert _why_not(qualified, bundle, 0) == "already_qualified"
    retraction = {"retracts": "O-1", "reason": "wrong lead clicked", "decided_by": "someone"}
    assert told(qualified, 1, **retraction)["new"] == 1
    assert told(qualified, 2, **retraction)["duplicate"] == 1
    assert _why_not(qualified, bundle, 0.5) == "already_qualified", "as it was known then"
    assert _why_not(qualified, bundle, 2) is None
    assert _label(qualified, root, tmp_path / "after") == [0]
    assert pq.read_table(tmp_path / "after" / "raw" / "outcomes.parquet").num_rows == 0
    again = told(
        qualified, 3, outcome="sales_qualified", occurred_at=moment(-2), outcome_id="O-1", recorded_at=moment(-2)
    )
    assert again["duplicate"] == 1
    assert _why_not(qualified, bundle, 4) is None, "the same message again is the same mistake"


def test_a_lead_disqualified_by_mistake_can_be_qualified(store: Store, root: Path, tmp_path: Path) -> None:
    change = {"lead_id": "U1", "stage": "mql", "occurred_at": moment(-8)}
    accept_parsed(store, "stage_changes", {"stage_changes": [change]}, NOW - 8 * DAY_US)
    told(store, -2, outcome="disqualified", reason="no budget", occurred_at=moment(-2), outcome_id="O-1")
    both = [{"retracts": "O-1"}, {"outcome": "sales_qualified", "occurred_at": moment(-1), "outcome_id": "O-2"}]
    value = {"outcomes": [{"lead_id": "U1", **item} for item in both]}
    assert accept_parsed(store, "outcomes", value, NOW)["new"] == 2
    assert _label(store, root, tmp_path) == [1]


def test_the_same_verdict_may_be_given_again_after_it_was_taken_back(
    qualified: Store, bundle: Bundle, root: Path, tmp_path: Path
) -> None:
    told(qualified, 1, retracts="O-1")
    verdict = {"outcome": "sales_qualified", "occurred_at": moment(-2), "recorded_at": moment(-2)}
    assert told(qualified, 2, **verdict, outcome_id="O-2")["new"] == 1
    assert _why_not(qualified, bundle, 3) == "already_qualified"
    assert _label(qualified, root, tmp_path) == [1]
    told(qualified, 4, retracts="O-2")
    assert _why_not(qualified, bundle, 5) is None


def test_what_another_verdict_says_too_stays(qualified: Store, bundle: Bundle) -> None:
    told(qualified, 0, outcome="sales_qualified", occurred_at=moment(-2), outcome_id="O-2", recorded_at=moment(-2))
    told(qualified, 1, retracts="O-1")
    assert _why_not(qualified, bundle, 2) == "already_qualified"


def test_the_hint_of_a_conflict_works(qualified: Store) -> None:
    code, field, hint = refused(qualified, outcome="disqualified", reason="x", occurred_at=moment(-1), outcome_id="O-1")
    assert (code, field) == ("conflict", "outcomes[0].outcome_id")
    assert hint is not None
    assert "retracts" in hint
    assert told(qualified, 1, retracts="O-1")["new"] == 1


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        ({"retracts": "O-9"}, "unknown_outcome", "outcomes[0].retracts"),
        ({"retracts": ""}, "empty", "outcomes[0].retracts"),
        ({"retracts": "O-1", "outcome": "sal"}, "unknown_field", "outcomes[0].outcome"),
        ({"outcome": "sal"}, "missing_field", "outcomes[0].occurred_at"),
        ({"occurred_at": "2026-01-05T10:00:00Z"}, "missing_field", "outcomes[0].outcome"),
        ({"outcome": None, "occurred_at": "2026-01-05T10:00:00Z"}, "not_allowed", "outcomes[0].outcome"),
        ({"outcome": "sal", "occurred_at": None}, "invalid_time", "outcomes[0].occurred_at"),
        (
            {"outcome": "sal", "occurred_at": "2026-01-05T10:00:00Z", "check": {"need": "maybe"}},
            "not_allowed",
            "outcomes[0].check.need",
        ),
        (
            {"outcome": "sal", "occurred_at": "2026-01-05T10:00:00Z", "check": {"price": "no"}},
            "unknown_field",
            "outcomes[0].check.price",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_field(qualified: Store, item: dict[str, Any], code: str, field: str) -> None:
    assert refused(qualified, **item)[:2] == (code, field)
    with qualified.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM outcomes").scalar() == 1


def test_the_check_stands_beside_the_verdict_and_is_no_attribute(qualified: Store, tmp_path: Path) -> None:
    verdict = {"outcome": "recycled", "reason": "budget next year", "occurred_at": moment(0), "outcome_id": "O-2"}
    verdict |= {"check": CHECK, "advice": "hand_over_now", "decided_by": "Ä. 🙂 <b>"}
    assert told(qualified, 0, **verdict)["new"] == 1
    assert told(qualified, 1, **json.loads(json.dumps(verdict)))["duplicate"] == 1
    assert refused(qualified, **{**verdict, "check": {"need": "no"}})[0] == "conflict"
    export_store(qualified, tmp_path, NOW + DAY_US)
    rows = {row["outcome_id"]: row for row in pq.read_table(tmp_path / "outcomes.parquet").to_pylist()}
    answers = {
        name: rows["O-2"][name] for name in ("need", "budget", "compatibility", "timing", "advice", "decided_by")
    }
    assert answers == {**CHECK, "timing": None, "advice": "hand_over_now", "decided_by": "Ä. 🙂 <b>"}
    assert rows["O-2"]["occurred_at"].isoformat() == moment(0)
    assert {name for name in rows["O-1"] if name in answers and rows["O-1"][name] is not None} == set()
    assert pq.read_table(tmp_path / "attributes.parquet").num_rows == 0
    assert not set(pq.read_schema(tmp_path / "leads.parquet").names) & set(answers)
    assert not set(pq.read_schema(tmp_path / "stage_changes.parquet").names) & set(answers)

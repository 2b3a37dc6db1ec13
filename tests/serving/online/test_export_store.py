"""What sales said becomes labels: told to the service, exported, ingested, labelled; and the exported leads score the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import LeadQualificationError
from features.timeline import DAY_US, from_micros
from models.bundle import Bundle
from models.scoring import score_requests
from pipeline.export import read_export
from pipeline.ingest import ingest
from pipeline.labels import label_snapshots, period_outcomes
from pipeline.params import LabelsParams, SnapshotsParams
from pipeline.score import score_snapshots
from pipeline.snapshots import mql_snapshots, risk_periods
from pipeline.tables import read_table
from serving.export_store import export_store
from serving.intake import accept
from serving.store.connect import Store
from serving.store.reading import read_lead
from tests.serving.conftest import make_leads
from tests.serving.online.test_store import NOW, told

SOURCE = Path("pipeline") / "sources" / "store.sql"
VERDICTS = ("sales_qualified", "disqualified", "recycled", None)


def _fill(store: Store) -> list[dict[str, Any]]:
    """Tell of leads, and of what sales said of them ten days after their MQL."""
    leads = make_leads(40, seed=11)
    for lead in leads:  # colleagues' outcomes are drawn without an MQL, and their visits recorded at any time
        lead["account"] |= {"account_id": f"A/{lead['lead_id']}", "stage_changes": []}
        for item in lead["account"]["touchpoints"]:
            item.pop("recorded_at", None)
    outcomes = []
    for number, lead in enumerate(leads):
        for kind, items in told(lead).items():
            accept(store, kind, json.dumps({kind: items}).encode(), NOW)
        verdict = VERDICTS[number % 4]
        if verdict:
            at = (pd.Timestamp(lead["stage_changes"][0]["occurred_at"]) + pd.Timedelta(days=10)).isoformat()
            item = {"lead_id": lead["lead_id"], "outcome": verdict, "reason": "because", "occurred_at": at}
            outcomes.append({**item, "owner": "S-1", "recorded_at": at})
    accept(store, "outcomes", json.dumps({"outcomes": outcomes}).encode(), NOW)
    return leads


def test_outcomes_become_labels(store: Store, root: Path, tmp_path: Path, bundle: Bundle) -> None:
    leads = _fill(store)
    export_store(store, tmp_path / "raw", NOW + 90 * DAY_US)
    canonical = tmp_path / "canonical"
    counts = ingest(root / SOURCE, tmp_path / "raw", canonical, tmp_path / "quarantine", 0.0)
    assert all(not count.quarantined for count in counts.values())
    assert counts["touchpoints"].kept > 500
    exported_at = read_export(canonical).exported_at
    changes = read_table(canonical / "stage_changes.parquet", "stage_changes").to_pandas()
    assert (changes["reason"] == "because").sum() == 30
    periods = risk_periods(changes, 120)
    snapshots = mql_snapshots(periods, SnapshotsParams(every_days=None, expire_days=120), exported_at)
    mine = snapshots[snapshots["is_headline"]].reset_index(drop=True)
    params = LabelsParams(label_days=60, recording_delay_days=2)
    labels = label_snapshots(mine, period_outcomes(mine, periods), params, exported_at, ordinal=False)
    first = labels.drop_duplicates("lead_id").set_index("lead_id")["label"]
    expected = {lead["lead_id"]: int(VERDICTS[number % 4] == "sales_qualified") for number, lead in enumerate(leads)}
    assert first[list(expected)].to_dict() == expected

    at = [pd.Timestamp(lead["snapshot_at"]) for lead in leads]
    rows = pd.DataFrame({"lead_id": list(expected), "snapshot_at": pd.to_datetime(at, utc=True)})
    people = read_table(canonical / "leads.parquet", "leads").to_pandas()
    rows = rows.merge(people[["lead_id", "account_id"]], on="lead_id")
    batch = score_snapshots(bundle, canonical, rows.astype({"snapshot_at": "datetime64[us, UTC]"}))
    for lead_id, moment, probability in zip(batch["lead_id"], rows["snapshot_at"], batch["probability"], strict=True):
        micros = int(moment.value // 1000)
        with store.read() as connection:
            lead = read_lead(connection, lead_id, bundle.catalog, NOW, micros)
        assert lead is not None
        online = score_requests(bundle, [lead])[0].probability
        assert online is None or online == float(probability)


def test_names_that_leads_and_accounts_share_are_refused_or_left_out(store: Store, tmp_path: Path) -> None:
    account = {"account_id": "A-1", "attributes": {"size": 3, "mixed": True}}
    leads = [
        {"lead_id": "L-1", "attributes": {"size": "small"}, "account": account},
        {"lead_id": "L-2", "account": {"account_id": "A-2", "attributes": {"mixed": 1.5}}},
    ]
    accept(store, "leads", json.dumps({"leads": leads}).encode(), NOW)
    with pytest.raises(LeadQualificationError, match="attribute 'size' is an attribute of leads and of accounts"):
        export_store(store, tmp_path, NOW)
    export_store(store, tmp_path, NOW, without=["size"])
    declared = pd.read_parquet(tmp_path / "attributes.parquet")
    assert declared.to_dict("records") == [
        {"entity": "account", "attribute": "mixed", "type": "category", "known_at": "creation"}
    ]
    assert pd.read_parquet(tmp_path / "accounts.parquet")["mixed"].tolist() == ["true", "1.5"]


def test_the_command_says_what_it_wrote(store: Store, root: Path, tmp_path: Path) -> None:
    item = {"lead_id": "L-1", "occurred_at": from_micros(NOW).isoformat(), "kind": "webinar"}
    accept(store, "touchpoints", json.dumps({"touchpoints": [item]}).encode(), NOW)
    environment = {**os.environ, "LEAD_STORE_URL": store.url.render_as_string(hide_password=False)}
    command = [sys.executable, "-m", "serving.export_store", "--out", str(tmp_path / "raw")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("export_store: 1 leads, 0 accounts")
    assert "1 touchpoints" in done.stdout
    assert sorted(path.suffix for path in (tmp_path / "raw").iterdir()) == [".parquet"] * 8

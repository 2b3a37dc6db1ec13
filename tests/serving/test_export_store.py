"""What sales said becomes labels: told to the service, exported, ingested, labelled; and the exported leads score the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import BundleError
from features.timeline import DAY_US, from_micros
from models.answers.requests import build_inputs, drop_unfit_values
from models.answers.scoring import score_requests
from models.bundle import Bundle
from pipeline.params import LabelsParams, SnapshotsParams
from pipeline.population.attribute_history import attribute_lists, attributes_at
from pipeline.population.outcomes import label_snapshots, period_outcomes
from pipeline.population.risk_set import mql_periods, mql_snapshots
from pipeline.scoring.snapshots import score_snapshots
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import read_table
from serving.export_store import export_store
from serving.online.export_types import bundle_with_types, types_of
from serving.online.intake import accept
from serving.store.connect import Store
from serving.store.reading import read_lead
from tests.serving.running import make_leads
from tests.serving.store_events import NOW, events_of

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
        for kind, items in events_of(lead).items():
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
    periods = mql_periods(changes, 120)
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


STORED_VALUES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"newsletter": True, "role": "purchasing"}, {"employees": 420, "industry": "energy"}),
    ({"newsletter": "Ja", "role": 420}, {"employees": "50-100", "industry": "retail"}),
    ({"newsletter": "Nein"}, {"employees": "many", "industry": 7}),
    ({"newsletter": "Ja"}, {"employees": 10**39, "newsletter": True}),
    ({"lead_id": "L-9", "EMPLOYEES": 3, "size": 1.5, 'odd "name"': True}, {"employees": 12, "size": "large"}),
    ({"size": 2}, {"employees": None}),
]


def _odd(store: Store) -> None:
    leads = [
        {"lead_id": f"L-{number}", "attributes": own, "account": {"account_id": f"A-{number}", "attributes": account}}
        for number, (own, account) in enumerate(STORED_VALUES)
    ]
    for now, lead in enumerate(leads):
        accept(store, "leads", json.dumps({"leads": [lead]}).encode(), NOW + now)
    item = {"lead_id": "L-1", "attributes": {"newsletter": False}}
    accept(store, "leads", json.dumps({"leads": [item]}).encode(), NOW + 100)


def test_one_odd_value_does_not_change_a_type(store: Store, root: Path, tmp_path: Path, bundle: Bundle) -> None:
    bundle.save(tmp_path / "bundle")
    _odd(store)
    exported = export_store(store, tmp_path / "raw", NOW + DAY_US, types=types_of(tmp_path / "bundle"))
    counts = ingest(root / SOURCE, tmp_path / "raw", tmp_path / "canonical", tmp_path / "quarantine", 0.0)
    assert all(not count.quarantined for count in counts.values())
    declared = read_table(tmp_path / "canonical" / "attributes.parquet", "attributes").to_pandas()
    known = {row.attribute: (row.entity, row.type) for row in declared.itertuples()}
    champions = {spec.name: (spec.entity, spec.type) for spec in bundle.catalog.attributes}
    assert {name: known[name] for name in champions} == champions
    assert known["size"] == ("lead", "number")
    assert set(known) == {*champions, "size", "role", 'odd "name"'}
    accounts = read_table(tmp_path / "canonical" / "accounts.parquet", "accounts").to_pandas().set_index("account_id")
    employees = accounts["employees"].reindex([f"A-{number}" for number in range(6)])
    assert [None if pd.isna(value) else value for value in employees] == [420.0, None, None, None, 12.0, None]
    leads = read_table(tmp_path / "canonical" / "leads.parquet", "leads").to_pandas().set_index("lead_id")
    assert leads["newsletter"].reindex(["L-0", "L-1", "L-2"]).tolist() == [True, False, None]
    aside = {(item.entity, item.attribute, item.sent): (item.why, item.type, item.count) for item in exported.set_aside}
    assert aside == {
        ("account", "employees", "category"): ("other_type", "number", 2),
        ("account", "employees", "number"): ("other_type", "number", 1),
        ("account", "industry", "number"): ("other_type", "category", 1),
        ("account", "newsletter", "boolean"): ("name_taken", None, 1),
        ("account", "size", "category"): ("name_taken", None, 1),
        ("lead", "EMPLOYEES", "number"): ("name_taken", None, 1),
        ("lead", "lead_id", "category"): ("name_of_a_column", None, 1),
        ("lead", "newsletter", "category"): ("other_type", "boolean", 3),
        ("lead", "role", "number"): ("other_type", "category", 1),
    }
    written = pd.read_parquet(tmp_path / "raw" / "set_aside.parquet")
    assert written["count"].sum() == sum(item.count for item in exported.set_aside)
    assert written.set_index("attribute").loc["industry", "example_id"] == "A-2"


def test_what_is_exported_is_what_a_score_sees(store: Store, root: Path, tmp_path: Path, bundle: Bundle) -> None:
    """Attributes at any moment, by the export and from the store: an odd value is unknown from its moment on in both."""
    _odd(store)
    types = {spec.name: spec.type for spec in bundle.catalog.attributes}
    export_store(store, tmp_path / "raw", NOW + DAY_US, types=types)
    ingest(root / SOURCE, tmp_path / "raw", tmp_path / "canonical", tmp_path / "quarantine", 0.0)
    tables = {
        name: read_table(tmp_path / "canonical" / f"{name}.parquet", name).to_pandas()
        for name in ("attributes", "leads", "accounts", "attribute_changes")
    }
    declared = tables["attributes"][tables["attributes"]["attribute"].isin(types)]
    for number in range(6):
        for after in (1, 3, 50, 101):
            at = pd.to_datetime([NOW + after], unit="us", utc=True).astype("datetime64[us, UTC]")
            rows = pd.DataFrame({"lead_id": f"L-{number}", "account_id": f"A-{number}", "snapshot_at": at})
            offline = attributes_at(rows, declared, tables["leads"], tables["accounts"], tables["attribute_changes"])
            with store.read() as connection:
                lead = read_lead(connection, f"L-{number}", bundle.catalog, NOW, NOW + after)
            assert lead is not None
            online = build_inputs([drop_unfit_values(lead, bundle.catalog)], bundle.catalog)[2]
            for name in types:
                (one,), (two,) = attribute_lists(offline)[name], online[name]
                assert one == two, (name, number, after)


def test_without_a_champion_most_values_decide(store: Store, tmp_path: Path) -> None:
    _odd(store)
    exported = export_store(store, tmp_path, NOW, without=["size"])
    declared = pd.read_parquet(tmp_path / "attributes.parquet").set_index("attribute")["type"].to_dict()
    assert declared == {
        "employees": "number",
        "industry": "category",
        "newsletter": "category",
        'odd "name"': "boolean",
        "role": "category",
    }
    assert "size" not in {item.attribute for item in exported.set_aside}


def test_the_types_are_those_of_the_bundle_that_is_served(tmp_path: Path, bundle: Bundle) -> None:
    assert bundle_with_types(tmp_path, {}) is None
    bundle.save(tmp_path / "data" / "champion")
    assert bundle_with_types(tmp_path, {}) == tmp_path / "data" / "champion"
    bundle.save(tmp_path / "data" / "last_champion")
    assert bundle_with_types(tmp_path, {}) == tmp_path / "data" / "last_champion"
    assert bundle_with_types(tmp_path, {"LEAD_BUNDLE_DIR": "elsewhere"}) == Path("elsewhere")
    assert types_of(tmp_path / "data" / "champion") == {
        "employees": "number",
        "industry": "category",
        "newsletter": "boolean",
    }
    with pytest.raises(BundleError, match="--types-from"):
        types_of(tmp_path / "elsewhere")


def test_the_command_says_what_it_wrote(store: Store, root: Path, tmp_path: Path, bundle: Bundle) -> None:
    item = {"lead_id": "L-1", "occurred_at": from_micros(NOW).isoformat(), "kind": "webinar"}
    accept(store, "touchpoints", json.dumps({"touchpoints": [item]}).encode(), NOW)
    environment = {**os.environ, "LEAD_STORE_URL": store.url.render_as_string(hide_password=False)}
    account = {"account_id": "A-1", "attributes": {"employees": "many"}}
    accept(store, "leads", json.dumps({"leads": [{"lead_id": "L-1", "account": account}]}).encode(), NOW)
    bundle.save(tmp_path / "bundle")
    command = [sys.executable, "-m", "serving.export_store", "--out", str(tmp_path / "raw")]
    command += ["--types-from", str(tmp_path / "bundle")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("export_store: 1 leads, 1 accounts")
    said = (
        "set aside: 1 values of account attribute 'employees' that are a category, not a number; they count as unknown"
    )
    assert said in done.stdout
    assert "1 touchpoints" in done.stdout
    tables = (
        "accounts advices attribute_changes attributes export handovers identities leads merged_leads objections orders "
        "outcomes set_aside"
    )
    assert {path.name for path in (tmp_path / "raw").iterdir()} == {
        f"{table}.parquet" for table in (*tables.split(), "stage_changes", "touchpoints")
    }

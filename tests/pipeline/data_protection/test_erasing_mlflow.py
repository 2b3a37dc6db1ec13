"""MLflow's store is part of the proof: a person's pseudonym in artifacts goes, in tags, data sets and traces it is found."""

import datetime as dt
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from models.data_protection.crm_ids import crm_ids
from models.data_protection.key_ring import keys_file
from models.data_protection.names import write_names
from pipeline import privacy
from pipeline.console import REFUSED
from pipeline.data_protection.erasing import erase
from pipeline.data_protection.keys import make_keys
from pipeline.data_protection.places import places_of
from pipeline.mlflow_runs.store import open_store
from pipeline.params import PrivacyParams

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LEAD, OTHER = "L-0017", "L-0018"


@pytest.fixture
def place(workspace: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a workspace with two leads under pseudonyms, and an MLflow store."""
    text = (root / "params.yaml").read_text(encoding="utf-8").replace("  ids: null ", "  ids: pseudonyms ")
    (workspace / "params.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(workspace / "privacy"))
    for name in ("LEAD_PRIVACY_KEYS", "LEAD_STORE_URL", "LEAD_SCORE_LOG", "LEAD_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
    rings = make_keys(keys_file(workspace), NOW)
    ids = crm_ids(workspace, "pseudonyms")
    write_names(workspace, rings["pseudonyms"], "simulated", {ids.inward(one): one for one in (LEAD, OTHER)})
    (workspace / "data" / "canonical").mkdir(parents=True)
    leads = pd.DataFrame({"lead_id": [ids.inward(LEAD), ids.inward(OTHER)], "role": "x"})
    leads.to_parquet(workspace / "data" / "canonical" / "leads.parquet")
    return workspace


def erased(place: Path) -> dict[str, Any]:
    params = SimpleNamespace(
        paths=SimpleNamespace(data_dir=Path("data")),
        privacy=PrivacyParams(ids="pseudonyms"),
        ingest=SimpleNamespace(source="simulated"),
        publish=SimpleNamespace(model_name="leads"),
    )
    return erase(LEAD, place, places_of(place), params, NOW)


def test_artifacts_are_cleaned_and_what_the_store_says_is_found_until_it_is_gone(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = crm_ids(place, "pseudonyms")
    lead, other = ids.inward(LEAD), ids.inward(OTHER)
    mlflow, experiment = open_store(place, "leads")
    client = mlflow.MlflowClient()
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_text(f"lead_id,probability\n{lead},0.5\n{other},0.4\n", "looked_at.csv")
        mlflow.log_dict({"rows": [{"lead_id": lead}, {"lead_id": other}]}, "looked_at.json")
        mlflow.set_tag("looked at", f"why is {lead} so low?")
        rows = mlflow.data.from_pandas(pd.DataFrame({"x": [1.0]}), name=f"without {lead}")
        mlflow.log_input(rows, context=f"debugging {lead}")
        mlflow.log_param("without", lead)
    with mlflow.start_span("score") as span:
        span.set_inputs({"lead_id": lead})
    mlflow.flush_trace_async_logging()

    certificate = erased(place)
    assert {Path(item["path"]).name for item in certificate["files"]} >= {"looked_at.csv", "looked_at.json"}
    (found,) = certificate["search"]["found"]
    assert found["path"] == str(place / "mlflow.db")
    assert {"tags", "params"} <= set(found["tables"])
    assert {"datasets", "inputs", "input_tags"}.isdisjoint(found["tables"])  # overwritten: nobody could delete them
    (data_set,) = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert data_set.dataset.name.startswith("without erased-")
    assert data_set.dataset.digest == rows.digest
    assert data_set.tags[0].value.startswith("debugging erased-")
    assert any("trace" in table or "span" in table for table in found["tables"])
    monkeypatch.setattr(sys, "argv", ["privacy", "erase", LEAD])
    with pytest.raises(SystemExit) as stopped:
        privacy.main()
    assert stopped.value.code == REFUSED
    said = " ".join(capsys.readouterr().out.split())
    assert "It is MLflow's store" in said
    assert LEAD not in said
    assert lead not in said

    # as the message says: the run goes with its tags and data sets, the traces go
    client.delete_tag(run.info.run_id, "looked at")
    client.delete_traces(mlflow.get_trace(span.trace_id).info.experiment_id, trace_ids=[span.trace_id])
    assert [set(item["tables"]) for item in erased(place)["search"]["found"]] == [{"params"}]
    from mlflow.cli import cli  # not before its telemetry is off

    client.delete_run(run.info.run_id)
    shutil.copytree(place / "mlartifacts", kept := place.parent / "kept")  # gc removes them with the run
    address = f"sqlite:///{place / 'mlflow.db'}"
    ran = CliRunner().invoke(
        cli, ["gc", "--backend-store-uri", address, "--run-ids", run.info.run_id, "--tracking-uri", address]
    )
    assert ran.exit_code == 0, ran.output
    assert erased(place)["search"]["found"] == []
    texts = "".join(path.read_text() for path in kept.rglob("looked_at.*"))
    assert lead not in texts
    assert other in texts
    assert json.loads(next(kept.rglob("looked_at.json")).read_text())["rows"] == [{"lead_id": other}]


def test_artifacts_are_found_where_the_store_says_and_named_where_no_folder_is(place: Path) -> None:
    """An address of a folder has blanks and umlauts in percent."""
    mlflow, _ = open_store(place, "leads")
    folder = place / "für später" / "leads"
    folder.mkdir(parents=True)
    for number, location in enumerate(
        (folder.as_uri(), "mlflow-artifacts:/0", "s3://bucket/leads", (place / "gone").as_uri())
    ):
        mlflow.create_experiment(f"another {number}", artifact_location=location)
    found = places_of(place)
    assert folder in found.folders
    for words in ("mlflow-artifacts:/0", "s3://bucket/leads", str(place / "gone")):
        assert sum(f"artifacts at {words}:" in line for line in found.beyond) == 1
    assert not any(str(folder) in line for line in found.beyond)

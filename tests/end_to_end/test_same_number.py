"""One lead, one number: by every way in, to the last bit of float32."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from features.errors import BundleError, DataError
from models.answers.frames import COLUMNS
from models.bundle import NO_CHAMPION, Bundle
from pipeline.crm.updates import updates
from pipeline.matrix.feature_rows import feature_rows
from pipeline.params import load_params
from pipeline.score import main as score_main
from pipeline.scoring.requests import lead_requests
from pipeline.scoring.snapshots import score_snapshots
from pipeline.spark.scoring import score_leads
from pipeline.tables.parquet import write_table
from serving.store.migrate import migrate
from tests.pipeline.spark.conftest import World, make_bundle, make_catalog, with_profile
from tests.pipeline.spark.conftest import spark as spark
from tests.pipeline.spark.conftest import world as world
from tests.serving.online.test_routes import score_of
from tests.serving.running import Client, serve
from tests.serving.store_events import events_of

pytestmark = pytest.mark.spark

CATALOG = with_profile(make_catalog(), 1)
LEADS = 12
Lead = dict[str, Any]


class Way(NamedTuple):
    """What several ways in need: a bundle's folder, snapshots of leads, and these leads as requests."""

    folder: Path
    snapshots: pd.DataFrame
    requests: list[Lead]


@pytest.fixture(scope="module")
def way(world: World, tmp_path_factory: pytest.TempPathFactory) -> Way:
    lead_ids = world.tables["leads"]["lead_id"].to_pylist()
    matrix = feature_rows(world.tables, lead_ids, world.snapshots, CATALOG, ())
    folder = tmp_path_factory.mktemp("same_number") / "bundle"
    make_bundle(CATALOG, world.snapshots, matrix).save(folder)
    created = world.tables["leads"].to_pandas().set_index("lead_id")["created_at"]
    rows = world.snapshots[world.snapshots["snapshot_at"] > created[world.snapshots["lead_id"]].to_numpy()]
    # With an account and its many colleagues, and without
    rows = rows.sort_values(["account_id", "lead_id"]).drop_duplicates("lead_id")
    rows = rows.iloc[np.linspace(0, len(rows) - 1, LEADS).astype(int)].reset_index(drop=True)
    assert rows["account_id"].isna().any()
    return Way(folder, rows, lead_requests(world.single_files, rows, CATALOG))


@pytest.fixture(scope="module")
def expected(way: Way, world: World) -> np.ndarray:
    """Score offline, on one machine."""
    scores = score_snapshots(Bundle.load(way.folder), world.single_files, way.snapshots)
    probability: np.ndarray = scores["probability"].to_numpy(dtype=np.float32)
    assert len(np.unique(probability)) > 5
    return probability


@pytest.fixture(scope="module")
def client(way: Way, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("service")
    address = f"sqlite:///{folder / 'store.db'}"
    migrate(address)
    environment = {
        "LEAD_BUNDLE_DIR": str(way.folder),
        "LEAD_STORE_URL": address,
        "BENTOML_HOME": str(folder / "bentoml"),
        "LEAD_WORKERS": "1",
    }
    with serve("serving.service:LeadQualification", root, folder / "log.txt", environment) as served:
        yield served


def _same(got: list[float], expected: np.ndarray) -> bool:
    assert all(value == float(np.float32(value)) for value in got)
    return np.array(got, dtype=np.float32).tobytes() == expected.tobytes()


def test_whole_journeys_over_http(client: Client, way: Way, expected: np.ndarray) -> None:
    assert _same([item["probability"] for item in client.scores(way.requests)], expected)


def test_told_as_it_happened(client: Client, way: Way, expected: np.ndarray) -> None:
    got = []
    for request in way.requests:
        alone = request
        if "account" in request:
            alone = {**request, "account": {**request["account"], "account_id": f"A/{request['lead_id']}"}}
        for kind, items in events_of(alone).items():
            status, answer = client.post({kind: items}, path=f"/{kind}")
            assert status == 200, answer
        status, answer = score_of(client, request["lead_id"], snapshot_at=request["snapshot_at"])
        assert status == 200, answer
        got.append(answer["lead"]["probability"])
    assert _same(got, expected)


def _frame(requests: list[Lead]) -> pd.DataFrame:
    rows = []
    for request in requests:
        account = request.get("account", {})
        values = {**{f"account_{name}": account[name] for name in account if name != "account_id"}, **request}
        plain = ("lead_id", "snapshot_at", "created_at")
        known = {name: values[name] for name in COLUMNS if name in values}
        rows.append({name: value if name in plain else json.dumps(value) for name, value in known.items()})
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.mark.parametrize(("ending", "out"), [("jsonl", "csv"), ("csv", "parquet"), ("parquet", "csv")])
def test_a_file(way: Way, root: Path, tmp_path: Path, expected: np.ndarray, ending: str, out: str) -> None:
    file, scores = tmp_path / f"leads.{ending}", tmp_path / f"scores.{out}"
    if ending == "jsonl":
        file.write_text("".join(json.dumps(request) + "\n" for request in way.requests), encoding="utf-8")
    elif ending == "csv":
        _frame(way.requests).to_csv(file, index=False)
    else:
        _frame(way.requests).to_parquet(file, index=False)
    options = ["--in", str(file), "--out", str(scores), "--bundle", str(way.folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.score", *options], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    read = pd.read_csv(scores, float_precision="round_trip") if out == "csv" else pd.read_parquet(scores)
    assert _same(read["probability"].tolist(), expected)


@pytest.fixture
def listed(root: Path, world: World, tmp_path: Path) -> Path:
    """Write canonical tables that say when they were exported, beside params.yaml."""
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    canonical = tmp_path / "canonical"
    shutil.copytree(world.canonical, canonical)
    parts = canonical / "touchpoints.parquet"  # a folder of parts, as Spark likes them
    whole = pq.read_table(parts)
    shutil.rmtree(parts)
    pq.write_table(whole, parts)
    stages = pd.read_parquet(canonical / "stage_changes.parquet")
    moment = stages.loc[stages["stage"] == "mql", "occurred_at"].max() + pd.Timedelta(hours=1)
    export = pa.table({"exported_at": pa.array([moment], pa.timestamp("us", "UTC")), "clock": ["real"]})
    write_table(canonical / "export.parquet", "export", export)
    return canonical


def test_a_list_of_a_refused_model_is_marked_in_every_format(
    way: Way, listed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(listed.parent)
    mark = "vom Gate abgelehnt: zum Ansehen, nicht zum Entscheiden"

    def scored(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["score", "--in", str(listed), "--unpromoted", "--language", "de", *options])
        score_main()
        return " ".join(capsys.readouterr().out.split())

    with pytest.raises(BundleError, match="no model was trained"):
        scored("--out", "u.csv")
    shutil.copytree(way.folder, "data/bundle")
    assert mark in scored("--out", "u.csv", "--out", "u.parquet", "--out", "u.xlsx")
    scored("--out", "l.csv", "--format", "csv-de")
    plain = pd.read_csv("u.csv", dtype={"lead_id": str})
    for rows in (plain, pd.read_parquet("u.parquet")):
        assert set(rows["note"]) == {mark}
    for rows in (pd.read_csv("l.csv", sep=";", encoding="utf-8-sig"), pd.read_excel("u.xlsx", engine="calamine")):
        assert set(rows["Anmerkung"]) == {mark}
        assert rows["Lead"].tolist() == plain["lead_id"].tolist()
    with pytest.raises(DataError, match="vom Gate abgelehnt"):
        updates(plain, load_params(("crm",)).crm.hubspot.fields, "en")
    shutil.copytree(way.folder, "data/champion")  # goes before what was refused
    assert "vom Gate" not in scored("--out", "u.csv")
    assert "note" not in pd.read_csv("u.csv").columns


def test_a_list_for_people(way: Way, listed: Path, root: Path, tmp_path: Path) -> None:
    canonical = listed

    def scored(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipeline.score", "--in", str(canonical), *options]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    given = ["--bundle", str(way.folder), "--language", "de"]
    for form, name in ((None, "s.csv"), ("csv-de", "l.csv"), ("xlsx", "l.xlsx")):
        done = scored(*given, "--out", name, *([] if form is None else ["--format", form]))
        assert done.returncode == 0, done.stdout + done.stderr
    plain = pd.read_csv(tmp_path / "s.csv", dtype={"lead_id": str})
    people = pd.read_csv(tmp_path / "l.csv", sep=";", encoding="utf-8-sig", dtype={"Lead": str})
    assert len(people)
    assert people["Lead"].tolist() == plain["lead_id"].tolist()
    assert people["Wahrscheinlichkeit (%)"].tolist() == [round(100 * value) for value in plain["probability"]]
    assert (tmp_path / "l.xlsx").read_bytes().startswith(b"PK")
    assert "use .xlsx" in scored(*given, "--out", "l.csv", "--format", "xlsx").stdout
    none = " ".join(scored("--out", "s.csv").stdout.split())
    assert "there is no bundle in data/champion." in none
    assert NO_CHAMPION in none


def test_the_model_in_mlflow(way: Way, root: Path, tmp_path: Path, expected: np.ndarray) -> None:
    model = root / "pipeline" / "mlflow_runs" / "pyfunc_model.py"
    mlflow.pyfunc.save_model(
        tmp_path / "model",
        python_model=str(model),
        artifacts={"bundle": str(way.folder)},
        code_paths=[str(root / "models"), str(root / "features")],
    )
    answer = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(_frame(way.requests))
    assert _same(answer["probability"].tolist(), expected)


def test_spark(spark: SparkSession, way: Way, world: World, expected: np.ndarray) -> None:
    scores = score_leads(Bundle.load(way.folder), world.canonical, way.snapshots).set_index("lead_id")
    assert _same(scores["probability"][way.snapshots["lead_id"]].tolist(), expected)

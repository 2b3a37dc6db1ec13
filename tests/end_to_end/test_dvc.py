"""The pipeline through the real DVC, in a repository of its own, on a small simulated company."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.mlflow_runs.promotion import publish
from pipeline.params import dump_yaml, read_yaml
from pipeline.population.risk_set import leads_at_risk
from pipeline.workspaces.workspace import CODE, FILES, KEPT
from tests.serving.planted import CANARIES, files_of, found_in

STAGES = [
    "simulate",
    "ingest",
    "snapshots",
    "labels",
    "split",
    "audit",
    "features",
    "timing",
    "baselines",
    "train",
    "evaluate",
    "segments",
    "funnel",
    "points",
    "personas",
    "report",
    "tracking",
]


@pytest.fixture(scope="module")
def repository(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh git and DVC repository with the product's code and a small world."""
    folder = tmp_path_factory.mktemp("repository")
    for name in CODE:
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*FILES, *KEPT, ".gitignore"):
        shutil.copy2(root / name, folder / name)
    plant(folder / "pipeline" / "sources" / "simulated.sql")
    params = read_yaml(root / "params.yaml")
    params["simulator"] |= {"leads": 4_000, "days": 700}
    params["evaluate"]["bootstrap"] = 50
    params["split"] |= {"cross_fit_folds": 3}
    params["train"] |= {"max_rounds": 60}
    params["publish"]["min_positives"] = 10
    (folder / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    for command in (
        ["git", "init", "-q"],
        ["git", "config", "user.email", "t@t.invalid"],
        ["git", "config", "user.name", "t"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    dvc(folder, "init", "-q")
    (folder / ".dvc" / "config").write_text((root / ".dvc" / "config").read_text())
    shutil.copytree(root / ".dvc" / "plots", folder / ".dvc" / "plots", dirs_exist_ok=True)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(["git", "commit", "-qm", "start"], cwd=folder, check=True)
    dvc(folder, "repro")
    return folder


def plant(source: Path) -> None:
    """Let the source bring direct identifiers in all free texts: in those of one campaign, and in some of the others."""
    text = " || ' " + " ; ".join(CANARIES) + "'"
    campaign = "CASE WHEN {name} = 'webinar_series' THEN {name}" + text + " ELSE {name} END AS {name}"
    some = "CASE WHEN hash(lead_id, {name}) % 50 = 0 THEN {name}" + text + " ELSE {name} END AS {name}"
    product = some.replace("lead_id", "account_id")
    sql = source.read_text(encoding="utf-8")
    planted = {
        **dict.fromkeys(("campaign", "source_campaign", "mql_campaign"), campaign),
        **dict.fromkeys(("asset", "channel", "reason", "role", "value"), some),
        "product": product,
    }
    for name, expression in planted.items():
        before = sql
        sql = re.sub(rf"^    {name},$", "    " + expression.format(name=name) + ",", sql, flags=re.MULTILINE)
        assert sql != before, name
    source.write_text(sql, encoding="utf-8")


def dvc(folder: Path, *arguments: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "PYTHONPATH")} | {
        "PATH": path
    }
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_the_metrics_have_the_promised_shape(repository: Path) -> None:
    result = json.loads((repository / "metrics" / "evaluate.json").read_text())
    assert result["source"] == "simulated"
    assert set(result["baselines"]) >= {"base_rate", "logistic_regression", "points", "odoo_formula"}
    names = {
        "auc",
        "average_precision",
        "log_loss",
        "brier",
        "ece",
        "ece_with_noise",
        "precision_at_capacity",
        "lift_at_capacity",
    }
    assert result["baselines"].pop("rfm") is None, "a rule for customers, not for leads"
    for metrics in (result["product"], *result["baselines"].values()):
        assert set(metrics) == names
    assert result["baselines"]["points"]["log_loss"] is None
    auc = result["product"]["auc"]
    assert 0.6 < auc["low"] <= auc["value"] <= auc["high"] < 0.95
    assert result["all_snapshots"]["rows"] > result["rows"]


def test_the_advice_on_when_to_call_hardly_goes_back_and_forth(repository: Path, root: Path) -> None:
    """In the committed run; the world of this test has some 37 runs of three weeks, of which two are 5 %."""
    committed, small = (json.loads((at / "metrics" / "timing.json").read_text()) for at in (root, repository))
    assert max(committed["test"]["flips"], committed["test"]["flips_of_advice"]) <= 0.03
    assert small["missing"] is None
    assert small["training"]["calls"] > 300 < small["training"]["weeks_without_call"]
    assert max(small["test"]["flips"], small["test"]["flips_of_advice"]) <= 0.1


def test_raw_files_are_never_in_the_cache(repository: Path) -> None:
    """Not after a run, and not after `dvc commit`, which fills the run cache."""
    raw = [file for name in ("raw", "truth") for file in (repository / "data" / name).rglob("*") if file.is_file()]
    names = {hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() for file in raw}
    assert len(names) > 5
    dvc(repository, "commit", "-f", "simulate")
    cached = {file.parent.name + file.name for file in (repository / ".dvc" / "cache" / "files").rglob("*")}
    assert cached & {md5_of(repository, "data/canonical")}
    assert not cached & names


def md5_of(repository: Path, path: str) -> str:
    """The hash of an output in `dvc.lock`."""
    stages = read_yaml(repository / "dvc.lock")["stages"].values()
    return next(out["md5"] for stage in stages for out in stage["outs"] if out["path"] == path)


def test_a_second_repro_does_nothing(repository: Path) -> None:
    assert ran(dvc(repository, "repro")) == []


def test_a_changed_parameter_reruns_only_its_stages(repository: Path) -> None:
    before = (repository / "metrics" / "evaluate.json").read_text()
    assert ran(dvc(repository, "repro", "--dry")) == []
    output = dvc(repository, "exp", "run", "-S", "train.learning_rate=0.2", "-n", "fast-learning")
    untouched = ("funnel", "personas")  # what people did, whatever a model says of it
    assert ran(output) == [stage for stage in STAGES[STAGES.index("train") :] if stage not in untouched]
    assert (repository / "metrics" / "evaluate.json").read_text() != before
    assert "fast-learning" in dvc(repository, "exp", "show", "--csv")
    assert "train.learning_rate" in dvc(repository, "params", "diff")
    assert "file://" in dvc(repository, "plots", "show")
    page = (repository / "dvc_plots" / "index.html").read_text()
    assert "true_positive_rate" in page
    (repository / "params.yaml").write_text(
        (repository / "params.yaml").read_text().replace("learning_rate: 0.2", "learning_rate: 0.03")
    )


def test_data_never_reaches_git(repository: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-o", "-c", "--exclude-standard"], cwd=repository, capture_output=True, text=True
    )
    names = tracked.stdout.splitlines()
    assert not [
        name for name in names if name.startswith(("data/", "reports/", ".dvc/cache", "mlflow.db", "mlartifacts"))
    ]
    assert "metrics/evaluate.json" in names


def test_the_trained_model_is_published_and_scores_open_leads(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    from pipeline.params import load_params
    from pipeline.publish import SECTIONS

    params = load_params(SECTIONS)
    promotion = publish(repository, params, repository / "data" / "champion")
    assert promotion.outcome in ("promoted", "kept")
    bundle = "data/champion" if promotion.is_champion else "data/bundle"
    command = [sys.executable, "-m", "pipeline.score", "--out", "data/scores.csv", "--bundle", bundle]
    subprocess.run(command, cwd=repository, check=True, env={**os.environ, "PYTHONPATH": str(repository)})
    lines = (repository / "data" / "scores.csv").read_text().splitlines()
    waiting = leads_at_risk(repository / "data" / "canonical", load_params(("snapshots",)).snapshots)
    assert len(lines) == 1 + len(waiting)
    assert len(waiting) > 50


def test_the_scheduled_retrain_watches_trains_and_publishes(repository: Path) -> None:
    """With nothing to watch it says so; asked to train always it ends with a decision of the gate."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "PYTHONPATH", "LEAD_"))}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, cwd=repository, env={**kept, "PATH": path}, capture_output=True, text=True, check=False
        )

    done = run("pipeline.retrain", "--always")
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert "runs dvc repro tracking" in done.stdout
    bundle = "data/champion" if (repository / "data" / "champion").exists() else "data/bundle"
    watched = run("pipeline.monitor", "--replay", "--bundle", bundle)
    assert watched.returncode in (0, 4), watched.stdout + watched.stderr
    result = json.loads((repository / "reports" / "monitor.json").read_text())
    assert result["promise"] is not None, "what the gate saw comes with the champion, or from this very workspace"
    if bundle == "data/champion":
        again = run("pipeline.retrain", "--log", "data/replayed_log")
        assert again.returncode in (0, 3), again.stdout + again.stderr
        assert ("nothing to do" in again.stdout) == (watched.returncode == 0)


def python(folder: Path, *arguments: str, code: int = 0) -> str:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "PYTHONPATH", "LEAD_PRIVACY_DIR")
    }
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def holding(folder: Path, lead_id: str) -> set[str]:
    """List the files of a repository that name a lead, read as what they are; code is not looked at."""
    found = set()
    for path in (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".py"):
        content = path.read_bytes()
        text = (
            pq.read_table(path).to_pandas().to_csv()
            if content.startswith(b"PAR1")
            else content.decode("utf-8", "replace")
        )
        if re.search(rf"(?<![\w-]){re.escape(lead_id)}(?![\w-])", text):
            found.add(str(path.relative_to(folder)))
    return found


def test_no_direct_identifier_reaches_an_output(repository: Path) -> None:
    """They are in the source's views; not in tables, lists, reports, metrics, DVC's cache or MLflow, where pseudonyms are."""
    places = [path for path in repository.iterdir() if path.name not in (".git", *CODE)]
    held = {str(path.relative_to(repository)): content for path, content in files_of(*places)}
    assert {name: found for name, content in held.items() if (found := found_in(content))} == {}
    for name in ("data/canonical/touchpoints.parquet", "data/analyses/funnel.json", "reports/funnel.html"):
        assert b"[mail]" in held[name], name
    for place in (".dvc/cache/", "mlflow.db", "mlartifacts/", "metrics/", "plots/"):
        assert any(name.startswith(place) for name in held), place


def test_one_lead_is_erased_and_every_trace_goes(repository: Path) -> None:
    rows = pq.read_table(repository / "data" / "predictions.parquet").to_pandas()
    lead_id = str(rows.loc[rows["slice"] == "train", "lead_id"].iloc[0])
    python(repository, "pipeline.privacy", "keys")
    python(repository, "serving.store.migrate")
    python(repository, "serving.import_store", "data/canonical")
    before = holding(repository, lead_id)
    for place in ("data/raw/", "data/canonical/", "data/features/", "data/predictions", ".dvc/cache/", "store.db"):
        assert any(path.startswith(place) for path in before), (place, before)
    said = python(repository, "pipeline.privacy", "erase", lead_id)
    assert "no trace is left" in said
    assert holding(repository, lead_id) == set()
    (path,) = (repository / "privacy" / "erasures").glob("*.json")
    certificate = json.loads(path.read_text())
    assert certificate["store"]["found"] == {}
    assert any(model["certain"] and model["run_id"] for model in certificate["models"])
    # The raw files are made anew, with everybody in them; the tables are not
    ran_now = ran(dvc(repository, "repro", "labels"))
    assert "ingest" in ran_now
    for name in ("leads", "touchpoints", "stage_changes"):
        ids = pq.read_table(repository / "data" / "canonical" / f"{name}.parquet")["lead_id"].to_pylist()
        assert ids
        assert lead_id not in ids

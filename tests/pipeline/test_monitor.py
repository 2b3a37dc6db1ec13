"""The monitor on a small simulated company: quiet without drift, loud with it, and never misled by young labels."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.errors import BundleError, DataError
from models.bundle import Bundle
from models.monitoring.retrain_verdict import FINE, RETRAIN, WATCH
from models.monitoring.score_log import LogSettings, Model
from models.monitoring.score_log_reader import read_log
from models.params import MonitorParams
from models.presentation.numbers import month as month_words
from pipeline import (
    audit,
    baselines,
    build_features,
    ingest,
    labels,
    monitor,
    simulate,
    snapshots,
    split,
    timing,
    train,
)
from pipeline.console import RECOMMENDED
from pipeline.monitoring.rows import monitored_rows
from pipeline.pages.monitor_page import monitor_page
from pipeline.params import dump_yaml, load_params, read_yaml
from pipeline.scoring.log import log_snapshots, model_of, replayed_snapshots
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

PARAMS = MonitorParams(bootstrap=100, min_rows=60)


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Train on a small simulated company that does not change; work in its folder."""
    folder = tmp_path_factory.mktemp("monitored")
    (folder / "pipeline").mkdir()
    shutil.copytree(root / "pipeline" / "sources", folder / "pipeline" / "sources")
    params = read_yaml(root / "params.yaml")
    params["simulator"] |= {"leads": 14_000, "days": 750}
    params["snapshots"] |= {"every_days": 28}
    params["split"] |= {"cross_fit_folds": 0, "mode": "time"}
    params["train"] |= {"max_rounds": 60}
    (folder / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for stage in (simulate, ingest, snapshots, labels, split, audit, build_features, timing, baselines, train):
            stage.main()
        bundle = Bundle.load("data/bundle")
        table = read_table(Path("data/snapshots.parquet"), "snapshots").to_pandas()
        rows = replayed_snapshots(table, bundle.metadata, "real")
        model = model_of(Path("data/bundle"), bundle, "lead-qualification")
        log_snapshots(
            bundle, Path("data/canonical"), rows, LogSettings(Path("log")), model, "replay", rows["snapshot_at"]
        )
        yield folder
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def bundle(run: Path) -> Bundle:
    return Bundle.load(run / "data" / "bundle")


@pytest.fixture(scope="module")
def sections(run: Path) -> Any:
    loaded = load_params(("capacity", "paths", "publish", "snapshots"), run / "params.yaml")
    return SimpleNamespace(**dict(loaded), monitor=PARAMS)


@pytest.fixture(scope="module")
def quiet(run: Path, sections: Any) -> dict[str, Any]:
    """Return what the monitor says of the untouched log."""
    return monitor.monitor(
        run / "data/bundle", run / "log", run / "data/canonical", run / "reports/quiet.html", sections
    )


def rewritten(source: Path, target: Path, change: Any) -> Path:
    """Copy a log, each file's table changed."""
    for path in source.rglob("*.parquet"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(change(pq.read_table(path, partitioning=None)), copy)
    return target


def test_without_drift_there_is_no_alarm(quiet: dict[str, Any]) -> None:
    assert quiet["verdict"] in (FINE, WATCH), quiet["findings"]
    assert quiet["quality_known"]
    assert quiet["drift_known"]
    assert not [finding for finding in quiet["findings"] if finding["level"] == RETRAIN]
    deciding = [feature for feature in quiet["features"] if feature["decides"]]
    alarms = [month for feature in deciding for month in feature["months"].values() if month["low"] > PARAMS.psi_alarm]
    assert not alarms


def test_a_log_without_a_month_of_enough_rows_says_nothing_of_drift(run: Path, sections: Any, tmp_path: Path) -> None:
    few = SimpleNamespace(**{**vars(sections), "monitor": PARAMS.model_copy(update={"min_rows": 1_000_000})})
    result = monitor.monitor(run / "data/bundle", run / "log", run / "data/canonical", tmp_path / "m.html", few)
    assert not result["drift_known"]
    assert not [finding for finding in result["findings"] if finding["level"] == RETRAIN]
    assert (tmp_path / "m.html").exists()


def test_figures_are_those_of_the_labelled_snapshots(run: Path, quiet: dict[str, Any], bundle: Bundle) -> None:
    """A replay's first score per risk period is the MQL moment: rate and probability must be the pipeline's own."""
    table = read_table(run / "data/snapshots.parquet", "snapshots").to_pandas()
    labelled = read_table(run / "data/labels.parquet", "labels").to_pandas()
    rows = table.merge(labelled, on=["lead_id", "snapshot_at"])
    rows = rows[rows["is_headline"] & (rows["snapshot_at"] > pd.Timestamp(bundle.metadata["data_used_until"]))]
    predicted = read_table(run / "data/predictions.parquet", "predictions").to_pandas()
    rows = rows.merge(predicted[["lead_id", "snapshot_at", "probability"]], on=["lead_id", "snapshot_at"], how="left")
    month = rows["snapshot_at"].dt.strftime("%Y-%m")
    compared = 0
    for found in quiet["months"]:
        own = rows[month == found["month"]]
        # Leads whose period began before the training's end are seen first at a later look
        expected = own[own["matured"]]
        if found["matured"] != len(expected):
            continue
        compared += 1
        assert found["rows"] >= len(own)
        if len(expected):
            assert found["observed"] == pytest.approx(expected["label"].mean(), abs=1e-9)
            if expected["probability"].notna().all():
                assert found["mean_probability"] == pytest.approx(expected["probability"].mean(), abs=1e-6)
    assert compared >= 3


def test_young_months_wait(quiet: dict[str, Any], run: Path) -> None:
    export = read_export(run / "data/canonical")
    newest = quiet["months"][-1]
    assert newest["month"] == f"{export.exported_at - pd.Timedelta(days=1):%Y-%m}"
    assert newest["matured"] == 0
    assert newest["observed"] is None
    assert newest["month"] > quiet["pool"]["last_month"]


def test_one_score_per_lead_and_risk_period_counts(
    run: Path, sections: Any, quiet: dict[str, Any], tmp_path: Path
) -> None:
    """Leads that are polled all the time weigh no more."""

    def polled(table: pa.Table) -> pa.Table:
        later = table.set_column(
            table.schema.get_field_index("snapshot_at"),
            "snapshot_at",
            pc.add(table["snapshot_at"], pa.scalar(60_000_000, pa.duration("us"))),
        )
        return pa.concat_tables([table, later.cast(table.schema)])

    log = rewritten(run / "log", tmp_path / "log", polled)
    again = monitor.monitor(run / "data/bundle", log, run / "data/canonical", tmp_path / "m.html", sections)
    assert again["log"]["rows"] == 2 * quiet["log"]["rows"]
    assert again["months"] == quiet["months"]
    assert again["verdict"] == quiet["verdict"]


def test_outcomes_that_turned_worse_recommend_retraining(run: Path, sections: Any, tmp_path: Path) -> None:
    """From the end of the training on, sales qualifies less than half of those it used to."""
    canonical = shutil.copytree(run / "data/canonical", tmp_path / "canonical")
    changes = pq.read_table(canonical / "stage_changes.parquet").to_pandas()
    until = pd.Timestamp(Bundle.load(run / "data/bundle").metadata["data_used_until"])
    random = np.random.default_rng(1)
    lost = (
        (changes["stage"] == "sales_qualified") & (changes["occurred_at"] > until) & (random.random(len(changes)) < 0.6)
    )
    changes.loc[lost, "stage"] = "disqualified"
    schema = pq.read_schema(canonical / "stage_changes.parquet")
    pq.write_table(pa.Table.from_pandas(changes, schema, preserve_index=False), canonical / "stage_changes.parquet")
    result = monitor.monitor(run / "data/bundle", run / "log", canonical, tmp_path / "m.html", sections)
    assert result["verdict"] == RETRAIN
    found = result["findings"][0]
    assert found["code"] == "calibration"
    assert found["figures"]["high"] < 1.0 - PARAMS.calibration_gap
    assert result["pool"]["observed"] < 0.6 * result["pool"]["mean_probability"]


def test_a_feature_that_moved_recommends_retraining_with_its_name(
    run: Path, sections: Any, quiet: dict[str, Any], bundle: Bundle, tmp_path: Path
) -> None:
    moved = next(f for f in quiet["features"] if f["decides"] and not f["name"].startswith("attribute__"))["name"]
    position = bundle.catalog.positions[moved]

    def shifted(table: pa.Table) -> pa.Table:
        width = len(bundle.catalog)
        matrix = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, width).copy()
        matrix[:, position] = np.nan_to_num(matrix[:, position]) + 50.0
        column = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), width)
        return table.set_column(table.schema.get_field_index("features"), table.schema.field("features"), column)

    log = rewritten(run / "log", tmp_path / "log", shifted)
    result = monitor.monitor(run / "data/bundle", log, run / "data/canonical", tmp_path / "m.html", sections)
    assert result["verdict"] == RETRAIN
    found = [finding for finding in result["findings"] if finding["level"] == RETRAIN]
    assert [finding["figures"]["name"] for finding in found] == [moved]
    measured = [month["month"] for month in result["months"] if "score" in month]
    assert found[0]["figures"]["since"] == measured[0]
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert escape(bundle.catalog.features[position].meaning("de")) in page


def test_pseudonyms_find_their_outcomes_with_the_key_alone(
    run: Path, sections: Any, bundle: Bundle, tmp_path: Path
) -> None:
    table = read_table(run / "data/snapshots.parquet", "snapshots").to_pandas()
    rows = replayed_snapshots(table, bundle.metadata, "real").iloc[:200]
    model = model_of(run / "data/bundle", bundle, "lead-qualification")
    settings = LogSettings(tmp_path / "log", key="k")
    log_snapshots(bundle, run / "data/canonical", rows, settings, model, "batch", rows["snapshot_at"])
    log = read_log(tmp_path / "log", model, len(bundle.catalog))
    export = read_export(run / "data/canonical")
    assert not set(log.rows["lead_id"]) & set(rows["lead_id"])
    found = monitored_rows(log, run / "data/canonical", export, bundle.metadata, None, "k")
    assert set(found.rows["lead_id"]) <= set(rows["lead_id"])
    assert len(found.rows) + sum(found.left_out.values()) == 200
    for key, words in (("", "LEAD_PSEUDONYM_KEY is not set"), ("other", "is not the key that the service had")):
        with pytest.raises(DataError, match=words):
            monitored_rows(log, run / "data/canonical", export, bundle.metadata, None, key)


def test_scores_of_an_id_that_was_merged_are_the_survivor_s(
    run: Path, sections: Any, bundle: Bundle, tmp_path: Path
) -> None:
    table = read_table(run / "data/snapshots.parquet", "snapshots").to_pandas()
    rows = replayed_snapshots(table, bundle.metadata, "real").iloc[:200]
    model = model_of(run / "data/bundle", bundle, "lead-qualification")
    canonical = shutil.copytree(run / "data/canonical", tmp_path / "canonical")
    log_snapshots(bundle, canonical, rows, LogSettings(tmp_path / "log"), model, "batch", rows["snapshot_at"])
    log = read_log(tmp_path / "log", model, len(bundle.catalog))
    export = read_export(canonical)
    expected = monitored_rows(log, canonical, export, bundle.metadata, None)
    ids = sorted(set(log.rows["lead_id"]))
    merged = pa.table(
        {
            "lead_id": [f"old-{lead_id}" for lead_id in ids],
            "merged_into": ids,
            "merged_at": pa.nulls(len(ids), pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(merged, canonical / "merged_leads.parquet")
    old = replace(log, rows=log.rows.assign(lead_id="old-" + log.rows["lead_id"]))
    found = monitored_rows(old, canonical, export, bundle.metadata, None)
    pd.testing.assert_frame_equal(found.rows, expected.rows)
    assert found.left_out == expected.left_out


def test_what_cannot_be_judged_is_counted_by_reason(run: Path, bundle: Bundle, tmp_path: Path) -> None:
    canonical = run / "data/canonical"
    export = read_export(canonical)
    changes = pq.read_table(canonical / "stage_changes.parquet").to_pandas()
    mql = changes[changes["stage"] == "mql"].sort_values("occurred_at").iloc[-40:-30]
    early = changes[changes["stage"] == "mql"].sort_values("occurred_at").iloc[:5]
    rows = pd.concat(
        [
            mql[["lead_id"]].assign(snapshot_at=mql["occurred_at"]),
            mql[["lead_id"]].assign(snapshot_at=mql["occurred_at"] - pd.Timedelta(hours=1)),
            early[["lead_id"]].assign(snapshot_at=early["occurred_at"]),
        ],
        ignore_index=True,
    ).assign(not_scored=None)
    leads = read_table(canonical / "leads.parquet", "leads").select(["lead_id", "account_id"]).to_pandas()
    rows = rows.merge(leads, on="lead_id", how="left")
    rows.loc[0, "not_scored"] = "disqualified"
    model = model_of(run / "data/bundle", bundle, "lead-qualification")
    log_snapshots(bundle, canonical, rows, LogSettings(tmp_path), model, "batch", rows["snapshot_at"])
    found = monitored_rows(read_log(tmp_path, model, len(bundle.catalog)), canonical, export, bundle.metadata, None)
    assert found.left_out["not_scored"] == 1
    assert found.left_out["used_in_training"] == 5
    assert len(found.rows) + sum(found.left_out.values()) == 25
    assert found.left_out["not_at_risk"] >= 5, "most were no MQL an hour earlier"


def test_a_model_without_a_reference_is_refused(run: Path, sections: Any, bundle: Bundle, tmp_path: Path) -> None:
    replace(bundle, reference=None).save(tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"nothing to compare with \(reference\.json\)"):
        monitor.monitor(tmp_path / "bundle", run / "log", run / "data/canonical", tmp_path / "m.html", sections)


def test_rows_of_another_version_alone_are_said(run: Path, sections: Any, bundle: Bundle, tmp_path: Path) -> None:
    rows = replayed_snapshots(
        read_table(run / "data/snapshots.parquet", "snapshots").to_pandas(), bundle.metadata, "real"
    ).iloc[:10]
    model = Model("lead-qualification", "3", bundle.catalog.fingerprint)
    log_snapshots(bundle, run / "data/canonical", rows, LogSettings(tmp_path), model, "batch", rows["snapshot_at"])
    with pytest.raises(
        DataError, match=r"no row of .* version unregistered; the log holds lead-qualification 3 \(10 rows\)"
    ):
        monitor.monitor(run / "data/bundle", tmp_path, run / "data/canonical", tmp_path / "m.html", sections)


def test_the_page_says_the_same_in_both_languages(run: Path, quiet: dict[str, Any]) -> None:
    page = re.sub(r"base64,[A-Za-z0-9+/=]+", "", (run / "reports/quiet.html").read_text(encoding="utf-8"))
    assert json.loads((run / "reports/quiet.json").read_text())["verdict"] == quiet["verdict"]
    assert "http" not in page
    english, german = page.split('<div class="text" lang="de">', 1)
    for month in quiet["months"]:
        assert month_words(month["month"], "en") in english
        assert month_words(month["month"], "de") in german
    assert "not yet" in english
    assert "noch nicht" in german
    assert "None" not in page
    assert not re.search(r"\bnan\b", page)


def test_a_page_without_any_outcome_or_drift_can_be_read(quiet: dict[str, Any]) -> None:
    empty = {"rows": 5, "matured": 0, "known": 0.0, "positives": 0, "mean_probability": None, "observed": None}
    empty |= dict.fromkeys(("ratio", "ece", "auc", "lift_at_capacity"))
    result = quiet | {
        "verdict": "too little data",
        "quality_known": False,
        "drift_known": False,
        "findings": [],
        "months": [{"month": "2026-01", **empty}],
        "pool": {**empty, "first_month": None, "last_month": None},
        "features": [],
        "promise": None,
    }
    page = monitor_page(result)
    assert "zu wenige Daten" in page
    assert "Noch hat kein Monat 60 Bewertungen" in page


def test_the_command_replays_judges_and_says_so_with_its_exit_code(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.monitor", "--replay", "--bundle", "data/bundle", "--out", "reports/m.html"],
        cwd=run,
        env={**os.environ, "PYTHONPATH": str(Path(monitor.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads((run / "reports/m.json").read_text())
    assert done.returncode == (RECOMMENDED if result["verdict"] == RETRAIN else 0), done.stdout + done.stderr
    assert f"monitor: {result['verdict']}" in done.stdout
    assert result["log"]["origins"] == {"replay": result["log"]["rows"]}

"""The test by segment, from tables to the figures, the tracker's metrics and its sentences."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.params import EvaluateParams
from models.quality.segment_report import measure_segments
from pipeline.matrix.segment_rows import plot_rows
from pipeline.matrix.segments import segment_values
from pipeline.mlflow_runs.segments import segment_metrics, segments_description, segments_sentence
from pipeline.tables.parquet import write_table


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def table(rows: list[dict[str, Any]]) -> pa.Table:
    frame = pd.DataFrame(rows)
    times = {name: "datetime64[us, UTC]" for name in frame if name.endswith("_at") and name != "known_at"}
    return pa.Table.from_pandas(frame.astype(times), preserve_index=False)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the segments of 600 rows: a role that is off, one with few positives, and accounts of two sizes."""
    folder = tmp_path_factory.mktemp("measured") / "canonical"
    random = np.random.default_rng(8)
    count = 1_200
    role = random.choice(["it", "sales", "rare"], count, p=[0.5, 0.47, 0.03])
    p = random.uniform(0.1, 0.7, count)
    label = (random.random(count) < p).astype("int8")
    leads = pd.DataFrame(
        {
            "lead_id": [f"L{i}" for i in range(count)],
            "account_id": [f"A{i // 2}" for i in range(count)],
            "created_at": pd.Series([at("2024-01-01")] * count, dtype="datetime64[us, UTC]"),
            "role": role,
        }
    )
    write_table(folder / "export.parquet", "export", table([{"exported_at": at("2025-01-01"), "clock": "real"}]))
    declared = [{"entity": "lead", "attribute": "role", "type": "category", "known_at": "creation"}]
    write_table(folder / "attributes.parquet", "attributes", table(declared))
    write_table(folder / "leads.parquet", "leads", pa.Table.from_pandas(leads, preserve_index=False))
    predictions = leads[["lead_id", "account_id"]].assign(
        snapshot_at=pd.date_range("2024-02-01", periods=count, freq="2h", tz="UTC").as_unit("us"),
        is_headline=True,
        slice=np.where(np.arange(count) < 200, "train", "test"),
        label=label,
        probability=np.where(role == "sales", np.clip(p + 0.2, 0, 1), p),
    )
    training, test = (predictions[predictions["slice"] == part].reset_index(drop=True) for part in ("train", "test"))
    by = segment_values(folder, test, training, ["month", "role"])
    protected = segment_values(folder, test, training, ["role"], "segments.fairness")
    cutoffs = {"A": 0.7, "B": 0.5, "C": 0.3}
    return measure_segments(test, by, protected, cutoffs, 100, 25, EvaluateParams(bootstrap=60))


def test_the_stage_finds_the_segment_that_is_off_and_says_which_are_too_few(measured: dict[str, Any]) -> None:
    cells = {cell["value"]: cell for cell in measured["by"]["role"]}
    assert cells["sales"]["flagged"]
    assert not cells["it"]["flagged"]
    assert not cells["rare"]["measured"]
    assert measured["compared"] == sum(cell["measured"] for found in measured["by"].values() for cell in found)
    assert measured["flagged"] >= 1
    assert measured["all"]["rows"] == 1_000
    rows = plot_rows(measured)
    assert rows["by_segment"][0]["dimension"] == "all"
    assert [row["value"] for row in rows["by_segment"][1:]] == ["it", "sales"]
    assert all(row["dimension"] == "month" for row in rows["by_month"])


def test_a_tracker_gets_short_names_a_table_and_a_sentence(measured: dict[str, Any]) -> None:
    cells = measured["by"]["role"]
    metrics = segment_metrics(cells)
    assert metrics["auc/it"] == next(cell["auc"]["value"] for cell in cells if cell["value"] == "it")
    assert not [name for name in metrics if "rare" in name]
    described = segments_description("role", cells, 25)
    assert "| rare&emsp; | 19&emsp; | 12&emsp; | too few&emsp; |" in described
    assert "Too few: fewer than 25 positives or negatives." in described
    assert "**beyond chance**&emsp; |" in described
    assert "role sales (+" in segments_sentence(measured)
    nothing = {**measured, "compared": 0, "by": {}}
    assert "none was measured" in segments_sentence(nothing)


def test_two_values_that_differ_in_signs_only_keep_a_metric_each() -> None:
    one = {"value": 0.5, "low": None, "high": None}
    names = ("mean_probability", "auc", "log_loss", "calibration_gap", "lift_at_capacity")
    cell = {"measured": True, "rows": 3, "base_rate": 0.1, **dict.fromkeys(names, one)}
    metrics = segment_metrics([{**cell, "value": "a+b"}, {**cell, "value": "a*b"}, {**cell, "value": "../x"}])
    assert {"auc/a_b", "auc/a_b_", "auc/___x"} <= set(metrics)

"""The comparison of two commits sees what differs, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.compare_commits import compare_folders, differing_values


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.0}]}, []),
        ({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.5}]}, [".a[1].b"]),
        ({"a": 1}, {"a": 1.0}, [".a"]),
        ({"a": 1}, {"b": 1}, [".a", ".b"]),
        ([1, 2], [1], ["everything"]),
        (None, False, ["everything"]),
    ],
)
def test_json_is_compared_by_values_and_types(old: Any, new: Any, places: list[str]) -> None:
    assert differing_values(old, new) == places


def _workspace(folder: Path, probability: float, more: str | None = None) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "metrics").mkdir()
    pq.write_table(pa.table({"probability": [probability]}), folder / "data" / "predictions.parquet")
    (folder / "metrics" / "evaluate.json").write_text(json.dumps({"auc": 0.7}), encoding="utf-8")
    (folder / "data" / "provenance.json").write_text(str(folder), encoding="utf-8")
    if more is not None:
        (folder / "metrics" / more).write_text("{}", encoding="utf-8")
    return folder


def test_files_are_compared_by_content(tmp_path: Path) -> None:
    old = _workspace(tmp_path / "old", 0.5)
    assert compare_folders(old, _workspace(tmp_path / "same", 0.5)) == []
    assert compare_folders(old, _workspace(tmp_path / "new", 0.25, "more.json")) == [
        "data/predictions.parquet: values differ (1 and 1 rows)",
        "metrics/more.json: only in the new one",
    ]

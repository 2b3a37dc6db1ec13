"""Logged scores are computed again bit by bit, and whatever was changed since is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.bundle import Bundle, bundle_hash
from models.monitoring.score_log import LogSettings, Model
from models.monitoring.score_log_reader import read_log
from models.monitoring.score_log_writer import ScoreLogWriter
from pipeline.data_protection.replaying import Bundles, replay_log
from tests.serving.running import bundle as bundle
from tests.serving.running import bundle_folder as bundle_folder
from tests.serving.running import leads as leads


@pytest.fixture
def log(bundle_folder: Path, leads: list[dict[str, Any]], tmp_path: Path) -> Path:
    """Write a log of 40 scores of a bundle, as the service does."""
    loaded = Bundle.load(bundle_folder)
    writer = ScoreLogWriter(
        LogSettings(tmp_path / "log"), Model("m", "7", loaded.catalog.fingerprint, loaded.sha256), rows_per_file=1_000
    )
    scores = score_requests(loaded, [parse_lead(lead) for lead in leads[:40]], explain=False, debug=True)
    writer.add(1_000_000, scores[:30], [[f"t{n}"] for n in range(30)])
    writer.add(2_000_000, scores[30:], origin="page")
    writer.close()
    return tmp_path / "log"


def altered(log: Path, column: str, row: int, value: Any) -> None:
    (path,) = log.rglob("*.parquet")
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value
    place = table.schema.get_field_index(column)
    pq.write_table(
        table.set_column(place, table.schema.field(column), pa.array(values, table.schema.field(column).type)), path
    )


def test_every_score_is_computed_again_to_the_bit(log: Path, bundle_folder: Path) -> None:
    replayed = replay_log(log, Bundles([log, bundle_folder], None).find)
    assert (replayed.rows, replayed.differences, dict(replayed.without), replayed.earlier) == (40, [], {}, 0)
    (path,) = log.rglob("*.parquet")
    table = pq.read_table(path)
    assert set(table["bundle_sha256"].to_pylist()) == {bundle_hash(bundle_folder)}
    assert table["touchpoint_ids"].to_pylist()[:2] == [["t0"], ["t1"]]


def test_one_bit_of_a_figure_or_of_a_feature_is_a_difference(log: Path, bundle_folder: Path) -> None:
    (path,) = log.rglob("*.parquet")
    table = pq.read_table(path)
    rows = table.to_pylist()
    scored = next(k for k, row in enumerate(rows) if row["probability"] is not None)
    figure = np.nextafter(np.float32(rows[scored]["probability"]), np.float32(2.0))
    altered(log, "probability", scored, float(figure))
    vector = rows[5]["features"]
    vector[0] = 12_345.0
    altered(log, "features", 5, vector)
    replayed = replay_log(log, Bundles([bundle_folder], None).find)
    found = {(item.lead_id, item.field) for item in replayed.differences}
    assert (rows[scored]["lead_id"], "probability") in found
    assert (rows[5]["lead_id"], "features") in found
    assert {item.lead_id for item in replayed.differences} == {rows[scored]["lead_id"], rows[5]["lead_id"]}
    assert replay_log(log, Bundles([bundle_folder], None).find, [rows[7]["lead_id"]]).rows == 1


def test_a_tier_and_a_reason_not_to_score_are_compared(log: Path, bundle_folder: Path) -> None:
    altered(log, "tier", 0, "Z")
    altered(log, "not_scored", 1, "too_little_data")
    replayed = replay_log(log, Bundles([bundle_folder], None).find)
    assert [item.field for item in replayed.differences] == ["tier", "not_scored"]


def test_scores_of_a_bundle_that_is_gone_are_counted(log: Path, tmp_path: Path) -> None:
    replayed = replay_log(log, Bundles([tmp_path], None).find)
    assert (replayed.rows, sum(replayed.without.values())) == (0, 40)


def test_monitoring_leaves_out_what_was_only_looked_at(log: Path, bundle_folder: Path) -> None:
    loaded = Bundle.load(bundle_folder)
    read = read_log(log, Model("m", "7", loaded.catalog.fingerprint), len(loaded.catalog))
    assert len(read.rows) == 30
    assert "touchpoint_ids" not in read.rows


def test_a_log_of_an_earlier_version_is_still_monitored(log: Path, bundle_folder: Path) -> None:
    (path,) = log.rglob("*.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["bundle_sha256", "features_sha256", "touchpoint_ids"]), path)
    loaded = Bundle.load(bundle_folder)
    assert len(read_log(log, Model("m", "7", loaded.catalog.fingerprint), len(loaded.catalog)).rows) == 30
    assert replay_log(log, Bundles([bundle_folder], None).find).earlier == 40

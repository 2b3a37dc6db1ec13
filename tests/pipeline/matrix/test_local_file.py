"""Touchpoints and snapshots as files: in memory, in parts, sorted on disk first, the same matrix comes out."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.catalog import build_catalog
from features.compute import Snapshots, compute_features
from features.errors import DataError, ParameterError
from features.journeys import Journeys
from features.params import FeaturesParams
from features.timeline import DAY_US
from pipeline.matrix.local_file import features_from_parquet
from pipeline.tables.matrix_file import MatrixWriter

MOMENT = pa.timestamp("us", tz="UTC")
ROWS, LEADS = 3_000, 90
IN_PARTS = 250 * 2 * 400  # of 400 touchpoints


def _catalog(*groups: Any) -> Any:
    return build_catalog(
        FeaturesParams(observation_days=60, windows_days=(7,), half_lives_days=(7,), groups=groups, selectors={}), []
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write touchpoints without order, with order in row groups, and snapshots; some of each have no partner."""
    folder = tmp_path_factory.mktemp("files")
    random = np.random.default_rng(2)
    lead = random.integers(0, LEADS, ROWS)
    lead[: ROWS // 3] = 7  # more than a row group, and than a part
    occurred = random.integers(0, 90 * DAY_US, ROWS)
    touchpoints = pa.table(
        {
            "lead_id": pa.array([None if i % 50 == 0 else f"L-{k}" for i, k in enumerate(lead)]),
            "occurred_at": pa.array(occurred).cast(MOMENT),
            "recorded_at": pa.array(occurred + random.integers(0, 2, ROWS) * DAY_US).cast(MOMENT),
            "kind": random.choice(["a", "b"], ROWS),
            "note": random.random(ROWS),
        }
    )
    pq.write_table(touchpoints, folder / "unsorted.parquet")
    by_lead = touchpoints.filter(touchpoints["lead_id"].is_valid()).sort_by("lead_id")
    pq.write_table(by_lead, folder / "by_lead.parquet", row_group_size=150)
    leads = [f"L-{i}" for i in random.permutation(LEADS + 20)[:100]]
    snapshots = pa.table(
        {
            "lead_id": leads * 2,
            "snapshot_at": pa.array(random.integers(0, 100 * DAY_US, 200)).cast(MOMENT),
        }
    )
    pq.write_table(snapshots, folder / "snapshots.parquet")
    return folder


def _expected(files: Path, catalog: Any) -> pa.Table:
    touchpoints = pq.read_table(files / "unsorted.parquet")
    touchpoints = touchpoints.filter(touchpoints["lead_id"].is_valid())
    snapshots = pq.read_table(files / "snapshots.parquet").sort_by(
        [("lead_id", "ascending"), ("snapshot_at", "ascending")]
    )
    leads = sorted(set(snapshots["lead_id"].to_pylist()))
    journeys = Journeys.from_arrow(touchpoints, None, None, leads, unknown_leads="ignore")
    looks = Snapshots(
        np.array([leads.index(lead) for lead in snapshots["lead_id"].to_pylist()]),
        snapshots["snapshot_at"].cast(pa.int64()).to_numpy(),
    )
    matrix = compute_features(journeys, looks, catalog)
    for column, name in enumerate(catalog.names):
        snapshots = snapshots.append_column(name, pa.array(matrix[:, column]))
    return snapshots


@pytest.mark.parametrize("file", ["unsorted", "by_lead"])
@pytest.mark.parametrize("memory", [2**30, IN_PARTS, 1])
def test_however_it_is_read_the_same_matrix_comes_out(files: Path, tmp_path: Path, file: str, memory: int) -> None:
    catalog = _catalog("engagement")
    rows = features_from_parquet(
        files / f"{file}.parquet", files / "snapshots.parquet", tmp_path / "out.parquet", catalog, memory
    )
    found = pq.read_table(tmp_path / "out.parquet")
    expected = _expected(files, catalog)
    assert rows == len(found) == 200
    assert found.column_names == ["lead_id", "snapshot_at", *catalog.names]
    for name in found.column_names:
        np.testing.assert_array_equal(found[name].to_numpy(), expected[name].to_numpy())


def test_no_snapshot_no_row(files: Path, tmp_path: Path) -> None:
    pq.write_table(pq.read_table(files / "snapshots.parquet").slice(0, 0), tmp_path / "none.parquet")
    catalog = _catalog("engagement")
    for memory in (1, 2**30):
        assert not features_from_parquet(
            files / "by_lead.parquet", tmp_path / "none.parquet", tmp_path / "out.parquet", catalog, memory
        )
        assert len(pq.read_table(tmp_path / "out.parquet")) == 0


def test_groups_that_need_other_tables_are_refused(files: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"features\.groups: account, stages look at other tables"):
        features_from_parquet(
            files / "by_lead.parquet",
            files / "snapshots.parquet",
            tmp_path / "out.parquet",
            _catalog("engagement", "account", "stages"),
        )


def test_a_snapshot_needs_its_lead(files: Path, tmp_path: Path) -> None:
    snapshots = pq.read_table(files / "snapshots.parquet")
    nulls = pc.if_else(pc.equal(snapshots["lead_id"], "L-7"), None, snapshots["lead_id"])
    pq.write_table(snapshots.set_column(0, "lead_id", nulls), tmp_path / "snapshots.parquet")
    with pytest.raises(DataError, match=r"2 value\(s\) of lead_id missing"):
        features_from_parquet(
            files / "by_lead.parquet", tmp_path / "snapshots.parquet", tmp_path / "out.parquet", _catalog("engagement")
        )


def _write(path: Path, leads: list[str], times: int) -> None:
    with MatrixWriter(path, ("x",)) as writer:
        for _ in range(times):
            writer.write(leads, pa.array([0]).cast(MOMENT), np.ones((1, 1), dtype=np.float32))


def test_what_goes_wrong_in_the_writers_thread_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _write(tmp_path / "no folder" / "out.parquet", ["L-1"], times=5)
    with pytest.raises(pa.ArrowInvalid):
        _write(tmp_path / "out.parquet", ["L-1", "L-2"], times=1)

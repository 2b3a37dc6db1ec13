"""A matrix brought up to date is, to the bit, the one that a full build makes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.attributes import AttributeSpec
from features.catalog import Learned, build_catalog
from features.errors import DataError
from features.params import FeaturesParams
from pipeline.build_features import write_locally
from pipeline.matrix.build import plan_matrix, write_matrix
from pipeline.matrix.fit_catalog import FittedCatalog
from pipeline.tables.parquet import write_table

LEADS = 40
START = pd.Timestamp("2025-01-01", tz="UTC")


def _moments(random: np.random.Generator, n: int, first: int = 0, last: int = 90) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(random.integers(first * 24, last * 24, n), unit="h")).dt.as_unit("us")


def _account(lead: int) -> str | None:
    return None if lead % 5 == 0 else f"A-{lead % 11}"


def _tables() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(3)
    ids = [f"L-{i}" for i in range(LEADS)]
    return {
        "leads": pd.DataFrame(
            {
                "lead_id": ids,
                "account_id": [_account(i) for i in range(LEADS)],
                "created_at": _moments(random, LEADS),
                "size": random.random(LEADS),
            }
        ),
        "accounts": pd.DataFrame({"account_id": [f"A-{i}" for i in range(11)], "industry": ["i1", *["i2"] * 10]}),
        "touchpoints": pd.DataFrame(
            {
                "touchpoint_id": [f"T-{i}" for i in range(600)],
                "lead_id": random.choice(ids[:30], 600),
                "occurred_at": _moments(random, 600),
                "kind": random.choice(["page_view", "mail_open"], 600),
            }
        ),
        "stage_changes": pd.DataFrame(
            {"lead_id": random.choice(ids, 50), "stage": ["mql"] * 50, "occurred_at": _moments(random, 50)}
        ),
        "attribute_changes": pd.DataFrame(
            {"lead_id": ids[:5], "attribute": ["size"] * 5, "value": ["0.5"] * 5, "occurred_at": _moments(random, 5)}
        ),
        "orders": pd.DataFrame(
            {"account_id": ["A-1", "A-2", "A-7"], "ordered_at": _moments(random, 3), "amount": [5.0, 7.0, 9.0]}
        ),
    }


def _write(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    for name, frame in tables.items():
        write_table(folder / f"{name}.parquet", name, pa.Table.from_pandas(frame, preserve_index=False))
    return folder


def _snapshots() -> pd.DataFrame:
    random = np.random.default_rng(4)
    lead = random.choice(LEADS, 100)
    frame = pd.DataFrame({"lead_id": [f"L-{i}" for i in lead], "account_id": [_account(i) for i in lead]})
    frame["snapshot_at"] = _moments(random, 100, 30, 95)
    return frame.drop_duplicates(["lead_id", "snapshot_at"]).reset_index(drop=True)


def _fitted(rows: int, kinds: tuple[str, ...] = (), part: int = -1) -> FittedCatalog:
    groups: Any = ("engagement", "account", "orders", "stages", "attributes")
    params = FeaturesParams(observation_days=60, windows_days=(7,), half_lives_days=(7,), groups=groups, selectors={})
    specs = [
        AttributeSpec("lead", "size", "number", "creation"),
        AttributeSpec("account", "industry", "category", "creation", ("i1", "i2")),
    ]
    catalog = build_catalog(params, specs, Learned(kinds=kinds))
    return FittedCatalog(catalog, (catalog,), np.where(np.arange(rows) % 3 == 0, part, -1))


def _appended(name: str, row: dict[str, Any]) -> Callable[[dict[str, pd.DataFrame]], None]:
    def change(tables: dict[str, pd.DataFrame]) -> None:
        tables[name] = pd.concat([tables[name], pd.DataFrame([row])], ignore_index=True)

    return change


def _moved(tables: dict[str, pd.DataFrame]) -> None:
    tables["leads"].loc[tables["leads"]["lead_id"] == "L-12", "account_id"] = "A-4"


def _shuffled(tables: dict[str, pd.DataFrame]) -> None:
    tables["touchpoints"] = tables["touchpoints"].sample(frac=1.0, random_state=1)


AT = START + pd.Timedelta(days=40)
CHANGES = {
    "touchpoint": (
        _appended("touchpoints", {"touchpoint_id": "T-x", "lead_id": "L-12", "occurred_at": AT, "kind": "page_view"}),
        {"A-1"},
    ),
    "stage": (_appended("stage_changes", {"lead_id": "L-5", "stage": "mql", "occurred_at": AT}), {"L-5"}),
    "attribute": (
        _appended("attribute_changes", {"lead_id": "L-3", "attribute": "size", "value": "0.9", "occurred_at": AT}),
        {"A-3"},
    ),
    "order": (_appended("orders", {"account_id": "A-6", "ordered_at": AT, "amount": 1.0}), {"A-6"}),
    "account": (_moved, {"A-1", "A-4"}),
    "order of rows": (_shuffled, set()),
}


def _build(
    canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, out: Path, since: Path | None = None
) -> int:
    """Build the folder and count the rows that were computed."""
    batches: list[int] = []
    plan = plan_matrix(canonical, snapshots, fitted, since)
    write_matrix(canonical, plan, fitted, out, batches.append)
    assert sum(batches) == len(plan.to_compute)
    return sum(batches)


def _same(one: Path, other: Path) -> None:
    first, second = (pq.read_table(folder / "matrix.parquet") for folder in (one, other))
    assert first.schema == second.schema
    for name in first.column_names:
        left, right = (table[name].combine_chunks() for table in (first, second))
        assert left.to_numpy(zero_copy_only=False).tobytes() == right.to_numpy(zero_copy_only=False).tobytes() or (
            name == "lead_id" and left.equals(right)
        )
    assert (one / "state.json").read_text() == (other / "state.json").read_text()


@pytest.mark.parametrize("change", list(CHANGES))
def test_only_what_changed_is_computed_and_the_result_is_that_of_a_full_build(
    tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.matrix.incremental.ROWS_AT_ONCE", 7)
    before, after = _snapshots().iloc[:-6], _snapshots()
    _build(_write(tmp_path / "old", _tables()), before, _fitted(len(before)), tmp_path / "former")
    tables = _tables()
    alter, touched = CHANGES[change]
    alter(tables)
    canonical = _write(tmp_path / "new", tables)
    fitted = _fitted(len(after))
    computed = _build(canonical, after, fitted, tmp_path / "some", since=tmp_path / "former")
    assert _build(canonical, after, fitted, tmp_path / "all") == len(after)
    _same(tmp_path / "some", tmp_path / "all")
    account = tables["leads"]["account_id"].fillna(tables["leads"]["lead_id"]).set_axis(tables["leads"]["lead_id"])
    key = after["lead_id"].map(account)
    assert computed == int((key.isin(touched) | (after.index >= len(before))).sum())


def test_rows_that_another_part_looks_at_are_computed_again(tmp_path: Path) -> None:
    canonical, snapshots = _write(tmp_path / "canonical", _tables()), _snapshots()
    _build(canonical, snapshots, _fitted(len(snapshots)), tmp_path / "former")
    fitted = _fitted(len(snapshots), part=0)
    assert _build(canonical, snapshots, fitted, tmp_path / "some", tmp_path / "former") == -(-len(snapshots) // 3)


def test_another_catalog_builds_all_and_the_stage_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canonical, snapshots = _write(tmp_path / "canonical", _tables()), _snapshots()
    _build(canonical, snapshots, _fitted(len(snapshots)), tmp_path / "former")
    fitted = _fitted(len(snapshots), kinds=("page_view",))
    assert plan_matrix(canonical, snapshots, fitted, tmp_path / "former").former is None
    assert write_locally(canonical, snapshots, fitted, tmp_path / "some", tmp_path / "former") == len(snapshots)
    assert "building all rows" in " ".join(capsys.readouterr().out.split())


def test_a_folder_without_a_former_matrix_is_named(tmp_path: Path) -> None:
    canonical, snapshots = _write(tmp_path / "canonical", _tables()), _snapshots()
    with pytest.raises(DataError, match=r"there is no state\.json"):
        _build(canonical, snapshots, _fitted(len(snapshots)), tmp_path / "out", tmp_path / "nothing")

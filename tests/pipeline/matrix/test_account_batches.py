"""Batches of whole accounts: however they are cut, and however the file is sorted, the same rows come out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.attributes import AttributeSpec
from features.catalog import Learned, build_catalog
from features.errors import DataError
from features.params import FeaturesParams
from pipeline.matrix.account_batches import account_batches
from pipeline.matrix.account_order import write_in_account_order
from pipeline.matrix.build import matrix_batches
from pipeline.matrix.feature_rows import feature_rows
from pipeline.tables.parquet import write_table

LEADS = 60
START = pd.Timestamp("2025-01-01", tz="UTC")


def _moments(random: np.random.Generator, n: int) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(random.integers(0, 90 * 24, n), unit="h")).astype("datetime64[us, UTC]")


def _account(lead: int) -> str | None:
    return None if lead % 5 == 0 else f"A-{(lead * 7) % 11}"


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small company: leads with and without accounts, some without touchpoints, few with a recorded change."""
    folder = tmp_path_factory.mktemp("canonical")
    random = np.random.default_rng(3)
    ids = np.array([f"L-{i}" for i in range(LEADS)])
    account = [_account(i) for i in range(LEADS)]
    tables: dict[str, dict[str, Any]] = {
        "leads": {
            "lead_id": ids,
            "account_id": account,
            "created_at": _moments(random, LEADS),
            "role": [f"role {i % 3}" for i in range(LEADS)],
            "size": random.random(LEADS),
        },
        "accounts": {"account_id": sorted({a for a in account if a}), "industry": [f"i{i % 4}" for i in range(11)]},
        "touchpoints": {
            "touchpoint_id": [f"T-{i}" for i in range(900)],
            "lead_id": [*random.choice(ids[:50], 890), *[None] * 10],
            "occurred_at": _moments(random, 900),
            "kind": random.choice(["page_view", "mail_open"], 900),
            "channel": random.choice(["web", "mail", None], 900),
        },
        "stage_changes": {
            "lead_id": random.choice(ids, 80),
            "stage": ["mql"] * 80,
            "occurred_at": _moments(random, 80),
        },
        "attribute_changes": {
            "lead_id": [*random.choice(ids[:4], 12), *[None] * 3],
            "account_id": [*[None] * 12, "A-1", "A-1", "A-7"],
            "attribute": [*["size", "role"] * 6, *["industry"] * 3],
            "value": [*["0.5", "role 9"] * 6, "i7", "i8", "i9"],
            "occurred_at": _moments(random, 15),
        },
        "orders": {"account_id": ["A-1", "A-2", "A-7"], "ordered_at": _moments(random, 3), "amount": [5.0, 7.0, 9.0]},
    }
    for name, columns in tables.items():
        frame = pd.DataFrame(columns)
        write_table(folder / f"{name}.parquet", name, pa.Table.from_pandas(frame, preserve_index=False))
    return folder


@pytest.fixture(scope="module")
def ordered(canonical: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the folder, with touchpoints in account order and in many row groups."""
    folder = tmp_path_factory.mktemp("ordered")
    for path in canonical.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    write_in_account_order(canonical / "touchpoints.parquet", canonical / "leads.parquet", folder / "sorted.parquet")
    pq.write_table(pq.read_table(folder / "sorted.parquet"), folder / "touchpoints.parquet", row_group_size=70)
    return folder


@pytest.fixture(scope="module")
def catalog() -> Any:
    """Return a catalog with columns of all kinds that look beyond the lead's own touchpoints."""
    params = FeaturesParams(
        observation_days=60,
        windows_days=(7,),
        half_lives_days=(),
        groups=("engagement", "account", "orders", "stages", "attributes"),
        selectors={},
        role_attribute="role",
    )
    specs = [
        AttributeSpec("lead", "size", "number", "creation"),
        AttributeSpec("account", "industry", "category", "creation", ("i1", "i2", "i7")),
    ]
    return build_catalog(params, specs, Learned(roles=("role 1", "role 9")))


@pytest.fixture(scope="module")
def snapshots() -> pd.DataFrame:
    """Return up to three snapshots of most leads, in random order."""
    random = np.random.default_rng(4)
    frame = pd.DataFrame({"lead": random.choice(LEADS, 120), "snapshot_at": _moments(random, 120)}).drop_duplicates()
    frame["lead_id"] = "L-" + frame["lead"].astype(str)
    frame["account_id"] = frame["lead"].map(_account).astype(object)
    return frame[["lead_id", "account_id", "snapshot_at"]].reset_index(drop=True)


def _matrix(folder: Path, snapshots: pd.DataFrame, catalog: Any, cost: int) -> np.ndarray:
    out = np.full((len(snapshots), len(catalog)), -7.0, dtype=np.float32)
    for rows, matrix in matrix_batches(folder, snapshots, catalog, cost_per_batch=cost):
        out[rows] = matrix
    return out


@pytest.mark.parametrize("cost", [1, 100, 700, 1_000_000])
def test_neither_cuts_nor_the_order_of_the_file_change_a_bit(
    canonical: Path, ordered: Path, snapshots: pd.DataFrame, catalog: Any, cost: int
) -> None:
    tables = {path.stem: pq.read_table(path) for path in canonical.iterdir()}
    touchpoints = tables["touchpoints"]
    tables["touchpoints"] = touchpoints.filter(pc.is_valid(touchpoints["lead_id"]))
    whole = feature_rows(tables, tables["leads"]["lead_id"].to_pylist(), snapshots, catalog)
    for folder in (canonical, ordered):
        assert _matrix(folder, snapshots, catalog, cost).tobytes() == whole.tobytes()


def test_batches_are_cut_by_cost_and_hold_whole_accounts(ordered: Path) -> None:
    batches = list(account_batches(ordered, [f"L-{i}" for i in range(LEADS)], cost_per_batch=300))
    accounts = [set(batch.tables["leads"]["account_id"].drop_null().to_pylist()) for batch in batches]
    assert len(batches) > 3
    assert sum(map(len, accounts)) == len(set().union(*accounts)) == 11
    assert sorted(lead for batch in batches for lead in batch.lead_ids) == sorted(f"L-{i}" for i in range(LEADS))
    assert sum(len(batch.tables["touchpoints"]) for batch in batches) == 890
    for batch in batches:
        own = len(batch.tables["touchpoints"]) + 8 * len(batch.lead_ids)
        assert own <= 300 or len(set(batch.tables["leads"]["account_id"].to_pylist())) == 1


@pytest.mark.parametrize("cost", [1, 1_000_000])
def test_colleagues_come_along_and_others_do_not(ordered: Path, cost: int) -> None:
    (batch,) = account_batches(ordered, ["L-1", "L-1"], cost)
    assert batch.lead_ids == sorted(f"L-{i}" for i in range(LEADS) if _account(i) == "A-7")
    assert set(batch.tables["touchpoints"]["lead_id"].to_pylist()) <= set(batch.lead_ids)
    assert batch.tables["orders"]["account_id"].to_pylist() == ["A-7"]
    assert ("lead_id", "size") in batch.history


def test_of_the_tables_beside_leads_and_touchpoints_those_asked_for_are_there(ordered: Path) -> None:
    (batch,) = account_batches(ordered, ["L-1"], beside=())
    assert set(batch.tables) == {"leads", "touchpoints"}
    (batch,) = account_batches(ordered, ["L-1"], beside=("orders",))
    assert set(batch.tables) == {"leads", "touchpoints", "orders"}


def test_no_lead_no_batch(ordered: Path) -> None:
    assert list(account_batches(ordered, [])) == []


def test_a_lead_that_is_not_there_is_named(ordered: Path) -> None:
    with pytest.raises(DataError, match=r"lead 'L-x' is asked for and not there"):
        list(account_batches(ordered, ["L-1", "L-x"]))


def test_a_touchpoint_of_an_unknown_lead_is_named(ordered: Path, tmp_path: Path) -> None:
    (tmp_path / "leads.parquet").write_bytes((ordered / "leads.parquet").read_bytes())
    table = pq.read_table(ordered / "touchpoints.parquet").slice(0, 2)
    pq.write_table(table.set_column(1, "lead_id", pa.array(["L-1", "L-x"])), tmp_path / "touchpoints.parquet")
    with pytest.raises(DataError, match=r"lead 'L-x' is not in leads\.parquet"):
        list(account_batches(tmp_path, ["L-1"], cost_per_batch=1))


def test_before_a_lead_was_linked_nobody_knew_its_colleagues(
    canonical: Path, snapshots: pd.DataFrame, catalog: Any
) -> None:
    tables = {path.stem: pq.read_table(path) for path in canonical.iterdir()}
    tables["touchpoints"] = tables["touchpoints"].filter(pc.is_valid(tables["touchpoints"]["lead_id"]))
    ids = tables["leads"]["lead_id"].to_pylist()
    whole = feature_rows(tables, ids, snapshots, catalog)
    lead = snapshots.loc[snapshots["account_id"].notna(), "lead_id"].value_counts().index[0]
    of_lead = (snapshots["lead_id"] == lead).to_numpy()
    linked_at = snapshots.loc[of_lead, "snapshot_at"].max() - pd.Timedelta(microseconds=1)
    early = of_lead & (snapshots["snapshot_at"] <= linked_at).to_numpy()
    changes = tables["attribute_changes"].to_pandas()
    link = changes.iloc[:1].assign(
        lead_id=lead, account_id=None, attribute="account_id", value=snapshots.loc[of_lead, "account_id"].iloc[0]
    )
    for column in ("occurred_at", "recorded_at"):
        link[column] = pd.Series([linked_at], dtype="datetime64[us, UTC]").to_numpy() if column in link else None
    link = link[changes.columns]
    schema = tables["attribute_changes"].schema
    with_link = {**tables, "attribute_changes": pa.concat_tables(
        [tables["attribute_changes"], pa.Table.from_pandas(link, schema, preserve_index=False)])}  # fmt: skip
    found = feature_rows(with_link, ids, snapshots, catalog)
    account = pc.if_else(pc.equal(tables["leads"]["lead_id"], lead), None, tables["leads"]["account_id"])
    position = tables["leads"].schema.get_field_index("account_id")
    apart = {**tables, "leads": tables["leads"].set_column(position, "account_id", account)}
    alone = feature_rows(apart, ids, snapshots.assign(account_id=snapshots["account_id"].mask(of_lead, None)), catalog)
    assert early.any()
    assert found[early].tobytes() == alone[early].tobytes()
    assert found[early].tobytes() != whole[early].tobytes()
    assert found[~early].tobytes() == whole[~early].tobytes()

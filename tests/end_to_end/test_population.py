"""Snapshots of training and warnings of scoring agree on who belongs to a model's population, over simulated leads."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.answers.population import OUTSIDE, outside_population
from models.answers.risk_set import RiskSet
from pipeline import ingest, simulate
from pipeline.matrix.account_batches import snapshot_batches
from pipeline.matrix.feature_rows import journeys_of, snapshots_of
from pipeline.params import SnapshotsParams, dump_yaml, read_yaml
from pipeline.population.customers import customer_periods, customer_snapshots
from pipeline.population.risk_set import mql_periods, mql_snapshots
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

EXPIRE = 60


@pytest.fixture(scope="module")
def canonical(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Simulate a small company and ingest it."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "pipeline").mkdir()
    shutil.copytree(root / "pipeline" / "sources", folder / "pipeline" / "sources")
    params = read_yaml(root / "params.yaml")
    params["simulator"] |= {"leads": 2_500, "days": 500}
    (folder / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        simulate.main()
        ingest.main()
        yield folder / "data" / "canonical"
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def leads(canonical: Path) -> pd.DataFrame:
    columns = ["lead_id", "account_id", "created_at"]
    return read_table(canonical / "leads.parquet", "leads").select(columns).to_pandas()


def looked_at(canonical: Path, leads: pd.DataFrame, rows: pd.DataFrame, risk_set: RiskSet) -> list[str | None]:
    """Judge snapshots as scoring does: from journeys of whole accounts."""
    rows = rows[["lead_id", "snapshot_at"]].merge(leads[["lead_id", "account_id"]], on="lead_id", how="left")
    found: list[str | None] = [None] * len(rows)
    for batch, own in snapshot_batches(canonical, rows, 50_000):
        journeys = journeys_of(batch.tables, batch.lead_ids)
        looks = snapshots_of(batch.lead_ids, rows.iloc[own])
        for row, reason in zip(own.tolist(), outside_population(journeys, looks, risk_set), strict=True):
            found[row] = reason
    return found


def test_what_training_looks_at_is_inside_and_all_else_is_outside(canonical: Path, leads: pd.DataFrame) -> None:
    export = read_export(canonical)
    periods = mql_periods(read_table(canonical / "stage_changes.parquet", "stage_changes").to_pandas(), EXPIRE)
    rows = mql_snapshots(periods, SnapshotsParams(every_days=3, expire_days=EXPIRE), export.exported_at)
    assert len(rows) > 2_000
    risk_set = RiskSet("mql", EXPIRE)
    assert set(looked_at(canonical, leads, rows, risk_set)) == {None}

    random = np.random.default_rng(8)
    us = pd.Timedelta(microseconds=1)
    ended = periods[periods["ended_at"].notna()]
    edges = [
        periods[["lead_id"]].assign(snapshot_at=periods["started_at"] - us),
        ended[["lead_id"]].assign(snapshot_at=ended["ended_at"] + us),
        periods[["lead_id"]].assign(snapshot_at=periods["started_at"] + pd.Timedelta(days=EXPIRE)),
        periods[["lead_id"]].assign(snapshot_at=periods["started_at"] + pd.Timedelta(days=EXPIRE) - us),
        leads[["lead_id"]].assign(snapshot_at=leads["created_at"] - us),
        leads[["lead_id"]].assign(
            snapshot_at=export.exported_at - pd.to_timedelta(random.integers(0, 500 * 24, len(leads)), unit="h")
        ),
    ]
    moments = pd.concat(edges, ignore_index=True)
    moments["snapshot_at"] = moments["snapshot_at"].astype("datetime64[us, UTC]")
    moments["row"] = np.arange(len(moments))
    pairs = moments.merge(periods, on="lead_id")
    at, start = pairs["snapshot_at"], pairs["started_at"]
    inside = (start <= at) & ~(pairs["ended_at"] < at) & (at < start + pd.Timedelta(days=EXPIRE))
    expected = moments["row"].isin(pairs.loc[inside, "row"]).to_numpy()
    reasons = np.array(looked_at(canonical, leads, moments, risk_set), dtype=object)
    assert np.array_equal(reasons == None, expected)  # noqa: E711 element by element
    assert set(reasons[~expected]) == set(OUTSIDE) - {"not_customer"}
    assert 300 < expected.sum() < len(expected) - 300


def test_customers_that_training_looks_at_are_inside_and_all_others_outside(
    canonical: Path, leads: pd.DataFrame
) -> None:
    orders = read_table(canonical / "orders.parquet", "orders").to_pandas()
    export = read_export(canonical)
    rows = customer_snapshots(customer_periods(leads, orders), export.exported_at)
    risk_set = RiskSet("customers", None)
    assert len(rows) > 500
    assert set(looked_at(canonical, leads, rows, risk_set)) == {None}
    months = pd.DataFrame({"snapshot_at": sorted(set(rows["snapshot_at"]))})
    others = leads[["lead_id"]].merge(months, how="cross").merge(rows, how="left", indicator=True)
    others = others[others["_merge"] == "left_only"].reset_index(drop=True)
    assert set(looked_at(canonical, leads, others, risk_set)) == {"not_yet_created", "not_customer"}


def test_ingest_says_that_simulated_people_are_no_machines(canonical: Path) -> None:
    found = json.loads((canonical.parents[1] / "metrics" / "ingest.json").read_text(encoding="utf-8"))[
        "machine_traffic"
    ]
    assert (found["busy_leads"], found["their_touchpoints"]) == (0, 0)
    assert found["mails"]["opens"] > 1_000
    assert found["mails"]["machine_clicks"] == 0

"""The real sources give the populations that their data sets are known for."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from models.fitting.split_plan import plan_split
from models.params import SplitSection
from pipeline.params import LabelsParams, SnapshotsParams, read_yaml
from pipeline.population.customers import customer_periods, customer_snapshots
from pipeline.population.outcomes import label_snapshots, order_outcomes, period_outcomes
from pipeline.population.risk_set import mql_periods, mql_snapshots
from pipeline.tables.ingested import ingest
from pipeline.workspaces.workspace import overlay


def labelled(root: Path, real_data: Path, source: str, target: Path) -> tuple[pd.DataFrame, dict, str]:
    """Ingest a source and label its snapshots with its preset; return rows, parameters and clock."""
    params = overlay(read_yaml(root / "params.yaml"), read_yaml(root / "pipeline" / "presets" / f"{source}.yaml"))
    counts = ingest(
        root / "pipeline" / "sources" / f"{source}.sql",
        real_data / params["ingest"]["raw_dir"],
        target / "canonical",
        target / "quarantine",
        params["ingest"]["max_bad_share"],
    )
    assert all(count.rows == count.kept + sum(count.quarantined.values()) for count in counts.values())

    def table(name: str) -> pd.DataFrame:
        return pq.read_table(target / "canonical" / f"{name}.parquet").to_pandas()

    export = table("export").iloc[0]
    ordinal = bool(export["clock"] == "ordinal")
    settings = SnapshotsParams(**params["snapshots"])
    leads = table("leads")
    if settings.risk_set == "customers":
        rows = customer_snapshots(customer_periods(leads, table("orders")), export["exported_at"])
        rows = rows.merge(leads[["lead_id", "account_id"]], on="lead_id")
        outcome = order_outcomes(rows, table("orders"))
    else:
        periods = mql_periods(table("stage_changes"), settings.expire_days)
        rows = mql_snapshots(periods, settings, export["exported_at"], ordinal=ordinal)
        rows = rows.merge(leads[["lead_id", "account_id"]], on="lead_id")
        outcome = period_outcomes(rows, periods)
    labels = label_snapshots(rows, outcome, LabelsParams(**params["labels"]), export["exported_at"], ordinal=ordinal)
    return rows.merge(labels, on=["lead_id", "snapshot_at"]), params, str(export["clock"])


def sliced(rows: pd.DataFrame, params: dict, clock: str, published: bool) -> pd.DataFrame:
    split = overlay(params["split"], params["published"]["split"]) if published else params["split"]
    days = params["labels"]["label_days"], params["labels"]["recording_delay_days"]
    return rows.assign(slice=plan_split(rows, SplitSection(**split), *days, clock).slices.slice)


def test_saas_logins(root: Path, real_data: Path, tmp_path: Path) -> None:
    rows, params, clock = labelled(root, real_data, "saas_logins", tmp_path)
    matured = rows[rows["matured"]]
    assert len(matured) == 9_279
    honest, published = (sliced(rows, params, clock, published) for published in (False, True))
    assert (honest["slice"] == "train").sum() == 5_164
    test = honest[honest["slice"] == "test"]
    assert test["label"].astype(float).mean() == pytest.approx(0.117, abs=0.001)
    assert (published["slice"] == "test").sum() == len(test)


def test_online_retail(root: Path, real_data: Path, tmp_path: Path) -> None:
    rows, params, clock = labelled(root, real_data, "online_retail", tmp_path)
    honest = sliced(rows, params, clock, published=False)
    months = honest.groupby("slice")["snapshot_at"].agg(["min", "max"])
    assert str(months.loc["train", "max"].date()) == "2011-07-01"
    assert str(months.loc["test", "min"].date()) == str(months.loc["test", "max"].date()) == "2011-10-01"


def test_olist(root: Path, real_data: Path, tmp_path: Path) -> None:
    rows, params, clock = labelled(root, real_data, "olist", tmp_path)
    # One deal was closed before its first contact: nobody knows what became of that lead, so it is in no population.
    assert len(rows) == 7_999
    published = sliced(rows, params, clock, published=True)
    counts = published["slice"].value_counts()
    assert (counts["train"], counts["test"]) == (3_342, 2_655)


def test_xeducation(root: Path, real_data: Path, tmp_path: Path) -> None:
    rows, params, clock = labelled(root, real_data, "xeducation", tmp_path)
    assert clock == "ordinal"
    assert len(rows) == 9_240
    assert int(rows["label"].sum()) == 3_561
    counts = sliced(rows, params, clock, published=True)["slice"].value_counts()
    assert (counts["train"], counts["test"]) == (6_468, 2_772)
    attributes = pq.read_table(tmp_path / "canonical" / "attributes.parquet").to_pandas().set_index("attribute")
    assert set(attributes.index[attributes["known_at"] == "after"]) >= {"tags", "lead_quality", "lead_profile"}

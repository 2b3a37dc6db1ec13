"""The upsell question end to end: its preset through the real stages at small size, and everything that comes after them."""

import importlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.bundle import Bundle
from pipeline.mlflow_runs.promotion import publish
from pipeline.params import dump_yaml, load_params, read_yaml
from pipeline.population.customers import customer_periods
from pipeline.population.risk_set import leads_at_risk
from pipeline.publish import SECTIONS as PUBLISH_SECTIONS
from pipeline.scoring.requests import lead_requests
from pipeline.scoring.snapshots import score_open_leads
from pipeline.workspaces.workspace import CODE, FILES, KEPT, make_workspace
from tests.pipeline.conftest import empty_store as empty_store

DAY = pd.Timedelta(days=1)
CHECKED = 150


@pytest.fixture(scope="module")
def upsell(root: Path, tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Path]:
    """Run every stage of `dvc.yaml` in its order on a small simulated company; return the workspace."""
    repository = tmp_path_factory.mktemp("upsell")
    for name in (*CODE, *FILES, *KEPT, "params.yaml", ".dvc"):
        (repository / name).symlink_to(root / name)
    workspace = make_workspace(repository, "simulated_upsell")
    params = read_yaml(workspace / "params.yaml")
    params["simulator"]["leads"] = 2_500
    params["split"]["cross_fit_folds"] = 2
    params["features"] |= {"groups": ["engagement", "account", "orders", "attributes"], "automatic_min_leads": None}
    params["train"] |= {"max_rounds": 40, "num_threads": 1}
    params["calibration"]["bootstrap"] = 20
    params["evaluate"]["bootstrap"] = 20
    (workspace / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    (workspace / "mlflow.db").write_bytes(empty_store.read_bytes())
    stages = read_yaml(workspace / "dvc.yaml")["stages"]
    before, store = Path.cwd(), os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.chdir(workspace)
    try:
        # threads that wait for one another on a busy machine would take minutes
        with threadpool_limits(limits=1):
            for stage in stages.values():
                importlib.import_module(stage["cmd"].removeprefix("python -m ")).main()
        yield workspace
    finally:
        os.chdir(before)
        if store is not None:
            os.environ["MLFLOW_TRACKING_URI"] = store


def table(workspace: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(workspace / "data" / f"{name}.parquet")


def spread(rows: pd.DataFrame) -> pd.DataFrame:
    """Take some rows from all over a table."""
    return rows.iloc[np.linspace(0, len(rows) - 1, CHECKED).astype(int)]


def test_customers_are_looked_at_once_they_are_known_customers(upsell: Path) -> None:
    snapshots = table(upsell, "snapshots")
    leads = table(upsell, "canonical/leads").set_index("lead_id")
    first = table(upsell, "canonical/orders").groupby("account_id")["ordered_at"].min()
    assert (snapshots["snapshot_at"] > snapshots["lead_id"].map(leads["created_at"])).all()
    assert (snapshots["snapshot_at"] > snapshots["account_id"].map(first)).all()
    assert (snapshots["snapshot_at"].dt.day == 1).all()


def test_labels_are_orders_in_the_window_and_missing_where_it_is_still_open(upsell: Path) -> None:
    labels = spread(table(upsell, "labels").merge(table(upsell, "snapshots"), on=["lead_id", "snapshot_at"]))
    orders = table(upsell, "canonical/orders")
    export = table(upsell, "canonical/export")["exported_at"].iloc[0]
    for row in labels.itertuples():
        mine = orders.loc[orders["account_id"] == row.account_id, "ordered_at"]
        if row.snapshot_at + 92 * DAY > export:
            assert pd.isna(row.label)
        else:
            assert row.label == ((mine >= row.snapshot_at) & (mine < row.snapshot_at + 90 * DAY)).any()
    assert labels["label"].isna().any()
    assert set(labels["label"].dropna()) == {0, 1}


def test_features_see_the_orders_before_the_snapshot_and_no_other(upsell: Path) -> None:
    columns = ["count__orders__365d", "sum_value__orders__365d", "days_since_last__orders"]
    matrix = table(upsell, "features/matrix").merge(table(upsell, "snapshots"), on=["lead_id", "snapshot_at"])
    orders = table(upsell, "canonical/orders")
    for _, row in spread(matrix).iterrows():
        mine = orders[(orders["account_id"] == row["account_id"]) & (orders["ordered_at"] < row["snapshot_at"])]
        mine = mine[mine["ordered_at"] >= row["snapshot_at"] - 365 * DAY]
        since = (row["snapshot_at"] - mine["ordered_at"].max()) / DAY
        expected = np.array([len(mine), mine["amount"].sum(), since], dtype=np.float32)
        np.testing.assert_allclose(row[columns].to_numpy(dtype=np.float32), expected, rtol=1e-5)
    assert matrix[columns[0]].max() > 2


def test_the_product_is_measured_beside_the_rule_for_customers(upsell: Path) -> None:
    result = json.loads((upsell / "metrics" / "evaluate.json").read_text())
    assert (result["source"], result["target"]) == ("simulated", "again")
    assert set(result["baselines"]) >= {"rfm", "logistic_regression", "points"}
    for measured in (result["product"], result["baselines"]["rfm"]):
        assert 0.55 < measured["auc"]["value"] < 0.95
    assert result["baselines"]["rfm"]["log_loss"] is None
    assert "auc" in result["gain_over"]["rfm"]


def test_nothing_for_people_speaks_of_qualification(upsell: Path) -> None:
    for name in ("model_card", "report"):
        html = (upsell / "reports" / f"{name}.html").read_text(encoding="utf-8")
        text = re.sub(r"data:image/png;base64,[^\"]*|<code>.*?</code>|<[^>]+>", " ", html)
        assert not re.search(r"marketing-qualified|becomes sales-qualified|MQL-Zeitpunkt|lead qualification", text), (
            name
        )
        for words in ("orders again", "Bestandskunden", "RFM"):
            assert (words in text) or (name == "report" and words == "orders again"), (name, words)
    labels = {row["label"] for row in json.loads((upsell / "plots" / "score_distribution.json").read_text())}
    assert labels == {"ordered", "did not order"}


def test_every_customer_at_the_export_is_scored_and_a_request_gets_the_same_answer(upsell: Path) -> None:
    canonical = upsell / "data" / "canonical"
    bundle = Bundle.load(upsell / "data" / "bundle")
    customers = leads_at_risk(canonical, load_params(("snapshots",)).snapshots)
    known = customer_periods(table(upsell, "canonical/leads"), table(upsell, "canonical/orders"))
    export = table(upsell, "canonical/export")["exported_at"].iloc[0]
    assert set(customers["lead_id"]) == set(known.loc[known["started_at"] < export, "lead_id"])
    last_month = table(upsell, "snapshots").pipe(lambda rows: rows[rows["snapshot_at"] == rows["snapshot_at"].max()])
    assert len(customers) > len(last_month)
    some = spread(customers).drop_duplicates("lead_id").head(40).reset_index(drop=True)
    scores = score_open_leads(bundle, canonical, some).set_index("lead_id")
    assert scores["not_scored"].isna().all()
    requests = [parse_lead(request) for request in lead_requests(canonical, some, bundle.catalog)]
    for answer in score_requests(bundle, requests):
        assert answer.probability == scores.loc[answer.lead_id, "probability"]


def test_the_gate_decides_under_the_presets_own_name(upsell: Path) -> None:
    params = load_params(PUBLISH_SECTIONS)
    assert params.publish.model_name == "lead-qualification-simulated-upsell"
    assert publish(upsell, params, upsell / "data" / "champion").outcome in ("promoted", "kept")

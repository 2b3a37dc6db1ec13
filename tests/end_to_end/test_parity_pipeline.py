"""Rows of a whole pipeline run, sent as a CRM would send them, get the same features and probability to the last bit."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.operations import GROUPS
from models.bundle import Bundle
from pipeline import audit, baselines, build_features, ingest, labels, simulate, snapshots, split, timing, train
from pipeline.params import dump_yaml, read_yaml
from pipeline.scoring.requests import lead_requests

SENT = 120


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the stages on a small simulated company; return their data folder."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "pipeline").mkdir()
    shutil.copytree(root / "pipeline" / "sources", folder / "pipeline" / "sources")
    params = read_yaml(root / "params.yaml")
    params["simulator"] |= {"leads": 2_500, "days": 600}
    params["split"] |= {"cross_fit_folds": 2, "mode": "time"}
    params["train"] |= {"max_rounds": 30}
    params["features"]["groups"] = list(GROUPS)
    (folder / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for stage in (simulate, ingest, snapshots, labels, split, audit, build_features, timing, baselines, train):
            stage.main()
        yield folder / "data"
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def sent(run: Path) -> pd.DataFrame:
    """Choose snapshots of all kinds: the MQL moment and later ones, spread over the history."""
    rows = pd.read_parquet(run / "predictions.parquet").sort_values(["snapshot_at", "lead_id"])
    return rows.iloc[np.linspace(0, len(rows) - 1, SENT).astype(int)].reset_index(drop=True)


@pytest.fixture(scope="module")
def answers(root: Path, run: Path, sent: pd.DataFrame, serving_at: Any, tmp_path_factory: Any) -> list[dict[str, Any]]:
    """Ask the real service, in German, with the leads' whole journeys."""
    bundle = Bundle.load(run / "bundle")
    requests = lead_requests(run / "canonical", sent, bundle.catalog)
    folder = tmp_path_factory.mktemp("parity")
    environment = {"LEAD_BUNDLE_DIR": str(run / "bundle"), "BENTOML_HOME": str(folder / "bentoml")}
    with serving_at("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
        scores: list[dict[str, Any]] = client.scores(requests, debug=True, language="de")
    return scores


def test_features_are_equal_to_the_last_bit(run: Path, sent: pd.DataFrame, answers: list[dict[str, Any]]) -> None:
    matrix = pq.read_table(run / "features" / "matrix.parquet").to_pandas()
    offline = sent[["lead_id", "snapshot_at"]].merge(matrix, on=["lead_id", "snapshot_at"], how="left")
    catalog = Bundle.load(run / "bundle").catalog
    names = list(catalog.names)
    online = np.array(
        [
            [np.nan if answer["features"][name] is None else answer["features"][name] for name in names]
            for answer in answers
        ],
        dtype=np.float32,
    )
    expected = offline[names].to_numpy(dtype=np.float32)
    # a training row is looked at with a buyer profile that was fitted without it
    trained = (sent["slice"] == "train").to_numpy()
    held_out = np.array([feature.group == "buyer_profile" for feature in catalog.features])
    assert 0 < trained.sum() < len(sent)
    same = (online == expected) | (np.isnan(online) & np.isnan(expected))
    assert [names[j] for j in range(len(names)) if not same[~trained, j].all()] == []
    assert [names[j] for j in np.flatnonzero(~held_out) if not same[trained, j].all()] == []
    assert not same[trained][:, held_out].all()
    of = [feature.group for feature in catalog.features]
    for group in GROUPS:
        mine = expected[:, [group == other for other in of]]
        assert any(len(np.unique(column)) > 1 for column in mine.T), group


def test_probabilities_are_equal_to_the_last_bit(run: Path, sent: pd.DataFrame, answers: list[dict[str, Any]]) -> None:
    new = (sent["slice"] != "train").to_numpy()
    withheld = np.array([answer["not_scored"] == "too_little_data" for answer in answers])
    width = (sent["high"] - sent["low"]).to_numpy()
    assert (withheld == (width > Bundle.load(run / "bundle").calibration.widest))[new].all()
    told = new & ~withheld
    online = np.array([answer["probability"] for answer in answers], dtype=np.float32)[told]
    expected = sent["probability"].to_numpy(dtype=np.float32)[told]
    assert len(online) > 20
    assert online.tobytes() == expected.tobytes()


def test_what_came_after_the_snapshot_was_sent_too(answers: list[dict[str, Any]]) -> None:
    ignored = [a for a in answers if any(w["code"] == "touchpoints_after_snapshot" for w in a["warnings"])]
    assert len(ignored) > SENT / 2

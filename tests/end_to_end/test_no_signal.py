"""Without a signal that holds later in time nothing is promoted, however good random folds look."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.attributes import AttributeSpec
from features.catalog import Catalog, Learned, build_catalog
from features.params import FeaturesParams
from models.answers.scoring import probabilities
from models.bundle import Bundle
from models.fitting.random_folds import random_fold_probabilities
from models.fitting.recipe import fit_baselines, fit_product
from models.fitting.splits import assign_slices
from models.params import CalibrationParams, EvaluateParams, PublishParams, SplitParams, TiersParams, TrainParams
from models.quality import evaluation
from pipeline.mlflow_runs import comparison
from pipeline.mlflow_runs.promotion import publish
from pipeline.mlflow_runs.registry import Registry
from pipeline.tables.parquet import read_table, write_table
from tests.pipeline.conftest import catalog as catalog
from tests.pipeline.conftest import empty_store as empty_store
from tests.pipeline.conftest import evaluated as evaluated
from tests.pipeline.conftest import frame as frame
from tests.pipeline.conftest import lay_out as lay_out
from tests.pipeline.conftest import make_bundle as make_bundle
from tests.pipeline.conftest import sections as sections
from tests.pipeline.conftest import workspace as workspace

SPLIT = SplitParams(mode="time", test_share=0.3, early_stopping_share=0.1, calibration_share=0.1, cross_fit_folds=3)
METADATA: dict[str, Any] = {"label_days": 20, "clock": "real", "base_rate": 0.3, "population_rate": None}
CAMPAIGNS = 60


def campaigns(rows: int = 3600) -> tuple[np.ndarray, pd.DataFrame, Catalog]:
    """Draw leads whose campaign decides: each lasts half a month, and says nothing about those to come."""
    random = np.random.default_rng(6)
    day = np.sort(random.uniform(0.0, 900.0, rows))
    campaign = np.minimum((day / 15.0).astype(int), CAMPAIGNS - 1)
    rates = np.clip(random.normal(0.3, 0.17, CAMPAIGNS), 0.02, 0.9)
    labels = (random.random(rows) < rates[campaign]).astype(np.int8)
    budget = random.normal(size=CAMPAIGNS)[campaign]
    matrix = np.column_stack([budget, random.normal(size=rows), random.normal(size=rows)]).astype(np.float32)
    specs = [AttributeSpec("lead", name, "number", "creation", ()) for name in ("budget", "first", "second")]
    catalog = build_catalog(
        FeaturesParams(
            observation_days=30, windows_days=(7,), half_lives_days=(7,), groups=("attributes",), selectors={}
        ),
        specs,
        Learned(),
    )
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{i:04d}" for i in range(rows)],
            "account_id": None,
            "snapshot_at": pd.Timestamp("2022-01-01", tz="UTC") + pd.to_timedelta(day, unit="D").round("s"),
            "is_headline": True,
            "label": labels,
            "matured": True,
        }
    )
    frame["snapshot_at"] = frame["snapshot_at"].astype("datetime64[us, UTC]")
    frame["slice"] = assign_slices(frame, SPLIT, 20, 0, "real").slice
    keep = (frame["slice"] != "dropped").to_numpy()
    columns = [catalog.positions[f"attribute__{name}"] for name in ("budget", "first", "second")]
    wide = np.zeros((rows, len(catalog.names)), dtype=np.float32)
    wide[:, columns] = matrix
    return wide[keep], frame[keep].drop(columns="matured").reset_index(drop=True), catalog


def test_random_folds_look_good_where_later_leads_show_nothing() -> None:
    matrix, frame, catalog = campaigns()
    product = fit_product(
        matrix,
        frame,
        catalog,
        train=TrainParams(num_threads=1, max_rounds=60, early_stopping_rounds=10),
        split=SPLIT,
        calibration=CalibrationParams(bootstrap=20, halves=4),
        tiers=TiersParams(A=0.1, B=0.2, C=0.3),
        label_days=20,
        recording_delay_days=0,
        ordinal=False,
    )
    bundle = Bundle(product.classifier, product.uncertainty, product.calibration, product.cutoffs, catalog, METADATA)
    before = (frame["slice"] != "test").to_numpy()
    folds = np.full(len(frame), np.nan)
    labels = frame["label"].to_numpy(dtype=np.float64)
    folds[before] = random_fold_probabilities(matrix[before], labels[before], np.ones(before.sum()), [], 1)
    found = frame.assign(
        probability=probabilities(bundle, matrix)[0].astype(np.float64),
        random_folds=folds,
        **fit_baselines(matrix, frame, catalog, points=None, observation_days=30, predict=np.arange(len(frame))),
    )
    section = EvaluateParams(bootstrap=100)
    promised = evaluation.random_folds(found, section)
    assert promised is not None
    assert promised["value"] is not None
    assert promised["value"] > 0.6
    verdict = evaluation.judge(found[found["slice"] == "test"], bundle, PublishParams(permutations=199), section)
    assert verdict.code == "no_forward_signal"
    assert verdict.auc["value"] == pytest.approx(0.5, abs=0.06)
    assert verdict.positives > 200


def test_shuffled_labels_are_not_promoted_and_the_champion_stays(
    workspace: Path, make_bundle: Any, lay_out: Any, sections: SimpleNamespace, monkeypatch: Any
) -> None:
    target = workspace / "data" / "champion"
    lay_out(make_bundle(1))
    assert publish(workspace, sections, target).is_champion
    served = (target / "provenance.json").read_text()

    lay_out(make_bundle(2))
    path = workspace / "data" / "predictions.parquet"
    rows = read_table(path, "predictions").to_pandas()
    test = rows["slice"] == "test"
    rows.loc[test, "label"] = np.random.default_rng(1).permutation(rows.loc[test, "label"].to_numpy())
    write_table(path, "predictions", pa.Table.from_pandas(rows, preserve_index=False))

    def score(bundle: Any, canonical: Path, snapshots: pd.DataFrame) -> pd.DataFrame:
        return snapshots[["lead_id", "snapshot_at"]].assign(probability=np.float32(0.9))  # a hopeless champion

    monkeypatch.setattr(comparison, "score_snapshots", score)
    promotion = publish(workspace, sections, target)
    assert promotion.outcome == "kept"
    assert (target / "provenance.json").read_text() == served
    registry = Registry.open(workspace, "lead-qualification")
    champion = registry.alias("champion")
    assert champion is not None
    assert champion.version == "1"
    refused = registry._version("2").tags
    assert "No forward signal" in refused["verdict"]
    assert promotion.decision is not None
    assert "No forward signal" in promotion.decision.verdict

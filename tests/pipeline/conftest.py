"""A small trained model, and a workspace with its files, for the tests of reports, tracking and publishing."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.params import CalibrationParams, EvaluateParams, PublishParams, SplitParams, TiersParams, TrainParams

ROWS = 900
SEGMENT = {
    "auc": (0.7, 0.6, 0.8),
    "log_loss": (0.5, 0.4, 0.6),
    "lift_at_capacity": (2.0, 1.5, 2.5),
    "calibration_gap": (0.01, -0.02, 0.04),
    "mean_probability": (0.31, 0.28, 0.34),
    "observed": (0.3, 0.25, 0.35),
}


def _frame() -> pd.DataFrame:
    random = np.random.default_rng(5)
    at = pd.date_range("2024-01-01", periods=ROWS, freq="6h", tz="UTC").as_unit("us")
    slices = np.repeat(["train", "early_stopping", "calibration", "test"], [360, 120, 120, 300])
    signal = random.normal(size=ROWS)
    label = (random.random(ROWS) < 1.0 / (1.0 + np.exp(1.0 - 1.6 * signal))).astype("int8")
    return pd.DataFrame(
        {
            "lead_id": [f"L-{i}" for i in range(ROWS)],
            "account_id": [f"A-{i // 2}" for i in range(ROWS)],
            "snapshot_at": at,
            "is_headline": True,
            "slice": slices,
            "label": label,
            "signal": signal,
        }
    )


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """Return rows as `predictions.parquet` has them; `signal` is what can be known."""
    return _frame()


@pytest.fixture(scope="session")
def catalog() -> Any:
    """Return a catalog of touchpoint counts and one attribute."""
    from features.attributes import AttributeSpec
    from features.catalog import Learned, build_catalog
    from features.params import FeaturesParams

    params = FeaturesParams(
        observation_days=30,
        windows_days=(7,),
        half_lives_days=(7,),
        groups=("engagement", "attributes"),
        selectors={
            "pricing": {"kind": ["page_view"], "asset": ["pricing*"], "label": {"en": "views", "de": "Aufrufe"}}
        },
    )
    specs = [AttributeSpec("lead", "seniority", "number", "mql", ())]
    return build_catalog(params, specs, Learned(kinds=("page_view", "mail_open"), channels=("web",)))


@pytest.fixture(scope="session")
def make_bundle(frame: pd.DataFrame, catalog: Any) -> Any:
    """Return a function that trains a small bundle; another seed gives another one."""
    from models.bundle import Bundle
    from models.fitting.recipe import fit_product

    def make(seed: int = 7, data_used_until: str | None = None) -> Bundle:
        random = np.random.default_rng(1)
        matrix = random.poisson(2.0, size=(len(frame), len(catalog.features))).astype(np.float32)
        matrix[:, -1] = frame["signal"]
        matrix[:, 0] = np.round(frame["signal"] + 3.0)
        product = fit_product(
            matrix,
            frame,
            catalog,
            train=TrainParams(seed=seed, num_threads=1, max_rounds=40, early_stopping_rounds=10, min_data_in_leaf=20),
            split=SplitParams(early_stopping_share=0.1, calibration_share=0.1),
            calibration=CalibrationParams(method="sigmoid", bootstrap=20, interval=0.3, widest=1.0),
            tiers=TiersParams(A=0.1, B=0.2, C=0.3),
            label_days=30,
            recording_delay_days=0,
            ordinal=False,
        )
        used = frame[frame["slice"] != "test"]
        metadata = {
            "source": "simulated",
            "clock": "real",
            "exported_at": "2024-12-01T00:00:00+00:00",
            "risk_set": "mql",
            "label_days": 30,
            "recording_delay_days": 2,
            "observation_days": 30,
            "split_mode": "grouped",
            "label_purge": True,
            "cross_fit_folds": 0,
            "rows": len(used),
            "leads": len(used),
            "positives": int(used["label"].sum()),
            "base_rate": float(used["label"].mean()),
            "population_rate": None,
            "capacity_cutoff": None,
            "data_used_from": used["snapshot_at"].min().isoformat(),
            "data_used_until": data_used_until or used["snapshot_at"].max().isoformat(),
            "rounds": product.rounds,
            "known_at_export": [],
            "data_sha256": "ab" * 32,
        }
        return Bundle(
            classifier=product.classifier,
            uncertainty=product.uncertainty,
            calibration=product.calibration,
            cutoffs=product.cutoffs,
            catalog=catalog,
            metadata=metadata,
        )

    return make


@pytest.fixture(scope="session")
def evaluated(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what `evaluate` writes: the result, and the rows behind the plots."""
    from models.quality.curves import gain_points, pr_points, reliability_points, roc_points
    from models.quality.metrics import evaluate, level_error

    test = frame[frame["slice"] == "test"]
    labels = test["label"].to_numpy(dtype=np.float64)
    truth = 1.0 / (1.0 + np.exp(1.0 - 1.6 * test["signal"].to_numpy()))
    groups = test["account_id"].to_numpy()
    params = EvaluateParams(bootstrap=30)

    def measure(scores: np.ndarray, is_probability: bool = True) -> dict[str, Any]:
        return evaluate(labels, scores, groups, None, 60, params, is_probability)

    base = np.full(len(test), 0.3)
    result = {
        "rows": len(test),
        "positives": int(labels.sum()),
        "base_rate": float(labels.mean()),
        "capacity": 60,
        "product": measure(truth),
        "baselines": {
            "base_rate": measure(base),
            "points": measure(truth * 100, is_probability=False),
            "odoo_formula": None,
        },
        "log_loss_gain": {},
        "train_base_rate": 0.25,
        "level_error": level_error(labels, truth),
    }
    curves = {
        name: points(labels, truth).assign(model=model).to_dict("records")
        for name, points in (("roc", roc_points), ("pr", pr_points), ("gain", gain_points))
        for model in ("product",)
    }
    plots = {
        **curves,
        "reliability": reliability_points(labels, truth).to_dict("records"),
        "score_distribution": [
            {"probability": low, "label": label, "share": 0.5}
            for label in ("qualified", "not qualified")
            for low in (0.0, 0.5)
        ],
        "feature_importance": [
            {"feature": "count__pricing__7d", "gain": 3.0},
            {"feature": "attribute__seniority", "gain": 1.0},
        ],
    }
    plots["lift"] = plots["gain"]
    cell = {"rows": 150, "positives": 40, "flagged": False}
    for metric, (value, low, high) in SEGMENT.items():
        cell |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
    plots["by_month"] = [{"dimension": "month", "value": month, **cell} for month in ("2024-04", "2024-05")]
    plots["by_segment"] = [
        {"dimension": "all", "value": "all", **cell},
        {"dimension": "channel", "value": "paid_search", **cell},
        {"dimension": "channel", "value": None, **cell, "flagged": True},
    ]
    plots["calibration_by_segment"] = plots["by_segment"]
    plots["timing"] = [
        {"advice": advice, "week": week, "chance": 0.2 + slope * week, "leads": 40}
        for advice, slope in (("hold", 0.02), ("now", -0.02))
        for week in range(3)
    ]
    return {"result": {"source": "simulated", **result, "all_snapshots": result}, "plots": plots}


@pytest.fixture(scope="session")
def segments() -> dict[str, Any]:
    """Return what `segments` writes: a channel that is off, one with few positives, and fairness."""
    low_high = {name: dict(zip(("value", "low", "high"), given, strict=True)) for name, given in SEGMENT.items()}
    measured = {
        "measured": True,
        "base_rate": 0.3,
        "apart": False,
        "flagged": False,
        "p": 0.5,
        "p_holm": 1.0,
        "base_rate_interval": low_high.pop("observed"),
        **low_high,
    }
    off = {**measured, "apart": True, "flagged": True, "calibration_gap": {"value": 0.0981, "low": 0.04, "high": 0.15}}
    share = {**low_high["auc"], "difference": {"value": -0.21, "low": -0.3, "high": -0.09}}
    fair = dict.fromkeys(("selection_rate", "tier_ab_rate", "true_positive_rate"), share)
    few = {"value": "trade_fair", "rows": 87, "positives": 17, "base_rate": 0.2, "measured": False}
    return {
        "min_positives": 30,
        "compared": 2,
        "apart": 1,
        "flagged": 1,
        "all": {"value": "all", "rows": 300, "positives": 80, **measured},
        "by": {
            "channel": [
                {"value": "paid_search", "rows": 150, "positives": 40, **measured},
                {"value": None, "rows": 63, "positives": 40, **off},
                few,
            ]
        },
        "fairness": {"channel": [{"value": "paid_search", "rows": 150, "positives": 40, **measured, **fair}, few]},
        "population": [
            {"feature": "probability", "psi": 0.008, "chance": 0.003},
            {"feature": "count__pricing__7d", "psi": 0.31, "chance": 0.003, "text_en": "views", "text_de": "Aufrufe"},
        ],
    }


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh MLflow database; making its tables takes seconds, so tests copy it."""
    from pipeline.mlflow_runs.store import open_store

    folder = tmp_path_factory.mktemp("store")
    before = os.environ.pop("MLFLOW_TRACKING_URI", None)
    try:
        mlflow, _ = open_store(folder, "unused")
    finally:
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
    mlflow.MlflowClient().delete_experiment(mlflow.get_experiment_by_name("unused").experiment_id)
    return folder / "mlflow.db"


@pytest.fixture
def workspace(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty workspace outside of git, with an MLflow store of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def sections() -> SimpleNamespace:
    """Return the parameter sections that publishing takes."""
    return SimpleNamespace(
        paths=SimpleNamespace(data_dir=Path("data")),
        publish=PublishParams(margin=0.01, min_positives=30, permutations=199),
        evaluate=EvaluateParams(bootstrap=100),
    )


@pytest.fixture
def lay_out(workspace: Path, frame: pd.DataFrame, evaluated: dict[str, Any]) -> Any:
    """Return a function that makes the workspace look as after `dvc repro` with this bundle."""
    from pipeline.mlflow_runs.training import track
    from pipeline.tables.parquet import write_table

    def run(bundle: Any, noise: float = 0.0, model_name: str = "lead-qualification") -> dict[str, str]:
        data = workspace / "data"
        shutil.rmtree(data / "bundle", ignore_errors=True)
        (data / "canonical").mkdir(parents=True, exist_ok=True)
        bundle.save(data / "bundle")
        random = np.random.default_rng(3)
        logit = 1.6 * frame["signal"] - 1.0 + noise * random.normal(size=len(frame))
        rate = frame.loc[frame["slice"] != "test", "label"].mean()
        predictions = frame.drop(columns="signal").assign(
            probability=1.0 / (1.0 + np.exp(-logit)),
            low=0.0,
            high=1.0,
            raw_log_odds=logit,
            random_folds=np.nan,
            base_rate=rate,
            logistic_regression=1.0 / (1.0 + np.exp(-(logit + 0.5 * random.normal(size=len(frame))))),
            odoo_formula=rate,
            untuned_lightgbm=1.0 / (1.0 + np.exp(-(logit + 0.5 * random.normal(size=len(frame))))),
            points=np.round(frame["signal"] * 10.0),
        )
        write_table(
            data / "predictions.parquet", "predictions", pa.Table.from_pandas(predictions, preserve_index=False)
        )
        params = {"train": {"learning_rate": 0.03, "seed": 7}, "labels": {"label_days": 30}}
        record = track(workspace, model_name, data / "bundle", evaluated["result"], evaluated["plots"], params)
        (data / "tracking.json").write_text(json.dumps(record), encoding="utf-8")
        return record

    return run

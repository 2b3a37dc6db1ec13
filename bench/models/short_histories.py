"""Draws of few leads: the product, and what it has to beat, from 50 leads up, on one fixed later test.

The company is simulated with settings of its own, which nothing was designed on. Every draw takes leads at random from those
before the test, with all their rows; features that learn from other leads (the buyer profile) are off, so a draw
knows nothing of the leads that were left out but which values there are. The product chooses folds as the stage `split` does.
Every row of the test counts with the product's internal probability, also where it would answer `too_little_data`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from bench.models.contenders import predict_baselines
from bench.models.sets import SECTIONS, ModelSet
from features.errors import DataError
from models.fitting.ladder import LOOK_BELOW
from models.fitting.recipe import fit_product
from models.fitting.split_plan import choose_folds
from models.fitting.splits import FITTED
from models.params import SplitSection
from models.quality.metric_kernels import Ranked
from models.quality.metrics import log_loss
from pipeline.matrix.labelled_rows import read_labelled_rows
from pipeline.params import load_params
from pipeline.tables.split_file import read_split
from pipeline.workspaces.workspace import overlay

__all__ = [
    "CONTENDERS",
    "DRAWS",
    "EXPORT_DRAWS",
    "EXPORT_QUICK",
    "QUICK",
    "SET_DRAWS",
    "SET_QUICK",
    "hours_left",
    "measure",
    "simulated_company",
    "summary",
]

DRAWS = {50: 100, 100: 100, 200: 100, 400: 100, 800: 20, 1600: 20, 6400: 20}
QUICK = {50: 12, 100: 12, 200: 12, 400: 12, 800: 3, 1600: 3, 6400: 1}
SET_DRAWS = {200: 10, 800: 10}
SET_QUICK = {200: 3, 800: 2}
EXPORT_DRAWS = {50: 20, 100: 20, 200: 20, 400: 20}
EXPORT_QUICK = {50: 3, 100: 3, 200: 3, 400: 3}
"""Leads to how many draws."""

CONTENDERS = ("product", "trees", "logistic_regression", "odoo_formula", "base_rate")
"""`trees` is the product without the ladder: LightGBM as it is set, cross-fitted and calibrated alike."""

COMPANY: dict[str, Any] = {
    "simulator": {"leads": 40_000, "days": 720, "start": "2022-04-01", "seed": 77_003},
    "features": {"groups": ["engagement", "rhythm", "path", "sales", "stages", "attributes"]},
}
STAGES = ("simulate", "ingest", "snapshots", "labels", "split", "audit", "build_features")
SEED = 41
FEW_WITHOUT = 0.1
"""A share of the test without a probability that nobody minds."""


def simulated_company(repository: Path) -> ModelSet:
    """Simulate the company in `runs/learning_curve` and compute its features, unless they are there."""
    workspace = repository / "runs" / "learning_curve"
    last_file = workspace / "data" / "features" / "state.json"
    workspace.mkdir(parents=True, exist_ok=True)
    params = overlay(yaml.safe_load((repository / "params.yaml").read_text(encoding="utf-8")), COMPANY)
    text = yaml.safe_dump(params, sort_keys=False, allow_unicode=True)
    file = workspace / "params.yaml"
    if not last_file.exists() or not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
        for name in ("features", "models", "pipeline"):
            if not (workspace / name).exists():
                (workspace / name).symlink_to(repository / name)
        environment = {**os.environ, "PYTHONPATH": str(repository)}
        for stage in STAGES:
            subprocess.run([sys.executable, "-m", f"pipeline.{stage}"], cwd=workspace, check=True, env=environment)
    sections = load_params(SECTIONS, file)
    rows = read_labelled_rows(workspace / "data")
    sections = sections.model_copy(update={"split": read_split(workspace / "metrics")})
    return ModelSet(
        "learning_curve", rows.matrix, rows.frame, rows.catalog, sections, rows.export.ordinal, workspace / "data"
    )


def draw(company: ModelSet, leads: int, number: int) -> ModelSet:
    """Keep the rows of so many leads before the test, and the headline rows of the test."""
    fitted = company.frame["slice"].isin(FITTED).to_numpy()
    names = np.unique(company.frame["lead_id"].astype(str).to_numpy()[fitted])
    chosen = np.random.default_rng([SEED, leads, number]).choice(names, min(leads, len(names)), replace=False)
    kept = fitted & company.frame["lead_id"].astype(str).isin(chosen).to_numpy()
    kept[company.test] = True
    rows = np.flatnonzero(kept)
    frame = company.frame.iloc[rows].reset_index(drop=True)
    frame["slice"] = np.where(frame["slice"] == "test", "test", "train")
    return ModelSet(
        company.name, company.matrix[rows], frame, company.columns, company.params, company.ordinal, company.data
    )


def measure(company: ModelSet, leads: int, number: int) -> dict[str, Any]:
    """Fit every contender on a draw.

    Returns
    -------
    dict
        leads, positives, seconds; per contender ``log_loss`` and ``auc``; ``too_little_data``, the share of the test that would
        get no probability; ``rule``: which rule of the ladder decided, and ``weights``; ``refused``: True where no product can
        be made, since the stage `split` would refuse so few positives (then the base rate counts for it).
    """
    begin = time.monotonic()
    some = draw(company, leads, number)
    labels = some.labels[some.test]
    train = some.frame[some.frame["slice"] == "train"]
    predicted: dict[str, np.ndarray] = {
        name: values for name, values in predict_baselines(some).items() if name in CONTENDERS
    }
    found: dict[str, Any] = {
        "leads": leads,
        "positives": int(train.groupby("lead_id", observed=True)["label"].max().sum()),
    }
    known = (some.params.labels.label_days, some.params.labels.recording_delay_days)
    clock = "ordinal" if some.ordinal else "real"
    section = SplitSection(early_stopping_share=0.1, calibration_share=0.1)
    split = choose_folds(train, some.params.split, section, *known, clock)
    found["refused"] = split is None
    for name, look_below in (("product", LOOK_BELOW), ("trees", 0)):
        predicted[name], wide = predicted["base_rate"], 1.0
        if split is not None:
            try:
                predicted[name], wide, ladder = _fitted(some, split, look_below)
            except DataError:
                found["refused"] |= name == "product"
            else:
                found |= {key: ladder.get(key) for key in ("rule", "weights")} if name == "product" else {}
        if name == "product":
            found["too_little_data"] = wide
    for name, values in predicted.items():
        p = np.clip(values, 1e-6, 1.0 - 1e-6)
        one = np.ones((1, len(labels)))
        found[name] = {
            "log_loss": log_loss(labels, p, np.ones(len(labels))),
            "auc": float(Ranked.of(labels, p).metrics(one, 1.0)["auc"][0]),
        }
    return {**found, "seconds": time.monotonic() - begin}


def _fitted(some: ModelSet, split: Any, look_below: int) -> tuple[np.ndarray, float, dict[str, object]]:
    params = some.params
    product = fit_product(
        some.matrix,
        some.frame,
        some.columns,
        train=params.train,
        split=split,
        calibration=params.calibration.model_copy(update={"bootstrap": 40, "halves": 6}),
        tiers=params.tiers,
        label_days=params.labels.label_days,
        recording_delay_days=params.labels.recording_delay_days,
        ordinal=some.ordinal,
        look_below=look_below,
    )
    asked = some.matrix[some.test]
    probability, low, high = product.calibration.apply(
        product.classifier.predict_log_odds(asked), product.uncertainty.predict(asked)
    )
    return probability, float((high - low > params.calibration.widest).mean()), product.ladder


def summary(draws: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Average the draws of each size, with the product's paired differences to every contender and their 95 % intervals.

    Returns
    -------
    list of dict
        One per set and size: ``more_leads``, how many more leads would do for at most `FEW_WITHOUT` of the test to get no
        probability (None: no size measured has so few); ``product_less`` and ``product_auc_less`` of a contender are
        mean, low and high, the latter two NaN with one draw.
    """
    out = []
    for of_set, leads in sorted({(one["set"], one["leads"]) for one in draws}):
        those = [one for one in draws if (one["set"], one["leads"]) == (of_set, leads)]
        row: dict[str, Any] = {
            "set": of_set,
            "leads": leads,
            "draws": len(those),
            "refused": sum(one["refused"] for one in those),
            "positives": float(np.mean([one["positives"] for one in those])),
            "too_little_data": float(np.mean([one["too_little_data"] for one in those])),
            "seconds": float(sum(one["seconds"] for one in those)),
        }
        for name in CONTENDERS:
            row[name] = {metric: float(np.mean([one[name][metric] for one in those])) for metric in ("log_loss", "auc")}
            for key, metric in (("product_less", "log_loss"), ("product_auc_less", "auc")):
                row[name][key] = _paired([one["product"][metric] - one[name][metric] for one in those])
        out.append(row)
    for row in out:
        later = [r for r in out if r["set"] == row["set"] and r["leads"] >= row["leads"]]
        enough = [
            r["leads"]
            for position, r in enumerate(later)
            if all(other["too_little_data"] <= FEW_WITHOUT for other in later[position:])
        ]
        row["more_leads"] = min(enough) - row["leads"] if enough else None
    return out


def hours_left(rows: list[dict[str, Any]], plan: dict[int, int]) -> float:
    """Reckon the hours of the draws of a plan that are missing; a size that was not measured is left out."""
    left = [max(plan[r["leads"]] - r["draws"], 0) * r["seconds"] / r["draws"] for r in rows if r["leads"] in plan]
    return float(sum(left)) / 3600


def _paired(differences: list[float]) -> list[float]:
    count = len(differences)
    half = stats.t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return (
        [float(np.mean(differences) + sign * half) for sign in (0, -1, 1)]
        if count > 1
        else [differences[0], half, half]
    )

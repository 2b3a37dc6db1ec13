"""Metrics with intervals on the test rows, beside the baselines, and the points behind the plots."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from models.bundle import Bundle, target_of
from models.calibration.capacity import capacity_rows
from models.calibration.interval_coverage import covered_rates
from models.calibration.level_shift import month_blocks
from models.fitting.baseline_names import BASELINES, baseline_values
from models.fitting.prior_correction import population_weights
from models.fitting.row_weights import row_groups
from models.params import CapacityParams, EvaluateParams, PublishParams
from models.presentation.ladder_words import ladder_sentence, width_sentence
from models.presentation.purge_words import purge_sentence
from models.quality.curves import gain_points, pr_points, reliability_points, roc_points
from models.quality.metrics import evaluate, level_error, paired_auc_gain, paired_log_loss_gain
from models.quality.signal import Signal, forward_signal

__all__ = [
    "CLASS_NAMES",
    "evaluate_predictions",
    "evaluate_rows",
    "judge",
    "plot_points",
    "random_folds",
    "unseen_accounts",
    "unseen_rows",
]

ENOUGH_POSITIVES = 50
CLASS_NAMES = {
    "sales_qualified": ("qualified", "not qualified"),
    "again": ("ordered", "did not order"),
    "more": ("for more", "not for more"),
    "new_product": ("something new", "nothing new"),
}
"""Target to the names of its two classes, positive first, as the rows behind the plots carry them."""


def evaluate_rows(
    frame: pd.DataFrame, weights: np.ndarray, capacity: int, params: EvaluateParams, names: Iterable[str] = BASELINES
) -> dict[str, Any]:
    """Measure the product and the baselines on the same rows.

    Parameters
    ----------
    frame : DataFrame
        Rows of `predictions.parquet`.
    weights : ndarray of float64
        One per row.
    capacity : int
        Rows that sales can work.
    params : EvaluateParams
        Bootstrap settings.
    names : iterable of str
        Baselines to measure; a name without a column yields None.

    Returns
    -------
    dict
        rows, positives, base_rate (of these rows), capacity, level_error, product and baselines, the last two of metric to
        value, low, high.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)
    groups = row_groups(frame)

    def measure(column: str) -> dict[str, Any]:
        return evaluate(
            labels,
            frame[column].to_numpy(dtype=np.float64),
            groups,
            weights,
            capacity,
            params,
            is_probability=BASELINES.get(column, True),
        )

    baselines = {name: measure(name) if name in frame else None for name in names}
    probability = frame["probability"].to_numpy(dtype=np.float64)

    def against(name: str) -> dict[str, Any]:
        other = frame[name].to_numpy(dtype=np.float64)
        gains = {"auc": paired_auc_gain(labels, probability, other, groups, weights, params)}
        if BASELINES[name]:
            gains["log_loss"] = paired_log_loss_gain(labels, probability, other, groups, weights, params)
        return gains

    return {
        "rows": len(frame),
        "positives": int(labels.sum()),
        "base_rate": float(np.average(labels, weights=weights)),
        "capacity": capacity,
        "product": measure("probability"),
        "baselines": baselines,
        "gain_over": {name: against(name) for name in names if name in frame},
        "level_error": level_error(labels, probability, weights),
    }


def judge(headline: pd.DataFrame, bundle: Bundle, publish: PublishParams, params: EvaluateParams) -> Signal:
    """Say whether the model knows anything about later leads; see `models.quality.signal.forward_signal`.

    Parameters
    ----------
    headline : DataFrame
        The test's headline rows of `predictions.parquet`.
    bundle : Bundle
        Its metadata tell the clock and the rates of positives.
    publish, params
        Parameter sections.
    """
    labels = headline["label"].to_numpy(dtype=np.float64)
    at = headline["snapshot_at"].dt.tz_convert(None).to_numpy()
    return forward_signal(
        labels,
        row_groups(headline),
        month_blocks(at, bundle.metadata.get("clock") == "ordinal"),
        headline["probability"].to_numpy(dtype=np.float64),
        baseline_values(headline),
        publish,
        params,
        population_weights(labels, bundle.metadata["base_rate"], bundle.metadata["population_rate"]),
    )


def random_folds(frame: pd.DataFrame, params: EvaluateParams) -> dict[str, float | None] | None:
    """Measure the AUC that random folds before the test would have promised, to set beside that of later leads.

    Returns
    -------
    dict or None
        ``value``, ``low``, ``high``; None where no row has a prediction of random folds.
    """
    rows = frame[frame["random_folds"].notna()]
    if rows.empty:
        return None
    labels, scores = (rows[name].to_numpy(dtype=np.float64) for name in ("label", "random_folds"))
    found = evaluate(labels, scores, row_groups(rows), None, 1, params, is_probability=False)
    return found["auc"]


def unseen_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the test's headline rows whose account, or lead without one, no other slice holds.

    Parameters
    ----------
    frame : DataFrame
        All rows of `predictions.parquet`.
    """
    groups = row_groups(frame)
    in_test = (frame["slice"] == "test").to_numpy()
    seen = pd.Series(groups).isin(groups[~in_test]).to_numpy()  # hashed: numpy would compare every pair of names
    return pd.DataFrame(frame[in_test & ~seen & frame["is_headline"].to_numpy(dtype=bool)])


def unseen_accounts(frame: pd.DataFrame, capacity: CapacityParams, params: EvaluateParams) -> dict[str, Any]:
    """Measure the product on accounts that no training row holds; too few positives are said, not measured.

    Returns
    -------
    dict
        rows and positives; with at least `ENOUGH_POSITIVES` positives also product, as in `evaluate_rows`, else None.
    """
    rows = unseen_rows(frame)
    positives = int(rows["label"].sum())
    if positives < ENOUGH_POSITIVES or positives == len(rows):
        return {"rows": len(rows), "positives": positives, "product": None}
    measured = evaluate_rows(rows, np.ones(len(rows)), capacity_rows(rows, capacity), params, names=())
    return {name: measured[name] for name in ("rows", "positives", "product")}


def evaluate_predictions(
    frame: pd.DataFrame, bundle: Bundle, capacity: CapacityParams, publish: PublishParams, params: EvaluateParams
) -> dict[str, Any]:
    """Measure everything that `evaluate.json` holds.

    Parameters
    ----------
    frame : DataFrame
        All rows of `predictions.parquet`.
    bundle : Bundle
        The model that made them; its metadata tell source, clock and rates of positives.
    capacity, publish, params
        Parameter sections.

    Returns
    -------
    dict
        The test's headline rows as in `evaluate_rows`, and every test row as ``all_snapshots``; source, target,
        train_base_rate (of headline rows before the test, among leads as they come), verdict, interval_coverage and
        unseen_accounts.
    """
    test = frame[frame["slice"] == "test"]
    headline = test[test["is_headline"]]
    labels = headline["label"].to_numpy()
    rates = bundle.metadata["base_rate"], bundle.metadata["population_rate"]
    signal = judge(headline, bundle, publish, params)
    coverage = covered_rates(
        labels,
        headline["probability"].to_numpy(),
        headline["low"].to_numpy(),
        headline["high"].to_numpy(),
        bundle.calibration.interval,
    )
    return {
        "source": bundle.metadata["source"],
        "target": target_of(bundle.metadata),
        "train_base_rate": next(rate for rate in reversed(rates) if rate is not None),
        **evaluate_rows(headline, population_weights(labels, *rates), capacity_rows(headline, capacity), params),
        "verdict": {
            **signal.as_dict(),
            "random_folds": random_folds(frame, params),
            "ladder": ladder_sentence(bundle.metadata.get("ladder")),
            "purge": purge_sentence(bundle.metadata),
        },
        "interval_coverage": {
            **coverage,
            "sentence": width_sentence(coverage["width"], float(labels.mean())),
        },
        "unseen_accounts": unseen_accounts(frame, capacity, params),
        "all_snapshots": evaluate_rows(
            test, population_weights(test["label"].to_numpy(), *rates), capacity_rows(test, capacity), params
        ),
    }


def plot_points(frame: pd.DataFrame, bundle: Bundle) -> dict[str, pd.DataFrame]:
    """Make the rows behind each plot; one row per point.

    Parameters
    ----------
    frame : DataFrame
        Test rows of `predictions.parquet`.
    bundle : Bundle
        For its target, and the importance of features.

    Returns
    -------
    dict of str to DataFrame
        ``roc``, ``pr`` and ``gain`` as in `models.quality.curves`, with the ``model``; ``reliability``; ``score_distribution``:
        ``probability`` (a bin's lower end), ``label`` (of `CLASS_NAMES`) and ``share`` of that class in the bin;
        ``feature_importance``: ``feature`` and ``gain``, the total over all splits, for the 25 largest.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)
    probability = frame["probability"].to_numpy(dtype=np.float64)
    models = {"product": "probability", **{name: name for name in BASELINES if name in frame and name != "base_rate"}}
    curves = {
        plot: pd.concat(
            [
                points(labels, frame[column].to_numpy(dtype=np.float64)).assign(model=model)
                for model, column in models.items()
            ]
        )
        for plot, points in (("roc", roc_points), ("pr", pr_points), ("gain", gain_points))
    }
    edges = np.linspace(0.0, 1.0, 26)
    positive, negative = CLASS_NAMES[target_of(bundle.metadata)]
    distribution = [
        (low, name, count / max(int(of_class.sum()), 1))
        for name, of_class in ((positive, labels == 1), (negative, labels == 0))
        for low, count in zip(edges[:-1], np.histogram(probability[of_class], edges)[0], strict=True)
    ]
    importance = sorted(bundle.classifier.importance().items(), key=lambda item: -item[1])[:25]
    return {
        **curves,
        "reliability": reliability_points(labels, probability),
        "score_distribution": pd.DataFrame(distribution, columns=["probability", "label", "share"]),
        "feature_importance": pd.DataFrame(importance, columns=["feature", "gain"]),
    }

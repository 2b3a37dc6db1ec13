"""From labelled feature rows to a fitted product and its baselines: the one recipe of training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalog import Catalog
from models.baselines import (
    RFM,
    Baseline,
    BaseRate,
    LogisticRegressionBaseline,
    OdooFormula,
    PointsTable,
    UntunedLightGBM,
)
from models.calibration import Calibration, fit_calibration
from models.classifier import Classifier, cross_fit
from models.classifier import train as train_classifier
from models.params import CalibrationParams, PointsParams, SplitParams, TiersParams, TrainParams
from models.splits import FITTED, time_folds
from models.tiers import fit_cutoffs

__all__ = ["BASELINES", "Product", "fit_baselines", "fit_product", "lead_weights", "row_groups"]

BASELINES: dict[str, type[Baseline]] = {
    "base_rate": BaseRate,
    "logistic_regression": LogisticRegressionBaseline,
    "points": PointsTable,
    "odoo_formula": OdooFormula,
    "untuned_lightgbm": UntunedLightGBM,
    "rfm": RFM,
}


@dataclass(frozen=True)
class Product:
    """A fitted classifier with its calibration and tier cut-offs."""

    classifier: Classifier
    calibration: Calibration
    cutoffs: dict[str, float]
    rounds: int


def row_groups(frame: pd.DataFrame) -> np.ndarray:
    """Name the group whose rows depend on one another: the account, or the lead where there is no account.

    Parameters
    ----------
    frame : DataFrame
        lead_id, account_id (may be missing).

    Returns
    -------
    ndarray of object, one per row
    """
    account, lead = frame["account_id"].astype(object), frame["lead_id"].astype(object)
    return np.where(account.notna(), "account:" + account.astype(str), "lead:" + lead.astype(str)).astype(object)


def lead_weights(frame: pd.DataFrame) -> np.ndarray:
    """Weigh rows so that every lead counts one, however many snapshots it has.

    Parameters
    ----------
    frame : DataFrame
        lead_id.

    Returns
    -------
    ndarray of float64, one per row, in (0, 1]
    """
    return (1.0 / frame.groupby("lead_id")["lead_id"].transform("size")).to_numpy(dtype=np.float64)


def fit_product(
    matrix: np.ndarray,
    frame: pd.DataFrame,
    catalog: Catalog,
    *,
    train: TrainParams,
    split: SplitParams,
    calibration: CalibrationParams,
    tiers: TiersParams,
    label_days: int,
    recording_delay_days: int,
    ordinal: bool,
) -> Product:
    """Fit the classifier, its calibration and its tiers on rows that lie before the test.

    With `split.cross_fit_folds` = 0 the slices `train`, `early_stopping` and `calibration` each do what their name says.
    Otherwise time-ordered cross-fitting inside `train` chooses the rounds and yields the out-of-fold log-odds that
    calibration is fitted on, and the classifier is refitted on all of `train`.

    Parameters
    ----------
    matrix : ndarray of float32 [rows, features]
        In catalog order.
    frame : DataFrame
        Row for row: lead_id, account_id, snapshot_at, is_headline, slice, label (0 or 1).
    catalog : Catalog
        Names and kinds of the columns.
    train, split, calibration, tiers
        Parameter sections.
    label_days, recording_delay_days : int
        For the purge between folds.
    ordinal : bool
        Times are only an order; folds are not purged.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)
    weights = lead_weights(frame)
    groups = row_groups(frame)
    headline = frame["is_headline"].to_numpy(dtype=bool)
    names = catalog.names
    categorical = catalog.categorical

    def rows(name: str) -> np.ndarray:
        return np.flatnonzero((frame["slice"] == name).to_numpy())

    fit_rows = rows("train")
    if split.cross_fit_folds:
        folds = time_folds(
            frame["snapshot_at"].iloc[fit_rows],
            split.cross_fit_folds,
            label_days,
            recording_delay_days,
            split.label_purge and split.cross_fit_purge,
            "ordinal" if ordinal else "real",
        )
        out_of_fold, rounds = cross_fit(
            matrix[fit_rows], labels[fit_rows], weights[fit_rows], folds, train, names, categorical
        )
        classifier = train_classifier(
            matrix[fit_rows], labels[fit_rows], weights[fit_rows], train, names, categorical, rounds=rounds
        )
        seen = np.isfinite(out_of_fold)
        calibration_rows, log_odds = fit_rows[seen], out_of_fold[seen]
    else:
        stop_rows = rows("early_stopping")
        classifier = train_classifier(
            matrix[fit_rows],
            labels[fit_rows],
            weights[fit_rows],
            train,
            names,
            categorical,
            valid=(matrix[stop_rows], labels[stop_rows], weights[stop_rows]),
        )
        rounds = classifier.rounds
        calibration_rows = rows("calibration")
        log_odds = classifier.predict_log_odds(matrix[calibration_rows])
    calibrated = fit_calibration(
        log_odds,
        labels[calibration_rows],
        weights[calibration_rows],
        groups[calibration_rows],
        calibration,
        train.seed,
    )
    first = headline[calibration_rows]
    probability = calibrated.apply(log_odds[first])[0]
    cutoffs = fit_cutoffs(probability, np.ones(len(probability)), tiers)
    return Product(classifier, calibrated, cutoffs, rounds)


def fit_baselines(
    matrix: np.ndarray,
    frame: pd.DataFrame,
    catalog: Catalog,
    *,
    points: PointsParams | None,
    observation_days: int,
    predict: np.ndarray,
) -> dict[str, np.ndarray]:
    """Fit what the product is measured against on the rows of all slices before the test; predict `predict`.

    Baselines need no early stopping and no calibration slice, so they get those rows for training too: a baseline must
    not look worse for rows withheld from it.

    Parameters
    ----------
    matrix, frame, catalog
        As for `fit_product`.
    points : PointsParams or None
        The company's points table; None: it has none, and there is no such baseline.
    observation_days : int
        The window of the counts that points are given for, of the company or of RFM.
    predict : ndarray of int64
        Rows to predict.

    Returns
    -------
    dict of str to ndarray of float64
        Probabilities per baseline; `points` and `rfm` are scores without a scale, `rfm` only where features know of orders.
    """
    fit_rows = np.flatnonzero(frame["slice"].isin(FITTED).to_numpy())
    labels = frame["label"].to_numpy(dtype=np.float64)[fit_rows]
    weights = lead_weights(frame)[fit_rows]
    names = catalog.names
    categorical = catalog.categorical
    models: dict[str, Baseline] = {name: make() for name, make in BASELINES.items() if make not in (PointsTable, RFM)}
    if points is not None:
        models["points"] = PointsTable(points, observation_days)
    rfm = RFM(observation_days)
    if rfm.suits(names):
        models["rfm"] = rfm
    return {
        name: model.fit(matrix[fit_rows], names, categorical, labels, weights).predict(matrix[predict])
        for name, model in models.items()
    }

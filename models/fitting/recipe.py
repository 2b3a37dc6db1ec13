"""From labelled feature rows to a fitted product and its baselines: the one recipe of training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalog import Catalog
from models.calibration.apply import Calibration, fit_calibration
from models.calibration.capacity import capacity_cutoff, capacity_rows
from models.calibration.level_shift import month_blocks
from models.calibration.tiers import fit_cutoffs
from models.fitting.baselines import (
    RFM,
    Baseline,
    BaseRate,
    LogisticRegressionBaseline,
    OdooFormula,
    PointsTable,
    UntunedLightGBM,
)
from models.fitting.classifier import Classifier, cross_fit
from models.fitting.classifier import train as train_classifier
from models.fitting.folds import training_folds
from models.fitting.prior_correction import prior_offset, shift_log_odds
from models.fitting.splits import FITTED
from models.fitting.uncertainty import Uncertainty, fit_uncertainty
from models.params import CalibrationParams, CapacityParams, PointsParams, SplitParams, TiersParams, TrainParams

__all__ = [
    "BASELINES",
    "Product",
    "baseline_values",
    "fit_baselines",
    "fit_product",
    "row_groups",
    "sample_rate",
    "snapshot_weights",
]

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
    """A fitted classifier with all that turns its log-odds into a probability, an interval and a decision.

    `capacity_cutoff` is None where no capacity was given.
    """

    classifier: Classifier
    calibration: Calibration
    uncertainty: Uncertainty
    cutoffs: dict[str, float]
    capacity_cutoff: float | None
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


def snapshot_weights(frame: pd.DataFrame) -> np.ndarray:
    """Weigh rows so that the many snapshots of one lead do not count as many leads: the k-th weighs 1 / sqrt(k).

    It counts from the lead's last headline row, and so uses only what has passed. A weight of 1 / (number of snapshots)
    would know how long the lead stays open: leads that qualify soon have few snapshots, and would weigh more for it, which
    raises every probability (informative cluster size: Hoffman, Sen and Weinberg, Within-cluster resampling, 2001).

    Parameters
    ----------
    frame : DataFrame
        lead_id, snapshot_at, is_headline.

    Returns
    -------
    ndarray of float64, one per row, in (0, 1]

    Examples
    --------
    >>> at = pd.date_range("2026-01-05", periods=4, freq="7D", tz="UTC")
    >>> rows = pd.DataFrame({"lead_id": "L", "snapshot_at": at, "is_headline": [True, False, False, True]})
    >>> snapshot_weights(rows).round(3).tolist()
    [1.0, 0.707, 0.577, 1.0]
    """
    ordered = frame[["lead_id", "is_headline"]].assign(row=np.arange(len(frame)), at=frame["snapshot_at"])
    ordered = ordered.sort_values(["lead_id", "at"], kind="stable")
    since = ordered.groupby("lead_id", sort=False)["is_headline"].cumsum()
    position = ordered.groupby([ordered["lead_id"], since], sort=False).cumcount().to_numpy() + 1.0
    weights = np.empty(len(frame))
    weights[ordered["row"].to_numpy()] = 1.0 / np.sqrt(position)
    return weights


def sample_rate(frame: pd.DataFrame) -> float:
    """Give the share of positives among the headline rows before the test."""
    return float(frame.loc[frame["slice"].isin(FITTED) & frame["is_headline"], "label"].mean())


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
    capacity: CapacityParams | None = None,
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
    capacity : CapacityParams, optional
        The `capacity` section, for the probability down to which sales' capacity reaches.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)
    weights = snapshot_weights(frame)
    groups = row_groups(frame)
    headline = frame["is_headline"].to_numpy(dtype=bool)
    names = catalog.names
    categorical = catalog.categorical

    def rows(name: str) -> np.ndarray:
        return np.flatnonzero((frame["slice"] == name).to_numpy())

    fit_rows = rows("train")
    if split.cross_fit_folds:
        folds = training_folds(frame.iloc[fit_rows], split, label_days, recording_delay_days, ordinal)
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
    at = frame["snapshot_at"].dt.tz_convert(None).to_numpy()
    calibrated = fit_calibration(
        log_odds,
        labels[calibration_rows],
        weights[calibration_rows],
        groups[calibration_rows],
        calibration,
        train.seed,
        month_blocks(at[calibration_rows], ordinal),
        prior_offset(sample_rate(frame), train.population_rate),
    )
    uncertainty = fit_uncertainty(
        matrix[fit_rows],
        labels[fit_rows],
        weights[fit_rows],
        groups[fit_rows],
        train,
        calibration,
        names,
        categorical,
        classifier.rounds,
    )
    first = headline[calibration_rows]
    probability = calibrated.apply(log_odds[first])[0]
    cutoffs = fit_cutoffs(probability, np.ones(len(probability)), tiers)
    reached = None
    if capacity is not None:
        reached = capacity_cutoff(probability, capacity_rows(frame.iloc[calibration_rows[first]], capacity))
    return Product(classifier, calibrated, uncertainty, cutoffs, reached, rounds)


def fit_baselines(
    matrix: np.ndarray,
    frame: pd.DataFrame,
    catalog: Catalog,
    *,
    points: PointsParams | None,
    observation_days: int,
    predict: np.ndarray,
    population_rate: float | None = None,
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
    population_rate : float, optional
        As in the section `train`; moves the baselines' probabilities like the product's.

    Returns
    -------
    dict of str to ndarray of float64
        Probabilities per baseline; `points` and `rfm` are scores without a scale, `rfm` only where features know of orders.
    """
    fit_rows = np.flatnonzero(frame["slice"].isin(FITTED).to_numpy())
    labels = frame["label"].to_numpy(dtype=np.float64)[fit_rows]
    weights = snapshot_weights(frame)[fit_rows]
    names = catalog.names
    categorical = catalog.categorical
    models: dict[str, Baseline] = {name: make() for name, make in BASELINES.items() if make not in (PointsTable, RFM)}
    if points is not None:
        models["points"] = PointsTable(points, observation_days)
    rfm = RFM(observation_days)
    if rfm.suits(names):
        models["rfm"] = rfm
    predicted = {
        name: model.fit(matrix[fit_rows], names, categorical, labels, weights).predict(matrix[predict])
        for name, model in models.items()
    }
    # A constant must not look bad for rows of another kind: moments that the headline figures look at have a rate of their own
    is_headline = frame["is_headline"].to_numpy(dtype=bool)
    for kind in (True, False):
        of_kind = is_headline[fit_rows] == kind
        if of_kind.any():
            predicted["base_rate"][is_headline[predict] == kind] = labels[of_kind].mean()
    offset = prior_offset(sample_rate(frame), population_rate)
    return {
        name: shift_log_odds(values, offset) if BASELINES[name].is_probability else values
        for name, values in predicted.items()
    }


def baseline_values(frame: pd.DataFrame) -> dict[str, tuple[np.ndarray, bool]]:
    """Give each baseline's values, and whether they are probabilities.

    Parameters
    ----------
    frame : DataFrame
        Rows of `predictions.parquet`; a baseline without a column is left out.
    """
    return {
        name: (frame[name].to_numpy(dtype=np.float64), baseline.is_probability)
        for name, baseline in BASELINES.items()
        if name in frame
    }

"""From labelled feature rows to a fitted product and its baselines: the one recipe of training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import Catalog
from models.calibration.apply import Calibration
from models.calibration.capacity import fit_capacity_cutoff
from models.calibration.fits import fit_calibration
from models.calibration.level_shift import month_blocks
from models.calibration.tiers import fit_cutoffs
from models.fitting.baseline import Baseline
from models.fitting.baseline_names import BASELINES
from models.fitting.baselines import BaseRate, LogisticRegressionBaseline, UntunedLightGBM
from models.fitting.binned_rows import BinnedRows, Rows, bin_rows
from models.fitting.boosting import train as train_classifier
from models.fitting.boosting import train_part
from models.fitting.fold_kind import decided_folds
from models.fitting.half_samples import Fit, answer_of_half, draw_halves, fit_uncertainty
from models.fitting.ladder import LOOK_BELOW, climb, fit_stack
from models.fitting.prior_correction import prior_offset, shift_log_odds
from models.fitting.row_weights import row_groups, sample_rate, snapshot_weights
from models.fitting.scoring_rules import RFM, OdooFormula, PointsTable
from models.fitting.side_by_side import on_one_blas_thread, side_by_side
from models.fitting.splits import FITTED
from models.fitting.stack import Stack
from models.fitting.uncertainty import Uncertainty
from models.params import CalibrationParams, CapacityParams, PointsParams, SplitParams, TiersParams, TrainParams

__all__ = [
    "Product",
    "fit_baselines",
    "fit_product",
]


@dataclass(frozen=True)
class Product:
    """A fitted model with all that turns its log-odds into a probability, an interval and a decision.

    `capacity_cutoff` is None where no capacity was given. `ladder` says what the ladder did, see `models.fitting.ladder.Climb`.
    """

    classifier: Stack
    calibration: Calibration
    uncertainty: Uncertainty
    cutoffs: dict[str, float]
    capacity_cutoff: float | None
    rounds: int
    ladder: dict[str, object]


@on_one_blas_thread
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
    listed: np.ndarray | None = None,
    look_below: int = LOOK_BELOW,
) -> Product:
    """Fit the classifier, its calibration and its tiers on rows that lie before the test.

    With `split.cross_fit_folds` = 0 the slices `train`, `early_stopping` and `calibration` each do what their name says.
    Otherwise cross-fitting inside `train` chooses the rounds, decides how far up the ladder of models the rows carry
    (`models.fitting.ladder`), and yields the out-of-fold log-odds that calibration is fitted on; what was decided is refitted
    on all of `train`.

    Parameters
    ----------
    matrix : ndarray of float32 [rows, features]
        In catalog order.
    frame : DataFrame
        Row for row: lead_id, account_id, snapshot_at, is_headline, slice and label (0 or 1).
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
    listed : ndarray of float32 [rows, features], optional
        The rows of the newest lists, which tiers and a share of capacity are cut on; no outcome belongs to them. None: there
        are no lists (times are only an order), and the rows that calibration is fitted on stand for them.
    look_below : int
        With so many positive accounts no simpler model than the trees is looked at; see `models.fitting.ladder`.
    """
    labels = frame["label"].to_numpy(dtype=np.float64)
    weights = snapshot_weights(frame)
    groups = row_groups(frame)
    names = catalog.names
    categorical = catalog.categorical

    def rows(name: str) -> np.ndarray:
        return np.flatnonzero((frame["slice"] == name).to_numpy())

    def taken(positions: np.ndarray) -> Rows:
        return matrix[positions], labels[positions], weights[positions]

    fit_rows = rows("train")
    fitted = taken(fit_rows)
    binned = bin_rows(*fitted, names, categorical)
    halves = draw_halves(groups[fit_rows], calibration.halves, train.seed, labels[fit_rows])

    def judged_by_halves(rounds: int, fit: Fit) -> list[Callable[[], Any]]:
        return [partial(answer_of_half, binned, half, train, rounds, fit) for half in halves]

    def calibrated_on(part: np.ndarray, log_odds: np.ndarray, how: CalibrationParams) -> Calibration:
        at = frame["snapshot_at"].dt.tz_convert(None).to_numpy()[part]
        offset = prior_offset(sample_rate(frame), train.population_rate)
        of_part = labels[part], weights[part], groups[part]
        return fit_calibration(log_odds, *of_part, how, train.seed, month_blocks(at, ordinal), offset)

    if split.cross_fit_folds:
        folds = decided_folds(
            fitted, frame.iloc[fit_rows], split, label_days, recording_delay_days, ordinal, train, names, categorical
        )
        decided = climb(fitted, groups[fit_rows], folds, train, names, categorical, look_below)
        rounds, ladder = decided.rounds, decided.facts
        of_part = (weights[fit_rows], groups[fit_rows], decided, train, categorical)

        def fit_half(rows: BinnedRows, within: np.ndarray, faster: TrainParams, few: int) -> Stack:
            return fit_stack(rows, within, *of_part[:3], faster, categorical, few).stack

        if decided.weights is not None and calibration.method == "auto":
            # The weights were fitted on these very rows: a map would count them twice, and take the level of earlier months
            # for one that the refit has, too
            calibration = calibration.model_copy(update={"method": "identity"})
        seen = np.isfinite(decided.log_odds)
        calibration_rows, log_odds = fit_rows[seen], decided.log_odds[seen]
        refit = partial(fit_stack, binned, np.arange(len(fit_rows)), *of_part)
        fits: list[Callable[[], Any]] = [
            refit,
            partial(calibrated_on, calibration_rows, log_odds, calibration),
            *judged_by_halves(rounds, fit_half),
        ]
        whole, calibrated, *answers = side_by_side(fits, train.num_threads)
        classifier, least = whole.stack, whole.variance()
    else:
        classifier = Stack(train_classifier(*fitted, train, names, categorical, valid=taken(rows("early_stopping"))))
        rounds, ladder, least = classifier.rounds, {"rule": "slices"}, None
        answers = side_by_side(judged_by_halves(rounds, train_part), train.num_threads)
        calibration_rows = rows("calibration")
        log_odds = classifier.predict_log_odds(matrix[calibration_rows])
        calibrated = calibrated_on(calibration_rows, log_odds, calibration)
    uncertainty = fit_uncertainty(binned, answers, train.seed, least)
    unseen = frame.iloc[calibration_rows]
    probability = calibrated.apply(log_odds)[0]
    # As the lists to come will be scored: by the refit, whose probabilities spread otherwise than those of its folds
    on_lists = probability if listed is None else calibrated.apply(classifier.predict_log_odds(listed))[0]
    cutoffs = fit_cutoffs(on_lists, tiers)
    reached = None if capacity is None else fit_capacity_cutoff(unseen, probability, on_lists, capacity)
    return Product(classifier, calibrated, uncertainty, cutoffs, reached, rounds, ladder)


@on_one_blas_thread
def fit_baselines(
    matrix: np.ndarray,
    frame: pd.DataFrame,
    catalog: Catalog,
    *,
    points: PointsParams | None,
    observation_days: int,
    predict: np.ndarray,
    population_rate: float | None = None,
    workers: int = 1,
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
    workers : int
        How many fits run at once, each on one thread.

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
    models: dict[str, Baseline] = {
        "logistic_regression": LogisticRegressionBaseline(),
        "untuned_lightgbm": UntunedLightGBM(),
        "base_rate": BaseRate(),
        "odoo_formula": OdooFormula(),
    }
    if points is not None:
        models["points"] = PointsTable(points, observation_days)
    rfm = RFM(observation_days)
    if rfm.suits(names):
        models["rfm"] = rfm
    fitted, asked = matrix[fit_rows], matrix[predict]

    def values_of(model: Baseline) -> np.ndarray:
        return model.fit(fitted, names, categorical, labels, weights).predict(asked)

    tasks = [partial(values_of, model) for model in models.values()]
    predicted = dict(zip(models, side_by_side(tasks, workers), strict=True))
    # A constant must not look bad for rows of another kind: moments that the headline figures look at have a rate of their own
    is_headline = frame["is_headline"].to_numpy(dtype=bool)
    for kind in (True, False):
        of_kind = is_headline[fit_rows] == kind
        if of_kind.any():
            predicted["base_rate"][is_headline[predict] == kind] = labels[of_kind].mean()
    offset = prior_offset(sample_rate(frame), population_rate)
    return {
        name: shift_log_odds(predicted[name], offset) if is_probability else predicted[name]
        for name, is_probability in BASELINES.items()
        if name in predicted
    }

"""Points beside the model, on leads later than all that either learned from."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from models.analyses.points_audit import Judged
from models.calibration.capacity import capacity_rows
from models.fitting.row_weights import row_groups
from models.fitting.splits import FITTED
from models.params import CapacityParams, EvaluateParams
from models.quality.metrics import evaluate
from pipeline.sales_funnel.estimates import estimate, estimate_of

__all__ = ["judge_later"]


class LaterRows(NamedTuple):
    """Of the rows that are judged: how many, how many sales-qualified, and how many sales can call (0: there is no test)."""

    leads: int
    positives: int
    capacity: int


def judge_later(
    predictions: pd.DataFrame, capacity: CapacityParams, params: EvaluateParams
) -> tuple[tuple[Judged, ...], LaterRows]:
    """Judge points and the model on the test's MQL moments.

    Points are no probability; a logistic regression on the earlier MQL moments makes them one, which is what a company can do
    with its own points at best.

    Parameters
    ----------
    predictions : DataFrame
        slice, is_headline, label, probability, points.
    capacity, params
        Sections of the same names.

    Returns
    -------
    judged : tuple of Judged
        Empty where there is no test with both outcomes.
    rows : LaterRows
    """
    headline = predictions[predictions["is_headline"]]
    test = headline[headline["slice"] == "test"].reset_index(drop=True)
    earlier = headline[headline["slice"].isin(FITTED)]
    labels = test["label"].to_numpy(dtype=np.float64)
    if not 0.0 < labels.sum() < len(test) or earlier["label"].nunique() < 2:
        return (), LaterRows(len(test), int(labels.sum()), 0)
    rows = capacity_rows(test, capacity)
    scale = max(float(earlier["points"].std()), 1e-9)
    fitted = LogisticRegression(C=1e6).fit(earlier[["points"]].to_numpy() / scale, earlier["label"])
    of_points = fitted.predict_proba(test[["points"]].to_numpy() / scale)[:, 1]
    judged = []
    for name, scores, probability in (
        ("points", test["points"].to_numpy(dtype=np.float64), of_points),
        ("model", None, test["probability"].to_numpy(dtype=np.float64)),
    ):
        ranked = probability if scores is None else scores
        groups = row_groups(test)
        ranking = evaluate(labels, ranked, groups, None, rows, params, is_probability=scores is None)
        calibrated = evaluate(labels, probability, groups, None, rows, params) if scores is not None else ranking
        judged.append(_judged(name, ranking, calibrated, rows, float(probability.mean())))
    return tuple(judged), LaterRows(len(test), int(labels.sum()), rows)


def _judged(name: str, ranking: dict[str, Any], calibrated: dict[str, Any], rows: int, mean: float) -> Judged:
    precision = estimate_of(ranking["precision_at_capacity"])
    wins = [None if share is None else share * rows for share in (precision.value, precision.low, precision.high)]
    return Judged(
        score=name,  # type: ignore[arg-type]  # pydantic checks it
        auc=estimate_of(ranking["auc"]),
        wins=estimate(*wins),
        log_loss=estimate_of(calibrated["log_loss"]),
        calibration_error=estimate_of(calibrated["ece"]),
        mean_probability=mean,
    )

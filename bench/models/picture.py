"""The picture of the curves against training size: one row of panels per set, log loss and AUC."""

from typing import Any

from bench.models.learning_curve import CURVE
from models.presentation.chart import Chart, Panel, Series
from models.presentation.drawing import png
from pipeline.pages.charts import COLOURS

__all__ = ["picture_png"]

_MEASURES = {"log_loss": "log loss (less is better)", "auc": "AUC (more is better)"}
_DODGE = {"product": 1.0, "logistic_regression": 1.045, "odoo_formula": 0.957}


def picture_png(curves: dict[str, list[dict[str, Any]]]) -> bytes:
    """Draw the curves; the same figures give the same bytes.

    Returns
    -------
    bytes
        A PNG.
    """
    panels = [
        _panel([point for point in points if "product" in point], metric, f"{name}: {text}")
        for name, points in curves.items()
        for metric, text in _MEASURES.items()
    ]
    title = "What is learned from how many positives, with 95% intervals over the test's accounts"
    return png(Chart(title, panels), "en")


def _panel(points: list[dict[str, Any]], metric: str, title: str) -> Panel:
    series = [
        Series(
            "points",
            [point["positives"] * _DODGE[name] for point in points],
            [point[name][metric]["value"] for point in points],
            text,
            COLOURS[name],
            2.4 if name == "product" else 1.5,
            low=[point[name][metric]["low"] for point in points],
            high=[point[name][metric]["high"] for point in points],
            joined=True,
        )
        for name, text in reversed(CURVE.items())
    ]
    return Panel(series, "positive leads in training", title=title, x_log=True, y_format="number")

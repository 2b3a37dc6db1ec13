"""What people call the metrics, and with how many digits they read them."""

from models.presentation.catalogues import n_, words

__all__ = ["COMPARED", "DIGITS", "HEADLINE", "metric_name"]

NAMES = {
    "auc": n_("AUC"),
    "average_precision": n_("average precision"),
    "precision_at_capacity": n_("precision at capacity"),
    "lift_at_capacity": n_("lift at capacity"),
    "log_loss": n_("log loss"),
    "brier": n_("Brier score"),
    "ece": n_("calibration error"),
}
DIGITS = {name: 2 if name == "lift_at_capacity" else 3 for name in NAMES}
"""Metrics as pages list them, and the digits behind the point."""

COMPARED = ("auc", "average_precision", "lift_at_capacity", "log_loss", "ece")
"""Those that runs and models are compared by, where there is room for five: the terminal, MLflow, tables of results."""

HEADLINE = ("auc", "average_precision", "lift_at_capacity", "ece")
"""Those that people ask for first."""


def metric_name(name: str, language: str = "en") -> str:
    """Name a metric for people.

    Examples
    --------
    >>> metric_name("ece"), metric_name("auc", "de")
    ('calibration error', 'AUC')
    """
    return words(language).say(NAMES[name])

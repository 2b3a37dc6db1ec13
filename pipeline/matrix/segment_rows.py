"""What segments are called, and the rows behind their figures."""

from collections.abc import Mapping
from typing import Any

from features.wording.attribute import attribute_label
from features.wording.units import spoken
from models.presentation.catalogues import n_, words
from models.quality.segment_report import ALL

__all__ = ["dimension_words", "plot_rows", "value_words"]

DIMENSIONS = {
    "month": n_("month"),
    "employees": n_("account size (employees)"),
}
VALUES = {"true": n_("yes"), "false": n_("no")}


def dimension_words(name: str, language: str) -> str:
    """Name a dimension for people.

    Examples
    --------
    >>> dimension_words("channel", "de"), dimension_words("lead_source", "de")
    ('Kanal', 'Leadquelle')
    """
    return words(language).say(DIMENSIONS[name]) if name in DIMENSIONS else attribute_label(name, spoken(language))


def value_words(value: str | None, language: str) -> str:
    """Name a segment's value for people; None is a missing one.

    Examples
    --------
    >>> value_words("true", "en"), value_words(None, "de"), value_words("paid_search", "en")
    ('yes', 'unbekannt', 'paid search')
    """
    if value is None:
        return words(language).gettext("not known")
    return words(language).say(VALUES[value]) if value in VALUES else value.replace("_", " ")


def plot_rows(result: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Make the rows behind the figures by month and by segment; one row per measured segment.

    Parameters
    ----------
    result : mapping
        As `models.quality.segment_report.measure_segments` returns it.

    Returns
    -------
    dict of str to list of rows
        ``by_month`` and ``by_segment`` (all rows first): dimension, value, rows, positives, flagged, and of each metric its
        value under its name, and ``<metric>_low`` and ``<metric>_high``.
    """
    rows = [
        {
            "dimension": dimension,
            "value": cell["value"],
            "rows": cell["rows"],
            "positives": cell["positives"],
            "flagged": cell["flagged"],
            **_metric("auc", cell["auc"]),
            **_metric("lift_at_capacity", cell["lift_at_capacity"]),
            **_metric("calibration_gap", cell["calibration_gap"]),
            **_metric("mean_probability", cell["mean_probability"]),
            **_metric("observed", cell["base_rate_interval"]),
        }
        for dimension, cells in {ALL: [result["all"]], **result["by"]}.items()
        for cell in cells
        if cell["measured"]
    ]
    return {
        "by_month": [row for row in rows if row["dimension"] == "month"],
        "by_segment": [row for row in rows if row["dimension"] != "month"],
    }


def _metric(name: str, metric: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: metric["value"], f"{name}_low": metric["low"], f"{name}_high": metric["high"]}

"""Figures as pages embed them: a title, and each panel as an address that an image element takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from models.presentation.chart import Chart
from models.presentation.drawing import panel_address
from pipeline.pages.charts import chart

__all__ = ["Picture", "draw", "picture_of"]


class Picture(NamedTuple):
    """A drawn figure.

    Attributes
    ----------
    title : str
    panels : sequence of (str, str)
        Title, which may be empty, and address of each.
    """

    title: str
    panels: Sequence[tuple[str, str]]


def draw(name: str, rows: Sequence[Mapping[str, Any]], language: str, target: str) -> Picture:
    """Draw one of `pipeline.pages.charts.FIGURES`; the same rows give the same bytes."""
    return picture_of(chart(name, rows, language, target), language)


def picture_of(shown: Chart, language: str) -> Picture:
    """Draw a figure."""
    return Picture(shown.title, [(panel.title, panel_address(panel, language)) for panel in shown.panels])

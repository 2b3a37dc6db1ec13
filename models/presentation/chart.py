"""A figure as plain values, before anything draws it: panels of series, with axes and colours, in the reader's words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "HEAT",
    "INK",
    "LIGHT",
    "ORANGE",
    "PALE",
    "RED",
    "Chart",
    "Format",
    "Kind",
    "Panel",
    "Series",
]

Format = Literal["percent", "points", "number", "none"]
Kind = Literal["line", "points", "columns", "bars", "band", "cells", "text"]

INK, PALE, GREY, LIGHT = "#22303c", "#dfe5ea", "#8b97a2", "#b4bcc4"
BLUE, RED, ORANGE, GREEN = "#0b5fa5", "#c0392b", "#d1652a", "#4f9a6a"
HEAT = ("#f4f7f9", "#f3c58d", "#c9431f")


@dataclass(frozen=True)
class Series:
    """Marks of one kind that belong together.

    Attributes
    ----------
    kind : Kind
        Joined points without marks; marks; columns from `x` on, `width` wide; bars to the right at height `y`; a band over the
        whole width between `low` and `high`; cells of a heat map at whole `x` and `y`; text right of its place.
    x, y : sequence of float
        One per mark.
    name : str
        For the legend; empty: none.
    colour : str
        As #rrggbb.
    width : float
        Of the line in pixels; of columns and bars in units of the axis.
    base : float or sequence of float
        Where columns and bars begin.
    low, high : sequence of float, optional
        Ends of the interval, of `x` if `sideways`, else of `y`; None where there is none.
    hover : sequence of str
        What a mark tells under the pointer, one per mark, or empty; of `text` and `cells`, what is written.
    values : sequence of float
        Of cells: what their colour shows, from 0 to `top`.
    shape : str
        Of marks, as Vega names it: circle, diamond, triangle-left ...
    bold : bool
        Of text.
    """

    kind: Kind
    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    colour: str = BLUE
    width: float = 1.6
    base: float | Sequence[float] = 0.0
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    sideways: bool = False
    joined: bool = False
    dashed: bool = False
    hollow: bool = False
    alpha: float = 1.0
    hover: Sequence[str] = ()
    values: Sequence[float] = ()
    top: float = 1.0
    shape: str = "circle"
    bold: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    title : str
        Above it.
    x_label, y_label : str
        Of the axes.
    x_format, y_format : Format
        How figures are written: as percentages, as signed percentage points, as they are, or not at all.
    x_range, y_range : pair of float, optional
        Ends of the axes; else they fit the data.
    x_ticks, y_ticks : sequence of str
        Names at 0, 1, 2 ... instead of figures; one that starts with ``*`` is a heading. A line break breaks the line.
    rule : float, optional
        Where to draw a vertical line.
    x_log, y_log : bool
        Whether an axis is logarithmic.
    height : float
        In pixels, of the whole panel at `models.presentation.vega_lite.WIDTH` pixels' width.
    """

    series: Sequence[Series]
    x_label: str = ""
    y_label: str = ""
    title: str = ""
    x_format: Format = "percent"
    y_format: Format = "percent"
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_ticks: Sequence[str] = ()
    y_ticks: Sequence[str] = ()
    rule: float | None = None
    x_log: bool = False
    y_log: bool = False
    height: float = 330.0


@dataclass(frozen=True)
class Chart:
    """One figure: a title and panels, each as wide as a telephone, which stand side by side where there is room."""

    title: str
    panels: Sequence[Panel]

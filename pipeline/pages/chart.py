"""A figure as plain values, before anything draws it: panels of series, with axes and colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pipeline.pages.target_words import TargetWords

__all__ = ["BLUE", "GREY", "INK", "PALE", "RED", "Chart", "Panel", "Rows", "Series", "Tongue"]

Rows = Sequence[Mapping[str, Any]]
Place = Literal["upper left", "upper right", "lower right"]
Format = Literal["percent", "points", "number", "none"]

INK, PALE, GREY = "#22303c", "#dfe5ea", "#8b97a2"
BLUE, RED = "#0b5fa5", "#c0392b"


class Tongue(NamedTuple):
    """In what words a figure speaks."""

    language: str
    target: TargetWords

    def say(self, en: str, de: str) -> str:
        """Pick the text, with the target's words in it."""
        german = self.language == "de"
        return (de if german else en).format(rows=self.target.rows[german], positives=self.target.positives[german])


@dataclass(frozen=True)
class Series:
    """Points of one kind that belong together.

    Attributes
    ----------
    kind : {"line", "points", "columns", "bars"}
        Joined points without marks; marks; columns from `x` on, `width` wide; bars to the right at height `y`.
    x, y : sequence of float
        One per point.
    name : str
        For the legend; empty: none.
    colour : str
        As #rrggbb.
    width : float
        Of the line; of columns in units of x.
    low, high : sequence of float, optional
        Ends of the interval, of `x` if `sideways`, else of `y`; None where there is none.
    hover : sequence of str
        What a point tells under the pointer; one per point, or empty.
    """

    kind: Literal["line", "points", "columns", "bars"]
    x: Sequence[float]
    y: Sequence[float]
    name: str = ""
    colour: str = BLUE
    width: float = 1.4
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    sideways: bool = False
    joined: bool = False
    dashed: bool = False
    hollow: bool = False
    alpha: float = 1.0
    hover: Sequence[str] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    title : str
        Above it, where a figure has several.
    x_label, y_label : str
        Of the axes.
    x_format, y_format : {"percent", "points", "number", "none"}
        How figures are written: as percentages, as signed percentage points, as they are, or not at all.
    x_range, y_range : pair of float, optional
        Ends of the axes.
    x_ticks, y_ticks : sequence of str
        Names at 0, 1, 2 ... instead of figures; one that starts with ``*`` is a heading.
    rule : float, optional
        Where to draw a vertical line.
    legend : str, optional
        Where its legend stands.
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
    legend: Place | None = None


@dataclass(frozen=True)
class Chart:
    """One figure: a title and panels side by side that share their names at the left; `height` in inches."""

    title: str
    panels: Sequence[Panel]
    height: float = 4.4
    width: float = 6.4

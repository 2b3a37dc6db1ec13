"""Figures as pages embed them and as files, drawn once however many pages show them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.presentation.chart import Chart
from models.presentation.drawing import panel_png, panel_svg, svg_address
from pipeline.pages.charts import chart

__all__ = ["DrawnPanel", "Picture", "draw", "picture_of", "write_pictures"]


class DrawnPanel(NamedTuple):
    """One panel of a figure: its title, which may be empty, and its SVG."""

    title: str
    svg: str

    @property
    def address(self) -> str:
        """Give it as an address that an image element takes."""
        return svg_address(self.svg)


class Picture(NamedTuple):
    """A drawn figure: its title and its panels."""

    title: str
    panels: Sequence[DrawnPanel]


def draw(name: str, rows: Sequence[Mapping[str, Any]], language: str, target: str) -> Picture:
    """Draw one of `pipeline.pages.charts.FIGURES`; the same rows give the same bytes."""
    return picture_of(chart(name, rows, language, target), language)


def picture_of(shown: Chart, language: str) -> Picture:
    """Draw a figure."""
    return Picture(shown.title, [DrawnPanel(panel.title, panel_svg(panel, language)) for panel in shown.panels])


def write_pictures(pictures: Mapping[str, Picture], folder: Path) -> None:
    """Write figures as PNG, ``<name>.png``, and ``<name>_2.png`` of a second panel: for whoever shows them beside the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        for place, panel in enumerate(picture.panels):
            file = f"{name}.png" if place == 0 else f"{name}_{place + 1}.png"
            (folder / file).write_bytes(panel_png(panel.svg))

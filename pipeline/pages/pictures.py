"""The figures of a trained model as PNG, each drawn once however many pages show it."""

from pathlib import Path

from pipeline.pages.plots import figure_png
from pipeline.pages.report_parts import Trained, plots_with_words

__all__ = ["picture_png", "write_pictures"]


def picture_png(trained: Trained, name: str, language: str) -> bytes:
    """Draw a figure, or give it as it was drawn for another page.

    Parameters
    ----------
    trained : Trained
        Keeps what was drawn.
    name : str
        Of the figure, as in `trained.plots`.
    language : str
        "en" or "de".
    """
    drawn = trained.drawn.get((name, language))
    if drawn is None:
        drawn = figure_png(name, plots_with_words(trained)[name], language, trained.target)
        trained.drawn[name, language] = drawn
    return drawn


def write_pictures(trained: Trained, folder: Path) -> None:
    """Write each figure that has rows as ``<name>.png``, in English: for whoever shows pictures beside the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in trained.plots.items():
        if rows:
            (folder / f"{name}.png").write_bytes(picture_png(trained, name, "en"))

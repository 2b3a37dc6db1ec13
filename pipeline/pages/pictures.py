"""The figures of a trained model as PNG, each drawn once however many pages show it."""

from pipeline.pages.plots import figure_png
from pipeline.pages.report_parts import Trained, plots_with_words

__all__ = ["picture_png"]


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

"""The report and the page of figures to explore: each one file, in every language."""

from models.presentation.catalogues import LANGUAGES, words
from models.presentation.drawing import DARK, vega_script
from models.presentation.numbers import number, percent
from models.presentation.rendering import file_page, render, static_text
from models.presentation.vega_lite import number_format, panel_spec
from pipeline.pages.charts import FIGURES, chart
from pipeline.pages.page_places import TEMPLATES, links_beside
from pipeline.pages.page_values import model_values
from pipeline.pages.trained import Trained

__all__ = ["figures_page", "report_page"]


def report_page(trained: Trained) -> str:
    """Write the report as one HTML page.

    Parameters
    ----------
    trained : Trained
        The model and what was measured.
    """
    return file_page(
        lambda language: _title(trained, language, words(language).gettext("{task}: results, {source}")),
        lambda language: _takeaway(trained, language),
        lambda language: render(TEMPLATES, "report.html", language, **model_values(trained, language)),
        links=links_beside("report"),
    )


def _title(trained: Trained, language: str, pattern: str) -> str:
    task = trained.words.spoken(language).task
    return pattern.format(task=task[0].upper() + task[1:], source=trained.metadata["source"])


def _takeaway(trained: Trained, language: str) -> str:
    result, target = trained.result, trained.words.spoken(language)
    return words(language).gettext(
        "Working the best {share} of {count} {rows} first finds {found} of {positives}, {times} times as many as without an "
        "order.",
        share=percent(result["capacity"] / result["rows"], language, 0),
        count=number(result["rows"], 0, language),
        rows=target.rows,
        found=percent(_found_at_capacity(trained), language, 0),
        positives=target.positives,
        times=number(result["product"]["lift_at_capacity"]["value"], 1, language),
    )


def _found_at_capacity(trained: Trained) -> float | None:
    precision = trained.result["product"]["precision_at_capacity"]["value"]
    positives = trained.result["positives"]
    return None if precision is None or not positives else float(precision * trained.result["capacity"] / positives)


def figures_page(trained: Trained) -> str:
    """Write the figures of the report as one page on which a reader can point, pick and zoom; it holds all that draws them."""
    plots = trained.worded_plots()
    names = [name for name in FIGURES if plots.get(name)]
    charts = {
        language: {name: chart(name, plots[name], language, trained.target) for name in names} for language in LANGUAGES
    }
    specs = {
        language: {
            f"{name}-{place}": panel_spec(panel, language, interactive=True)
            for name, shown in of_language.items()
            for place, panel in enumerate(shown.panels)
        }
        for language, of_language in charts.items()
    }
    return file_page(
        lambda language: _title(trained, language, words(language).gettext("{task}: figures, {source}")),
        lambda language: words(language).gettext(
            "The figures of the report: point at a curve for its values, click a name in a legend to see it alone (with the "
            "shift key several), drag to move, turn the wheel to zoom, double-click to go back."
        ),
        lambda language: render(TEMPLATES, "figures.html", language, charts=charts[language]),
        links=links_beside("figures"),
        script=vega_script() + static_text("figures.js"),
        data={"specs": specs, "formats": {code: number_format(code) for code in LANGUAGES}, "dark": DARK},
    )

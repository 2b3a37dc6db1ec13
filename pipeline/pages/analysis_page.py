"""An analysis as files: its JSON, which is published, and its report, in every language."""

from typing import Any

from models.analyses import FOLDER, Analysis
from models.analyses.figures import Content
from models.presentation.catalogues import words
from models.presentation.numbers import date
from models.presentation.rendering import file_page
from pipeline.pages.page_places import links_beside
from pipeline.params import PathsParams

__all__ = ["analysis_report", "write_analysis"]


def analysis_report(analysis: Analysis, content: Content, **more: Any) -> str:
    """Write the report as one HTML page.

    Parameters
    ----------
    analysis : Analysis
        The record.
    content : Content
        Its figures.
    more : object
        For the template: what only the report knows, such as files beside it.
    """

    def lead(language: str) -> str:
        say = words(language)
        day = say.gettext("Export of {day}", day=date(content.exported_at, language))
        return f"{say.say(analysis.lead)} {day}."

    return file_page(
        lambda language: words(language).say(analysis.title),
        lead,
        lambda language: analysis.body(content, language, **more),
        links=links_beside(analysis.name),
    )


def write_analysis(paths: PathsParams, analysis: Analysis, content: Content, **more: Any) -> None:
    """Write ``analyses/<name>.json`` below the data and ``<name>.html`` among the reports.

    Parameters
    ----------
    paths : PathsParams
        Where both folders are; made as needed.
    analysis, content, more
        As for `analysis_report`.
    """
    folder = paths.data_dir / FOLDER
    for made in (folder, paths.reports_dir):
        made.mkdir(parents=True, exist_ok=True)
    (folder / f"{analysis.name}.json").write_text(analysis.to_json(content), encoding="utf-8")
    checked = analysis.read(folder)  # the report shows what is published, rounded as it is there
    (paths.reports_dir / f"{analysis.name}.html").write_text(
        analysis_report(analysis, checked, **more), encoding="utf-8"
    )

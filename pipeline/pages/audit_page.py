"""The audit's page, and the values of its section in the model card."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.presentation.catalogues import n_, words
from models.presentation.chart import BLUE, INK, ORANGE, RED, Chart, Panel, Series
from models.presentation.numbers import bounds, number
from models.presentation.rendering import file_page, render
from pipeline.leakage.finding import Finding, open_blocks
from pipeline.pages.page_places import TEMPLATES, links_beside
from pipeline.pages.pictures import picture_of

__all__ = ["audit_page", "findings_values", "ranking_chart"]

SHOWN = 28
ROW = 22.0
COLOURS = {"block": RED, "warn": "#e3b23c", "accepted": ORANGE, "withheld": "#9aa3ad", "none": BLUE}
STATUS = {
    "block": n_("stops training"),
    "warn": n_("warning"),
    "open": n_("open"),
    "accepted": n_("accepted with a reason"),
    "withheld": n_("withheld from features"),
    "none": n_("nothing found"),
}
SEVERITY = {"block": n_("block"), "warn": n_("warning"), "info": n_("note")}


def ranking_chart(ranking: Sequence[Mapping[str, Any]], findings: Sequence[Finding], language: str) -> Chart:
    """Say how the single-column AUCs are drawn: with their intervals, best first, coloured by what was found.

    Parameters
    ----------
    ranking : sequence of mappings
        column, auc, low, high, near_auc and far_auc (of sooner and later outcomes; None without times); best first.
    findings : sequence of Finding
        Settled.
    """
    say = words(language)
    shown = list(ranking[:SHOWN])
    status = {row["column"]: _status(row["column"], findings) for row in shown}
    series = []
    for name in reversed(COLOURS):
        at = [place for place, row in enumerate(shown) if status[row["column"]] == name]
        if not at:
            continue
        rows = [shown[place] for place in at]
        series.append(
            Series(
                "bars",
                [row["auc"] for row in rows],
                at,
                say.say(STATUS[name]),
                COLOURS[name],
                base=0.5,
                low=[row["low"] for row in rows],
                high=[row["high"] for row in rows],
                sideways=True,
                hover=[_told(row, language) for row in rows],
            )
        )
    timed = any(row["near_auc"] is not None for row in shown)
    for key, shape in (("near_auc", "triangle-left"), ("far_auc", "triangle-right")) if timed else ():
        rows = [row for row in shown if row[key] is not None]
        series.append(
            Series(
                "points",
                [row[key] for row in rows],
                [place for place, row in enumerate(shown) if row[key] is not None],
                colour=INK,
                hollow=True,
                shape=shape,
                hover=[_told(row, language) for row in rows],
            )
        )
    values = [
        row[key] for row in shown for key in ("auc", "low", "high", "near_auc", "far_auc") if row[key] is not None
    ]
    panel = Panel(
        series,
        say.gettext("AUC of the column alone"),
        x_format="number",
        y_format="none",
        x_range=(max(0.0, min([0.5, *values]) - 0.01), min(1.0, max([0.6, *values]) + 0.01)),
        y_ticks=[row["column"] for row in shown],
        height=110.0 + ROW * len(shown),
    )
    return Chart(say.gettext("What each column tells by itself"), [panel])


def _told(row: Mapping[str, Any], language: str) -> str:
    return f"{row['column']}: {number(row['auc'], 3, language)} ({bounds(row['low'], row['high'], 3, language)})"


def _status(column: str, findings: Sequence[Finding]) -> str:
    of_column = {
        finding.severity if finding.status == "open" else finding.status
        for finding in findings
        if finding.subject == column and finding.strength != "info"
    }
    return next((status for status in COLOURS if status in of_column), "none")


def _by_subject(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Put findings of one subject and status together, worst first: what a row of the table shows."""
    subjects: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        subjects.setdefault((finding.subject, finding.status), []).append(finding)
    return [
        {
            "subject": subject,
            "status": STATUS[status],
            "code": status,
            "severity": SEVERITY[of_subject[0].severity],
            "reason": of_subject[0].reason,
            "findings": of_subject,
        }
        for (subject, status), of_subject in subjects.items()
    ]


def findings_values(findings: Sequence[Finding], language: str) -> dict[str, Any]:
    """Give what the model card's section on the audit shows: what was accepted and why, and what is still warned of.

    Parameters
    ----------
    findings : sequence of Finding
        Settled, as `pipeline.leakage.finding.read_findings` gives them.
    language : str
    """
    shown = [finding for finding in findings if finding.status != "withheld" and finding.severity != "info"]
    return {
        "open_findings": _by_subject(shown),
        "withheld_subjects": sorted({finding.subject for finding in findings if finding.status == "withheld"}),
    }


def audit_page(
    findings: Sequence[Finding], ranking: Sequence[Mapping[str, Any]], source: str, rows: int, positives: int
) -> str:
    """Write the audit as one self-contained HTML page in every language.

    Parameters
    ----------
    findings : sequence of Finding
        Settled.
    ranking : sequence of mappings
        As for `ranking_chart`.
    source : str
        What was audited.
    rows, positives : int
        Rows looked at, and those with the outcome.
    """
    return file_page(
        lambda language: words(language).gettext("Leakage audit: {source}", source=source),
        lambda language: words(language).gettext(
            "What in the data knows the outcome before it should, and what to do about it."
        ),
        lambda language: render(
            TEMPLATES,
            "audit.html",
            language,
            tiles=_tiles(findings, rows, positives, language),
            blocks=bool(open_blocks(findings)),
            ranking=picture_of(ranking_chart(ranking, findings, language), language) if ranking else None,
            timed=any(row["near_auc"] is not None for row in ranking),
            findings=_by_subject(findings),
        ),
        links=links_beside("audit"),
    )


def _tiles(findings: Sequence[Finding], rows: int, positives: int, language: str) -> list[tuple[str, str, list[str]]]:
    """Count what the table lists: its rows by what is to be done, and those that are notes only."""
    say = words(language)
    listed = _by_subject(findings)

    def count(status: str, severities: tuple[str, ...]) -> str:
        meant = [row for row in listed if row["code"] == status and row["findings"][0].severity in severities]
        return number(len(meant), 0, language)

    return [
        (say.gettext("stop training"), count("open", ("block",)), []),
        (say.gettext("open warnings"), count("open", ("warn",)), []),
        (say.gettext("notes"), count("open", ("info",)), []),
        (say.say(STATUS["accepted"]), count("accepted", ("block", "warn", "info")), []),
        (say.say(STATUS["withheld"]), count("withheld", ("block", "warn", "info")), []),
        (
            say.gettext("rows looked at"),
            number(rows, 0, language),
            [say.gettext("{count} with the outcome", count=number(positives, 0, language))],
        ),
    ]

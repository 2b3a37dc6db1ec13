"""The audit's page, and its section in the model card; English and German."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pipeline.leakage.finding import Finding, open_blocks
from pipeline.pages.html import box, figure, number, page, section, table, tiles

__all__ = ["audit_page", "findings_section", "ranking_png"]

SHOWN = 28
COLOURS = {"block": "#c0392b", "warn": "#e3b23c", "accepted": "#c9722e", "withheld": "#9aa3ad", "none": "#0b5fa5"}
STATUS = {
    "block": {"en": "stops training", "de": "stoppt das Training"},
    "warn": {"en": "warning", "de": "Warnung"},
    "open": {"en": "open", "de": "offen"},
    "accepted": {"en": "accepted with a reason", "de": "mit Grund akzeptiert"},
    "withheld": {"en": "withheld from features", "de": "von Merkmalen ferngehalten"},
    "none": {"en": "nothing found", "de": "ohne Befund"},
}
SEVERITY = {
    "block": {"en": "block", "de": "blockiert"},
    "warn": {"en": "warning", "de": "Warnung"},
    "info": {"en": "note", "de": "Hinweis"},
}


def ranking_png(ranking: Sequence[Mapping[str, Any]], findings: Sequence[Finding], language: str) -> bytes:
    """Draw the single-column AUCs with their intervals, best first, coloured by what was found.

    Parameters
    ----------
    ranking : sequence of mappings
        column, auc, low, high, near_auc and far_auc (of sooner and later outcomes; None without times); best first.
    findings : sequence of Finding
        Settled.
    """
    shown = list(ranking[:SHOWN])[::-1]
    status = {row["column"]: _status(row["column"], findings) for row in shown}
    drawn = Figure(figsize=(8.4, 1.2 + 0.27 * max(len(shown), 3)), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(drawn)
    ax = drawn.add_subplot()
    for place, row in enumerate(shown):
        colour = COLOURS[status[row["column"]]]
        ax.barh(place, row["auc"] - 0.5, left=0.5, color=colour, height=0.66)
        for name, shape in (("near_auc", "<"), ("far_auc", ">")):
            if row[name] is not None:
                ax.plot(row[name], place, shape, color="white", markeredgecolor="#22303c", markersize=5.5, zorder=3)
        ax.plot([max(row["low"], 0.4), min(row["high"], 1.0)], [place, place], color="#22303c", linewidth=1.1)
    ax.set_yticks(range(len(shown)), [row["column"] for row in shown], fontsize=8)
    ax.set_xlim(min([0.48, *(row["auc"] - 0.01 for row in shown)]), 1.005)
    ax.grid(axis="x", color="#dfe5ea", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0, colors="#22303c")
    german = language == "de"
    axis = (
        "AUC der Spalte allein, innerhalb von Zeitschichten; Linie: Intervall"
        if german
        else ("AUC of the column alone, within strata of time; line: interval")
    )
    if any(row["near_auc"] is not None for row in shown):
        axis += "\n◁ frühere, ▷ spätere Hälfte der Ausgänge" if german else "\n◁ sooner, ▷ later half of the outcomes"
    ax.set_xlabel(axis)
    used = [name for name in COLOURS if name in status.values()]
    if used:
        ax.legend(
            handles=[Patch(color=COLOURS[name], label=STATUS[name][language]) for name in used],
            loc="lower right",
            frameon=False,
            fontsize=8.5,
        )
    out = io.BytesIO()
    drawn.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _status(column: str, findings: Sequence[Finding]) -> str:
    found = {
        finding.severity if finding.status == "open" else finding.status
        for finding in findings
        if finding.subject == column and finding.strength != "info"
    }
    return next((status for status in COLOURS if status in found), "none")


def findings_table(findings: Sequence[Finding], language: str) -> str:
    """List findings, one row per subject: what and evidence, what to do or why it stays."""
    german = language == "de"
    subjects: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        subjects.setdefault((finding.subject, finding.status), []).append(finding)
    rows = []
    for (subject, status), found in subjects.items():
        worst = found[0]
        todo = list(dict.fromkeys(escape(getattr(finding.todo, language)) for finding in found))
        if status == "accepted":
            todo = [escape(("Akzeptiert: " if german else "Accepted: ") + worst.reason)]
        elif status == "withheld":
            todo = ["Nichts: wird schon ferngehalten." if german else "Nothing: it is withheld already."]
        rows.append(
            [
                f'<code style="white-space: nowrap">{escape(subject)}</code>',
                f"{SEVERITY[worst.severity][language]}<br><small>{STATUS[status][language]}</small>",
                "<br>".join(_told(finding, language) for finding in found),
                "<br>".join(todo),
            ]
        )
    head = "Gegenstand|Schwere|Befund|Was zu tun ist" if german else "subject|severity|finding|what to do"
    return table(head.split("|"), rows, left=4)


def _told(finding: Finding, language: str) -> str:
    what, shown = getattr(finding.what, language), getattr(finding.shown, language)
    return f"{escape(what)}<br><small>{escape(shown)} ({escape(finding.detector)})</small>"


def findings_section(findings: Sequence[Finding], language: str) -> str:
    """Make the model card's section on the audit: what was accepted and why, and what is still warned of.

    Parameters
    ----------
    findings : sequence of Finding
        Settled, as `pipeline.leakage.finding.read_findings` gives them.
    language : {"en", "de"}

    Returns
    -------
    str
        HTML of a whole section.
    """
    german = language == "de"
    shown = [finding for finding in findings if finding.status != "withheld" and finding.severity != "info"]
    withheld = sorted({finding.subject for finding in findings if finding.status == "withheld"})
    parts = []
    if shown:
        parts.append(findings_table(shown, language))
    else:
        none = "Kein offener Befund." if german else "Nothing is open."
        parts.append(f"<p>{none}</p>")
    if withheld:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in withheld)
        text = "Befunde, die schon ferngehalten werden" if german else "Found, and withheld already"
        parts.append(f"<p>{text}: {names}.</p>")
    return section("Was den Ausgang verraten könnte" if german else "What might give the outcome away", *parts)


def audit_page(
    findings: Sequence[Finding], ranking: Sequence[Mapping[str, Any]], source: str, rows: int, positives: int
) -> str:
    """Write the audit as one self-contained HTML page in both languages.

    Parameters
    ----------
    findings : sequence of Finding
        Settled.
    ranking : sequence of mappings
        As for `ranking_png`.
    source : str
        What was audited.
    rows, positives : int
        Rows looked at, and those with the outcome.
    """
    return page(
        {"en": f"Leakage audit: {source}", "de": f"Prüfung auf Datenlecks: {source}"},
        {
            "en": "What in the data knows the outcome before it should, and what to do about it.",
            "de": "Was in den Daten den Ausgang kennt, bevor es ihn kennen darf, und was zu tun ist.",
        },
        lambda language: _body(findings, ranking, rows, positives, language),
    )


def _body(
    findings: Sequence[Finding], ranking: Sequence[Mapping[str, Any]], rows: int, positives: int, language: str
) -> str:
    german = language == "de"
    blocks = open_blocks(findings)
    subjects = {
        status: {finding.subject for finding in findings if finding.status == status and finding.strength != "info"}
        for status in ("open", "accepted", "withheld")
    }
    counted = tiles(
        [
            (
                "stoppen das Training" if german else "stop training",
                number(len({f.subject for f in blocks}), 0, language),
                [],
            ),
            *((STATUS[status][language], number(len(names), 0, language), []) for status, names in subjects.items()),
            (
                "geprüfte Zeilen" if german else "rows looked at",
                number(rows, 0, language),
                [f"{number(positives, 0, language)} " + ("mit Ausgang" if german else "with the outcome")],
            ),
        ]
    )
    alarm = (
        box(
            "Das Training ist gesperrt, bis diese Befunde ferngehalten oder mit Grund akzeptiert sind."
            if german
            else "Training is refused until these findings are withheld or accepted with a reason."
        )
        if blocks
        else ""
    )
    caption = (
        "Eine hohe AUC allein ist kein Befund: Erst was eine einzelne ehrliche Spalte nicht können kann, wird gemeldet."
        if german
        else "A high AUC by itself is no finding: what is reported is what no single honest column could do."
    )
    picture = figure(ranking_png(ranking, findings, language), caption, caption, full=True) if ranking else ""
    listed = (
        findings_table(findings, language)
        if findings
        else f"<p>{'Kein Befund.' if german else 'Nothing was found.'}</p>"
    )
    return (
        alarm
        + counted
        + section("Was jede Spalte allein verrät" if german else "What each column tells by itself", picture)
        + section("Befunde" if german else "Findings", listed)
    )

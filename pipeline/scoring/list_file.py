"""The list that people open: scores with account, owner and link, as an Excel file or as a CSV for a German Excel.

Names in a CRM are hostile input: no text of it may become a formula when the file is opened.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import xlsxwriter

from pipeline.tables.duckdb import connect, text_literal
from pipeline.tables.merged_leads import merged_ids

__all__ = ["FORMATS", "WORDS", "list_of", "remember", "write_list"]

FORMATS = ("xlsx", "csv-de")
REASONS = 3
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BLANKS = " \u00a0\u2009\u202f\ufeff"
WORDS = {
    "en": {
        "lead": "Lead", "account": "Account", "owner": "Owner", "link": "Link", "probability": "Probability (%)",
        "low": "from (%)", "high": "to (%)", "tier": "Tier", "decision": "Decision",
        "advice": "When to call", "reason": "Reason",
        "touchpoint": "Last touchpoint", "touched": "Last touchpoint on", "change": "Since the last list",
        "warnings": "Warnings",
        "note": "Note", True: "within capacity", False: "beyond capacity", None: "not scored", "new": "new",
        "tier_change": "tier {0} to {1}", "up": "{0} points more", "down": "{0} points less",
        "unpromoted": "refused by the gate: for a look, not for decisions",
    },
    "de": {
        "lead": "Lead", "account": "Firma", "owner": "Zuständig", "link": "Link", "probability": "Wahrscheinlichkeit (%)",
        "low": "von (%)", "high": "bis (%)", "tier": "Stufe", "decision": "Entscheidung",
        "advice": "Wann anrufen", "reason": "Grund",
        "touchpoint": "Letzter Kontaktpunkt", "touched": "Letzter Kontaktpunkt am", "change": "Seit der letzten Liste",
        "warnings": "Hinweise", "note": "Anmerkung", True: "innerhalb der Kapazität", False: "jenseits der Kapazität",
        None: "nicht bewertet", "new": "neu", "tier_change": "Stufe {0} zu {1}",
        "up": "{0} Punkte mehr", "down": "{0} Punkte weniger",
        "unpromoted": "vom Gate abgelehnt: zum Ansehen, nicht zum Entscheiden",
    },
}  # fmt: skip


def list_of(
    scores: pd.DataFrame,
    canonical: Path,
    language: str,
    link: str | None = None,
    former: pd.DataFrame | None = None,
    note: str | None = None,
) -> pd.DataFrame:
    """Lay scores out for people; one row per lead, in the scores' order, with headings in one language.

    Parameters
    ----------
    scores : DataFrame
        As `pipeline.scoring.rows.SCORES`, with reasons in the same language.
    canonical : Path
        Folder of canonical tables: account, owner and last touchpoint of the leads, as they were known at the export.
    language : {"en", "de"}
    link : str, optional
        Address of a lead in the CRM, with ``{lead_id}`` in it.
    former : DataFrame, optional
        The last list's lead_id, probability and tier; None: there is none, and nothing is said of changes.
    note : str, optional
        Of every row, one of the keys of `WORDS`: ``unpromoted``.
    """
    words = WORDS[language]
    people = scores[["lead_id"]].merge(_people(canonical), on="lead_id", how="left")
    before = {} if former is None else _by_lead(former, merged_ids(canonical))
    rows = []
    scored_rows: list[Any] = list(scores.itertuples(index=False))
    persons: list[Any] = list(people.itertuples(index=False))
    for score, person in zip(scored_rows, persons, strict=True):
        scored = not pd.isna(score.probability)
        reasons = [*str(score.reasons or "").split("; "), *[""] * REASONS][:REASONS] if scored else [""] * REASONS
        decision = (
            words[None] if not scored else "" if pd.isna(score.within_capacity) else words[bool(score.within_capacity)]
        )
        rows.append(
            {
                words["lead"]: score.lead_id,
                **({} if note is None else {words["note"]: words[note]}),
                words["account"]: _text(person.account_id),
                words["owner"]: _text(person.owner),
                words["link"]: "" if link is None else link.replace("{lead_id}", quote(score.lead_id, safe="")),
                words["probability"]: _percent(score.probability),
                words["low"]: _percent(score.low),
                words["high"]: _percent(score.high),
                words["tier"]: _text(score.tier),
                words["decision"]: decision if scored else f"{decision}: {_text(score.not_scored)}",
                words["advice"]: _text(score.advice_text),
                **{f"{words['reason']} {n}": reason for n, reason in enumerate(reasons, start=1)},
                words["touchpoint"]: _text(person.kind),
                words["touched"]: _text(person.day),
                words["change"]: _change(score, before, words) if former is not None else "",
                words["warnings"]: _text(score.warnings),
            }
        )
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else [words["lead"]])


def _by_lead(former: pd.DataFrame, merged: Mapping[str, str]) -> dict[Any, Any]:
    """Find the last list's row of each lead; of one that others were merged into its own, else the best of theirs."""
    rows: dict[Any, Any] = {}
    listed: list[Any] = list(former.itertuples(index=False))
    for row in listed:
        lead_id = merged.get(str(row.lead_id), row.lead_id)
        if lead_id not in rows or row.lead_id == lead_id:
            rows[lead_id] = row
    return rows


def _people(canonical: Path) -> pd.DataFrame:
    """Find each lead's account, newest owner, and last touchpoint with its day (UTC)."""

    def table(name: str) -> str:
        return f"read_parquet({text_literal(canonical / f'{name}.parquet')})"

    query = f"SELECT lead_id, account_id FROM {table('leads')}"
    joins = {
        "stage_changes": "SELECT lead_id, arg_max(owner, occurred_at) FILTER (owner IS NOT NULL) AS owner FROM {} GROUP BY 1",
        "touchpoints": "SELECT lead_id, arg_max(kind, (occurred_at, kind)) AS kind, "
        "strftime(max(occurred_at), '%Y-%m-%d') AS day FROM {} WHERE lead_id IS NOT NULL GROUP BY 1",
    }
    empty = {"stage_changes": ("owner",), "touchpoints": ("kind", "day")}
    with connect() as connection:
        for name, select in joins.items():
            if (canonical / f"{name}.parquet").exists():
                query = f"SELECT * FROM ({query}) LEFT JOIN ({select.format(table(name))}) USING (lead_id)"
            else:
                query = f"SELECT *, {', '.join(f'NULL::VARCHAR AS {column}' for column in empty[name])} FROM ({query})"
        frame: pd.DataFrame = connection.execute(query).df()
    return frame


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _percent(share: Any) -> int | None:
    return None if pd.isna(share) else round(100 * share)


def _change(score: Any, before: Mapping[str, Any], words: Mapping[Any, str]) -> str:
    """Say how a lead's tier and percent differ from the last list's."""
    last = before.get(score.lead_id)
    if last is None:
        return words["new"]
    now, then = _percent(score.probability), _percent(last.probability)
    changes = []
    if _text(score.tier) != _text(last.tier):
        changes.append(words["tier_change"].format(_text(last.tier) or "-", _text(score.tier) or "-"))
    if now is not None and then is not None and now != then:
        changes.append(words["up" if now > then else "down"].format(abs(now - then)))
    return ", ".join(changes)


def remember(scores: pd.DataFrame, folder: Path) -> pd.DataFrame | None:
    """Keep this list's figures by the moment that it is of, and give the newest ones of an earlier moment (None: no earlier).

    Writing the list of one moment again compares it with the same earlier one.
    """
    if scores.empty:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    name = pd.Timestamp(scores["snapshot_at"].max()).tz_convert("UTC").strftime("%Y%m%dT%H%M%S%f.parquet")
    earlier = sorted(path for path in folder.glob("*.parquet") if path.name < name)
    scores[["lead_id", "probability", "tier"]].to_parquet(folder / name, index=False)
    return pd.read_parquet(earlier[-1]) if earlier else None


def _safe(text: str) -> str:
    """Keep a text from being a formula in whatever opens a CSV (OWASP, CSV injection): an apostrophe stands before it."""
    return f"'{text}" if text.lstrip(BLANKS).startswith(FORMULA_STARTS) or text.startswith(FORMULA_STARTS) else text


def write_list(rows: pd.DataFrame, out: Path, form: str) -> None:
    """Write a list as an Excel workbook (`xlsx`), or as `csv-de`: UTF-8 with its mark, semicolons, decimal commas."""
    if form == "csv-de":
        with out.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
            writer.writerow([_safe(str(name)) for name in rows.columns])
            writer.writerows([_german(value) for value in row] for row in rows.astype(object).itertuples(index=False))
        return
    # Nothing is told apart by its looks: a text is a cell of text, whatever it begins with.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(out), options) as book:
        sheet, bold = book.add_worksheet("leads"), book.add_format({"bold": True})
        for column, name in enumerate(rows.columns):
            sheet.write_string(0, column, str(name), bold)
            for number, value in enumerate(rows[name].astype(object), start=1):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif not pd.isna(value):
                    sheet.write_number(number, column, value)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, len(rows), len(rows.columns) - 1)
        sheet.autofit()


def _german(value: Any) -> str:
    if isinstance(value, str):
        return _safe(value)
    if pd.isna(value):
        return ""
    return str(int(value)) if float(value).is_integer() else str(float(value)).replace(".", ",")

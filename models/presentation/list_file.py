"""The list that people open, as an Excel file or as a CSV for a German Excel: its columns, and how they are written.

Names in a CRM are hostile input: no text of it may become a formula when the file is opened.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import pandas as pd
import xlsxwriter

from models.presentation.catalogues import n_, words

__all__ = ["FORMATS", "REASONS", "WORDS", "ListedLead", "change_words", "list_frame", "list_words", "write_list"]

FORMATS = ("xlsx", "csv-de")
REASONS = 3
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BLANKS = " \u00a0\u2009\u202f\ufeff"
WORDS: Mapping[str | bool | None, str] = {
    "lead": n_("Lead"), "customer": n_("Customer"), "account": n_("Account"), "owner": n_("Owner"), "link": n_("Link"),
    "probability": n_("Probability (%)"), "low": n_("from (%)"), "high": n_("to (%)"), "tier": n_("Tier"),
    "decision": n_("Decision"), "advice": n_("When to call"), "questions": n_("Likely questions"),
    "next": n_("Leads like it looked at next"), "reason": n_("Reason"), "touchpoint": n_("Last touchpoint"),
    "touched": n_("Last touchpoint on"), "change": n_("Since the last list"), "warnings": n_("Warnings"),
    "note": n_("Note"), "ordered": n_("Last order on"), "rhythm": n_("Days between orders"), "value": n_("Value of orders"),
    True: n_("within capacity"), False: n_("beyond capacity"), None: n_("not scored"),
    "new": n_("new"), "tier_change": n_("tier {before} to {now}"), "up": n_("{points} points more"),
    "down": n_("{points} points less"), "unpromoted": n_("refused by the gate: for a look, not for decisions"),
}  # fmt: skip
"""What stands in a list, beside the leads' own texts."""


class ListedLead(NamedTuple):
    """What a list says of one lead.

    Attributes
    ----------
    lead_id : str
    account_id, owner : str
        Empty: not known.
    probability, low, high : float or None
        In [0, 1]; None: not scored.
    tier, not_scored : str
        Empty: not scored; scored.
    within_capacity : bool or None
        None: no cut-off is known.
    reasons : sequence of str
        Strongest first; the first `REASONS` are shown.
    advice : str
        When to call, as a sentence; empty: not scored.
    questions, next_content : str
        Of a lead that marketing keeps for now: what it is likely to ask, and what leads like it looked at next; else empty.
    touchpoint, touched : str
        The last one, and its day as ISO 8601.
    change : str
        As `change_words` gives it; empty: nothing to compare with.
    warnings : str
        Codes.
    ordered : str
        Of a customer: the day of the account's last order, as ISO 8601; empty: none is known.
    rhythm_days, value : float or None
        Median days between its orders, and what they are worth together; None: not known.
    """

    lead_id: str
    account_id: str
    owner: str
    probability: float | None
    low: float | None
    high: float | None
    tier: str
    not_scored: str
    within_capacity: bool | None
    reasons: Sequence[str]
    advice: str
    questions: str
    next_content: str
    touchpoint: str
    touched: str
    change: str
    warnings: str
    ordered: str = ""
    rhythm_days: float | None = None
    value: float | None = None


def list_words(language: str) -> dict[str | bool | None, str]:
    """Give `WORDS` in one language."""
    say = words(language)
    return {name: say.say(text) for name, text in WORDS.items()}


def list_frame(
    leads: Sequence[ListedLead],
    language: str,
    link: str | None = None,
    note: str | None = None,
    *,
    of_customers: bool = False,
) -> pd.DataFrame:
    """Lay leads out for people; one row per lead, in their order, with headings in one language.

    Parameters
    ----------
    leads : sequence of ListedLead
    language : str
        A key of `models.presentation.catalogues.LANGUAGES`.
    link : str, optional
        Address of a lead in the CRM, with ``{lead_id}`` in it.
    note : str, optional
        Of every row, one of the keys of `WORDS`: ``unpromoted``.
    of_customers : bool
        Of existing customers: the list says what they ordered, and not when to call, of which such a model knows nothing.
    """
    names, rows = list_words(language), []
    for lead in leads:
        scored = lead.probability is not None
        reasons = [*lead.reasons, *[""] * REASONS][:REASONS] if scored else [""] * REASONS
        decision = "" if lead.within_capacity is None else names[lead.within_capacity]
        rows.append(
            {
                names["customer" if of_customers else "lead"]: lead.lead_id,
                **({} if note is None else {names["note"]: names[note]}),
                names["account"]: lead.account_id,
                names["owner"]: lead.owner,
                names["link"]: "" if link is None else link.replace("{lead_id}", quote(lead.lead_id, safe="")),
                names["probability"]: percent(lead.probability),
                names["low"]: percent(lead.low),
                names["high"]: percent(lead.high),
                names["tier"]: lead.tier,
                names["decision"]: decision if scored else f"{names[None]}: {lead.not_scored}",
                **(
                    {names["ordered"]: lead.ordered, names["rhythm"]: lead.rhythm_days, names["value"]: lead.value}
                    if of_customers
                    else {
                        names["advice"]: lead.advice,
                        names["questions"]: lead.questions,
                        names["next"]: lead.next_content,
                    }
                ),
                **{f"{names['reason']} {n}": reason for n, reason in enumerate(reasons, start=1)},
                names["touchpoint"]: lead.touchpoint,
                names["touched"]: lead.touched,
                names["change"]: lead.change,
                names["warnings"]: lead.warnings,
            }
        )
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else [names["customer" if of_customers else "lead"]])


def percent(share: float | None) -> int | None:
    """Give whole percent, as the list shows them; None: not scored."""
    return None if share is None else round(100 * share)


def change_words(
    now: tuple[float | None, str], before: tuple[float | None, str], names: Mapping[Any, str], *, tiers: bool = True
) -> str:
    """Say how a lead's tier and percent differ from before; empty: they don't.

    Parameters
    ----------
    now, before : tuple of (float or None, str)
        Probability and tier.
    names : mapping
        As `list_words` gives them.
    tiers : bool
        False: the tier before is not known.
    """
    changes = []
    if tiers and now[1] != before[1]:
        changes.append(names["tier_change"].format(before=before[1] or "-", now=now[1] or "-"))
    share, share_before = percent(now[0]), percent(before[0])
    if share is not None and share_before is not None and share != share_before:
        changes.append(names["up" if share > share_before else "down"].format(points=abs(share - share_before)))
    return ", ".join(changes)


def _safe(text: str) -> str:
    """Keep a text from being a formula in whatever opens a CSV (OWASP, CSV injection): an apostrophe stands before it."""
    return f"'{text}" if text.lstrip(BLANKS).startswith(FORMULA_STARTS) or text.startswith(FORMULA_STARTS) else text


def write_list(rows: pd.DataFrame, out: Path | BinaryIO, form: str) -> None:
    """Write a list as an Excel workbook (`xlsx`), or as `csv-de`: UTF-8 with its mark, semicolons, decimal commas."""
    if form == "csv-de":
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
        writer.writerow([_safe(str(name)) for name in rows.columns])
        writer.writerows([_german(value) for value in row] for row in rows.astype(object).itertuples(index=False))
        content = text.getvalue().encode("utf-8-sig")
        if isinstance(out, Path):
            out.write_bytes(content)
        else:
            out.write(content)
        return
    # Nothing is told apart by its looks: a text is a cell of text, whatever it begins with.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(out) if isinstance(out, Path) else out, options) as book:
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

"""What the fields of a CRM shall hold, from a score file. Nothing is decided here: the file holds the decision."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from features.errors import DataError
from models.presentation.catalogues import Words, n_, words
from pipeline.crm.ledger import Value
from pipeline.crm.write import Update
from pipeline.params import CrmFields

__all__ = ["updates"]

COLUMNS = ("lead_id", "probability", "tier", "within_capacity", "reasons", "not_scored")
ADVICE = "advice_text"  # of files that say when to call
DIGITS = 4  # a smaller change of a probability is no news to a salesperson
NOT_SCORED = {
    "already_qualified": n_("already qualified"),
    "disqualified": n_("disqualified"),
    "objected": n_("the person objected"),
    "too_little_data": n_("too little data"),
    "too_many_touchpoints": n_("more touchpoints than a person makes"),
}


def updates(scores: pd.DataFrame, fields: CrmFields, language: str) -> list[Update]:
    """Say what each lead's fields shall hold; one per row of the scores.

    Parameters
    ----------
    scores : DataFrame
        As `python -m pipeline.score` writes it, with reasons in `language`. A lead without a probability gets the reason as its
        decision, and its other fields emptied.
    fields : CrmFields
        Names in the CRM. The advice is written where it has a field, and the file says when to call.
    language : {"en", "de"}
        Of the people who read the fields.

    Raises
    ------
    DataError
        If a column is missing, as in files of earlier versions, or holds something else, a lead is there twice, or the file
        is marked: its model was refused by the gate.
    """
    missing = [name for name in COLUMNS if name not in scores.columns]
    if missing:
        raise DataError(
            f"scores: no column {', '.join(missing)}; there are {', '.join(scores.columns)}. This version did not write the "
            "file: write it anew with `python -m pipeline.score --out ...`."
        )
    if "note" in scores.columns:
        raise DataError(
            f"scores: {scores['note'].iloc[0] if len(scores) else 'marked as unpromoted'}. Push what a champion scored: "
            "`python -m pipeline.score --out ...` without --unpromoted."
        )
    if scores["lead_id"].duplicated().any():
        raise DataError("scores: a lead_id is there twice; push the scores of one moment.")
    names = fields.by_role()
    if ADVICE not in scores.columns:
        names.pop("advice", None)
    say = words(language)
    rows = scores.astype(object).where(scores.notna(), None).to_dict("records")
    return [Update(str(row["lead_id"]), {name: _value(role, row, say) for role, name in names.items()}) for row in rows]


def _value(role: str, row: Mapping[Hashable, Any], say: Words) -> Value:
    """Write one field of a row."""
    scored = row["probability"] is not None
    if role == "decision":
        return f"{row['tier']}{_capacity_words(row['within_capacity'], say)}" if scored else _why_not(row, say)
    if not scored:
        return None
    if role == "probability":
        return round(float(row["probability"]), DIGITS)
    return row[ADVICE if role == "advice" else role] or None


def _why_not(row: Mapping[Hashable, Any], say: Words) -> str:
    reason = str(row["not_scored"])
    return say.gettext("not scored: {reason}", reason=say.say(NOT_SCORED.get(reason, reason)))


def _capacity_words(within_capacity: Any, say: Words) -> str:
    """Say what the file's decision says about capacity; nothing where it says nothing."""
    if within_capacity is None:
        return ""
    if within_capacity not in (True, False):
        raise DataError(
            f"scores: within_capacity is {within_capacity!r}; allowed are True, False and empty. Write the file anew with "
            "`python -m pipeline.score --out ...`."
        )
    where = say.gettext("within capacity") if within_capacity else say.gettext("beyond capacity")
    return f", {where}"

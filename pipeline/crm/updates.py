"""What the fields of a CRM shall hold, from a score file. Nothing is decided here: the file holds the decision."""

from typing import Any

import pandas as pd

from features.errors import DataError
from pipeline.crm.ledger import Value
from pipeline.crm.write import Update
from pipeline.params import CrmFields

__all__ = ["updates"]

COLUMNS = ("lead_id", "probability", "tier", "within_capacity", "advice", "advice_until", "reasons", "not_scored")
ADVICE_WORDS = {
    "hand_over_now": ", call now",
    "wait_until": ", wait until {until}",
    "later": ", call later",
    "too_little_data": "",
    "unknown": "",
}
"""What is written of the advice; nothing where nothing is advised."""
DIGITS = 4  # a smaller change of a probability is no news to a salesperson


def updates(scores: pd.DataFrame, fields: CrmFields) -> list[Update]:
    """Say what each lead's fields shall hold; one per row of the scores. Nothing is decided here: the file holds the decision.

    Parameters
    ----------
    scores : DataFrame
        As `python -m pipeline.score` writes it. A lead without a probability gets the reason as its decision, and its
        other fields emptied.
    fields : CrmFields
        Names in the CRM.

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
    rows = []
    for row in scores[list(COLUMNS)].itertuples(index=False, name=None):
        lead_id, probability, tier, within_capacity, advice, until, reasons, not_scored = row
        if pd.isna(probability):
            values: list[Value] = [None, None, f"not scored: {not_scored}", None]
        else:
            decision = f"{tier}{_capacity_words(within_capacity)}{_advice_words(advice, until)}"
            values = [round(float(probability), DIGITS), tier, decision, None if pd.isna(reasons) else reasons or None]
        names = (fields.probability, fields.tier, fields.decision, fields.reasons)
        rows.append(Update(str(lead_id), dict(zip(names, values, strict=True))))
    return rows


def _capacity_words(within_capacity: Any) -> str:
    """Say what the file's decision says about capacity; nothing where it says nothing."""
    if pd.isna(within_capacity):
        return ""
    if within_capacity not in (True, False):
        raise DataError(
            f"scores: within_capacity is {within_capacity!r}; allowed are True, False and empty. Write the file anew with "
            "`python -m pipeline.score --out ...`."
        )
    return ", within capacity" if within_capacity else ", beyond capacity"


def _advice_words(advice: Any, until: Any) -> str:
    """Say what the file's decision says about when to call."""
    if advice not in ADVICE_WORDS:
        raise DataError(
            f"scores: advice is {advice!r}; allowed are {', '.join(ADVICE_WORDS)}. Write the file anew with "
            "`python -m pipeline.score --out ...`."
        )
    return ADVICE_WORDS[advice].format(until=until)

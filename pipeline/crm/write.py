"""Scores on their way into a CRM: what each lead's fields shall hold, what of it is new, and what the CRM acknowledged."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import DataError
from pipeline.params import CrmFields

__all__ = ["Answer", "Ledger", "Refusal", "Update", "changed", "push", "updates"]

Value = float | str | None
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
ROUNDS = 3


@dataclass(frozen=True)
class Update:
    """The values that one record's fields shall have; None empties a field."""

    lead_id: str
    values: dict[str, Value]


@dataclass(frozen=True)
class Refusal:
    """Why the CRM did not take a record: its own code, and whether it may next time."""

    reason: str
    again: bool


@dataclass
class Answer:
    """What became of a batch: the records taken, and the ones refused."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)


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


class Ledger:
    """What the CRM acknowledged, per record, in a SQLite file; a rerun goes on from there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE IF NOT EXISTS acknowledged (lead_id TEXT PRIMARY KEY, fields TEXT NOT NULL)")

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path) -> Iterator["Ledger"]:
        """Open or begin the ledger."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            yield cls(connection)

    def read(self) -> dict[str, dict[str, Value]]:
        """Give the acknowledged values by lead_id."""
        rows = self._connection.execute("SELECT lead_id, fields FROM acknowledged").fetchall()
        return {lead_id: json.loads(values) for lead_id, values in rows}

    def write(self, batch: Sequence[Update]) -> None:
        """Note acknowledged updates, all or none."""
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO acknowledged VALUES (?, ?)",
                [(update.lead_id, json.dumps(update.values)) for update in batch],
            )


def changed(wanted: Sequence[Update], acknowledged: Mapping[str, dict[str, Value]]) -> list[Update]:
    """Leave out the records whose fields already hold these values."""
    return [update for update in wanted if acknowledged.get(update.lead_id) != update.values]


def push(
    todo: Sequence[Update],
    size: int,
    send: Callable[[Sequence[Update]], Answer],
    ledger: Ledger,
    pause: Callable[[int], None],
    seen: Callable[[int], None],
) -> dict[str, Refusal]:
    """Send updates in batches and note what was acknowledged after each; returns what stays refused, by lead_id.

    Parameters
    ----------
    todo : sequence of Update
        Each lead at most once.
    size : int
        Records per call.
    send : callable
        Sends one batch and says what became of it. Records that it does not mention count as refused for now.
    pause : callable
        Pauses before the next round, given the number of the one just done.
    seen : callable
        Hears of records that are done, taken or not.

    Raises
    ------
    CrmError
        As `send` raises it; what was acknowledged until then is in the ledger.
    """
    refused: dict[str, Refusal] = {}
    for turn in range(1, ROUNDS + 1):
        later: list[Update] = []
        for start in range(0, len(todo), size):
            batch = todo[start : start + size]
            answer = send(batch)
            taken = set(answer.taken)
            ledger.write([update for update in batch if update.lead_id in taken])
            for update in batch:
                if update.lead_id in taken:
                    refused.pop(update.lead_id, None)
                    continue
                why = answer.refused.get(update.lead_id, Refusal("no answer about this record", again=True))
                refused[update.lead_id] = why
                if why.again:
                    later.append(update)
            seen(len(batch) - sum(update.lead_id in {item.lead_id for item in later} for update in batch))
        todo = later
        if not todo:
            break
        if turn < ROUNDS:
            pause(turn)
    return refused

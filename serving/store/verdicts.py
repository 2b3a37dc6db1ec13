"""Writing verdicts of sales, and taking them back: history stays, and what was a mistake counts no more from then on."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from serving.contract.event_rows import OutcomeRow, RetractionRow
from serving.store import schema
from serving.store.merging import remaining
from serving.store.records import UnknownOutcomeError, change_key, key_of
from serving.store.writing import change_columns, insert_new, mark, read_rows

__all__ = ["add_outcomes"]


def add_outcomes(connection: sa.Connection, rows: Sequence[OutcomeRow | RetractionRow], now: int) -> int:
    """Write verdicts, each as a stage change, too; then take verdicts back.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    rows : sequence of OutcomeRow or RetractionRow
        Of any leads, known or not. A verdict may be taken back by the body that brings it.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.

    Returns
    -------
    int
        How many said something new.

    Raises
    ------
    ConflictError
        An outcome_id of the same lead is there with other content, or was taken back in another way.
    UnknownOutcomeError
        A verdict is to be taken back that is not there.
    """
    verdicts = [(position, row) for position, row in enumerate(rows) if isinstance(row, OutcomeRow)]
    retractions = [(position, row) for position, row in enumerate(rows) if isinstance(row, RetractionRow)]
    return _add_verdicts(connection, verdicts, now) + _retract(connection, retractions, now)


def _add_verdicts(connection: sa.Connection, verdicts: Sequence[tuple[int, OutcomeRow]], now: int) -> int:
    wanted, changes = [], {}
    for _, (outcome_id, row, check) in verdicts:
        columns = change_columns(row)
        key = key_of("id", outcome_id) if outcome_id is not None else key_of("content", change_key(row))
        changes[row.lead_id, key] = {"lead_id": row.lead_id, "change_key": change_key(row), **columns}
        content = {"outcome": columns["stage"], **{name: columns[name] for name in columns if name != "stage"}}
        wanted.append(
            {"lead_id": row.lead_id, "outcome_key": key, "outcome_id": outcome_id, **content, **check._asdict()}
        )
    positions = [position for position, _ in verdicts]
    new = insert_new(connection, schema.outcomes, "outcome_key", wanted, now, "outcome_id", positions)
    # A stage change is its content: where that was taken back before, the new verdict is one of its own
    news = [{**changes[row["lead_id"], row["outcome_key"]], "again": row["outcome_key"]} for row in new]
    there = read_rows(connection, schema.stage_changes, "change_key", news)
    for change in news:
        again, former = change.pop("again"), there.get((change["lead_id"], change["change_key"]))
        if former is not None and former["retracted_at"] is not None:
            change["change_key"] = key_of("again", change["change_key"], again)
    insert_new(connection, schema.stage_changes, "change_key", news, now, None)
    return len(new)


def _retract(connection: sa.Connection, retractions: Sequence[tuple[int, RetractionRow]], now: int) -> int:
    wanted = [{"outcome_key": key_of("id", row.retracts), **row._asdict()} for _, row in retractions]
    there = read_rows(connection, schema.outcomes, "outcome_key", wanted)
    for (position, _), row in zip(retractions, wanted, strict=True):
        if (row["lead_id"], row["outcome_key"]) not in there:
            raise UnknownOutcomeError(position)
    positions = [position for position, _ in retractions]
    new = insert_new(connection, schema.retractions, "outcome_key", wanted, now, "retracts", positions)
    for row in new:
        _take_back(connection, there[row["lead_id"], row["outcome_key"]], row["recorded_at"])
    mark(connection, sorted({row["lead_id"] for row in new}), now)
    return len(new)


def _take_back(connection: sa.Connection, verdict: Any, retracted_at: int) -> None:
    outcomes, changes = schema.outcomes, schema.stage_changes
    this_one = sa.and_(outcomes.c.lead_id == verdict["lead_id"], outcomes.c.outcome_key == verdict["outcome_key"])
    connection.execute(sa.update(outcomes).where(this_one).values(retracted_at=retracted_at))
    parts = ("occurred_at", "reason", "owner", "team")

    def alike(table: sa.Table, stage: str) -> list[sa.ColumnElement[bool]]:
        equal = [table.c[name].is_not_distinct_from(verdict[name]) for name in parts]
        return [table.c[stage] == verdict["outcome"], table.c.retracted_at.is_(None), *equal]

    others = sa.select(outcomes.c.outcome_key).where(
        outcomes.c.lead_id == verdict["lead_id"], *alike(outcomes, "outcome")
    )
    if connection.execute(others.limit(1)).first() is None:  # nobody else says so
        whose = [verdict["lead_id"], *remaining(connection, verdict["lead_id"])]
        retracted = sa.update(changes).where(changes.c.lead_id.in_(whose), *alike(changes, "stage"))
        connection.execute(retracted.values(retracted_at=retracted_at))

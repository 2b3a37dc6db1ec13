"""Warnings about the times of events: such events are accepted, but mostly mean that a clock is off."""

from collections.abc import Iterator, Sequence
from typing import Any

from serving.contract.limits import CLOCK_TOLERANCE_US
from serving.store.records import LeadRow, OutcomeRow

__all__ = ["clock_warnings"]

_MESSAGES = {
    "recorded_before_occurred": (
        "{count} entries occur more than a day after they were recorded (recorded_at, or now): they count from when they "
        "occur, and ingest sets them aside. Correct the clock or the time."
    ),
    "recorded_in_future": (
        "{count} entries are recorded more than a day from now: scores don't see them before. Correct the clock or the time."
    ),
}


def clock_warnings(rows: Sequence[Any], kind: str, now: int) -> list[dict[str, Any]]:
    """List what is odd, one entry per code, with the field of the first.

    Parameters
    ----------
    rows : sequence
        As they were written.
    kind : str
        One of `serving.contract.routes.EVENT_KINDS`.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.
    """
    fields_by_code: dict[str, list[str]] = {}
    for position, row in enumerate(rows):
        for code, name in _odd(*_moments(row), now):
            fields_by_code.setdefault(code, []).append(f"{kind}[{position}].{name}")
    return [
        {"code": code, "message": _MESSAGES[code].format(count=len(fields)), "field": fields[0]}
        for code, fields in fields_by_code.items()
    ]


def _moments(row: Any) -> tuple[int | None, int | None]:
    if isinstance(row, LeadRow):
        return row.occurred_at, row.recorded_at
    row = row.row if isinstance(row, OutcomeRow) else row
    record = getattr(row, "touchpoint", None) or row.change
    return record.occurred_at, record.recorded_at


def _odd(occurred_at: int | None, recorded_at: int | None, now: int) -> Iterator[tuple[str, str]]:
    known_at = now if recorded_at is None else recorded_at
    if occurred_at is not None and occurred_at - known_at > CLOCK_TOLERANCE_US:
        yield "recorded_before_occurred", "occurred_at"
    if known_at - now > CLOCK_TOLERANCE_US:
        yield "recorded_in_future", "recorded_at"

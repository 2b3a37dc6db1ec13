"""Warnings about the times of events: such events are accepted, but mostly mean that a clock is off."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serving.contract.event_kinds import EventKind
from serving.contract.limits import CLOCK_TOLERANCE_US

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


def clock_warnings(items: Sequence[Any], kind: EventKind, now: int) -> list[dict[str, Any]]:
    """List what is odd, one entry per code, with the field of the first.

    Parameters
    ----------
    items : sequence
        Entries as they were checked.
    kind : EventKind
        Theirs.
    now : int
        UTC microseconds; stands in for a missing `recorded_at`.
    """
    fields_by_code: dict[str, list[str]] = {}
    for position, item in enumerate(items):
        for code, name in _odd({name: getattr(item, name) for name in kind.times}, item.recorded_at, now):
            fields_by_code.setdefault(code, []).append(f"{kind.name}[{position}].{name}")
    return [
        {"code": code, "message": _MESSAGES[code].format(count=len(fields)), "field": fields[0]}
        for code, fields in fields_by_code.items()
    ]


def _odd(times: Mapping[str, int | None], recorded_at: int | None, now: int) -> Iterator[tuple[str, str]]:
    known_at = now if recorded_at is None else recorded_at
    late = [name for name, time in times.items() if time is not None and time - known_at > CLOCK_TOLERANCE_US]
    if late:
        yield "recorded_before_occurred", late[0]
    if known_at - now > CLOCK_TOLERANCE_US:
        yield "recorded_in_future", "recorded_at"

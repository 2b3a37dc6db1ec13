"""What makes two rows the same, and what can be wrong about one beside those that are stored."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from features.errors import LeadQualificationError
from serving.contract.event_rows import ChangeRow, TouchpointRow, VisitRow
from serving.contract.limits import CLOCK_TOLERANCE_US

__all__ = [
    "ConflictError",
    "UnknownOutcomeError",
    "after_last",
    "change_key",
    "key_of",
    "touchpoint_keys",
]


class ConflictError(LeadQualificationError):
    """The same id was accepted with other content before.

    Parameters
    ----------
    position : int
        Of the row among those to write.
    name : str
        The field that holds the id.
    """

    def __init__(self, position: int, name: str) -> None:
        super().__init__(f"row {position}: this {name} was accepted with other content before")
        self.position = position
        self.name = name


class UnknownOutcomeError(LeadQualificationError):
    """A verdict that is not stored is to be taken back.

    Parameters
    ----------
    position : int
        Of the row among those to write.
    """

    def __init__(self, position: int) -> None:
        super().__init__(f"row {position}: no verdict with this outcome_id is stored of this lead")
        self.position = position


def after_last(now: int, last: int | None) -> int:
    """Give the present moment, but never one before the last write, as long as the clocks of two machines may differ so much.

    Parameters
    ----------
    now : int
        UTC microseconds, by this machine's clock.
    last : int or None
        Of the last write, by the clock that it was written by.

    Examples
    --------
    >>> after_last(100, None), after_last(100, 99), after_last(100, 100), after_last(100, 100 + CLOCK_TOLERANCE_US)
    (100, 100, 101, 100)
    """
    return last + 1 if last is not None and 0 <= last - now < CLOCK_TOLERANCE_US else now


def key_of(*parts: Any) -> str:
    """Hash what makes a row itself.

    Examples
    --------
    >>> key_of("a", "b") == key_of("a", "b"), key_of("ab") == key_of("a", "b"), key_of(None) == key_of("")
    (True, False, False)
    """
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode("ascii")).hexdigest()


def touchpoint_keys(rows: Sequence[TouchpointRow | VisitRow]) -> list[str]:
    """Give each touchpoint its key: its id, or without one its content and a counter of equal ones in `rows`.

    Equal touchpoints without an id may both have happened, and stand in one body; the same body sent again names the same ones.

    Examples
    --------
    >>> from features.journeys import TouchpointRecord
    >>> row = TouchpointRow("L-1", TouchpointRecord("webinar", 5))
    >>> first, second = touchpoint_keys([row, row])
    >>> first == second, touchpoint_keys([row]) == [first]
    (False, True)
    """
    seen: dict[TouchpointRow | VisitRow, int] = {}
    keys = []
    for row in rows:
        item = row.touchpoint
        if item.touchpoint_id is not None:
            keys.append(key_of("id", item.touchpoint_id))
            continue
        seen[row] = seen.get(row, -1) + 1
        keys.append(key_of("content", *item, seen[row]))
    return keys


def change_key(row: ChangeRow) -> str:
    """Give a stage change its key: all of its content, as equal ones count once."""
    return key_of(*row.change, row.reason, row.owner, row.team)

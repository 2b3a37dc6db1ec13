"""How each event kind is written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serving.contract.event_rows import TouchpointRow, VisitRow
from serving.store import schema
from serving.store.merging import add_merges
from serving.store.verdicts import add_outcomes
from serving.store.visits import add_identities, add_visits
from serving.store.writing import add_rows, add_stage_changes, add_touchpoints
from serving.store.writing_leads import put_leads

__all__ = ["Writer", "writer_of"]

Writer = Callable[[Any, Any, int], int]
"""Takes the connection, rows and the present moment; gives how many rows said something new."""


def _add_touchpoints(connection: Any, rows: Sequence[TouchpointRow | VisitRow], now: int) -> int:
    of_leads = {position: row for position, row in enumerate(rows) if isinstance(row, TouchpointRow)}
    of_visitors = {position: row for position, row in enumerate(rows) if isinstance(row, VisitRow)}
    new = add_touchpoints(connection, list(of_leads.values()), now, list(of_leads))
    return new + add_visits(connection, list(of_visitors.values()), now, list(of_visitors))


_WRITERS: Mapping[str, Writer] = {
    "touchpoints": _add_touchpoints,
    "leads": put_leads,
    "stage_changes": add_stage_changes,
    "outcomes": add_outcomes,
    "identities": add_identities,
    "merged_leads": add_merges,
}


def writer_of(kind: str) -> Writer:
    """Give the writer of an event kind: its own, or the one for rows of the table that has its name."""
    own_writer = _WRITERS.get(kind)
    if own_writer is not None:
        return own_writer
    table = schema.metadata.tables[kind]
    return lambda connection, rows, now: add_rows(connection, table, rows, now)

"""The newest rows of leads and accounts, at most so many: no volume of one lead slows the others down.

Up to as many rows as a request may hold, what is read is all that a snapshot sees. A lead with more, which ``POST /score``
refuses, is a machine: of it the newest `FEW` are read, so that it costs little. Where several leads together have too much,
those with the most rows give up their oldest first, so that a machine among a lead's colleagues does not hide the people.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from features.journeys import OrderRecord, StageChangeRecord, TouchpointRecord
from features.timeline import before
from serving.contract.limits import MAX_ORDERS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from serving.store import schema
from serving.store.writing import chunks

__all__ = ["Read", "own_changes", "own_touchpoints", "read_orders", "rows_of_leads"]

FEW = 1_000
"""Rows that are read without counting them first; rows that are read of a lead with too many; and the most rows of what a
snapshot can't see yet."""

DECISIVE = ("mql", "sales_qualified", "disqualified", "recycled", "customer")
"""Stages that decide whether a lead is scored, however long ago."""

_LIMITED_AT_ONCE = 100
_COLUMNS = {
    schema.touchpoints: [schema.touchpoints.c[name] for name in TouchpointRecord._fields],
    schema.stage_changes: [schema.stage_changes.c[name] for name in StageChangeRecord._fields],
}
_RECORDS: dict[sa.Table, Any] = {schema.touchpoints: TouchpointRecord, schema.stage_changes: StageChangeRecord}
_MOST = {schema.touchpoints: MAX_TOUCHPOINTS, schema.stage_changes: MAX_STAGE_CHANGES}


class Read(NamedTuple):
    """What was read, whether something older was left out, and the keys of touchpoints."""

    rows: list[Any]
    cut: bool
    keys: Sequence[str] = ()


def own_touchpoints(connection: sa.Connection, lead_id: str, begin: int, at: int) -> Read:
    """Read a lead's touchpoints in ``[begin, at)`` that were recorded before `at`, and some of those still to come.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    lead_id : str
        The lead.
    begin, at : int
        UTC microseconds: what the snapshot at `at` may see. Of what occurs or is recorded later, which only a warning counts,
        at most `FEW` are read.
    """
    table = schema.touchpoints
    columns = (table.c.touchpoint_key, *_COLUMNS[table])
    there = sa.select(*columns).where(table.c.lead_id == lead_id, table.c.occurred_at >= begin)
    rows = connection.execute(there.limit(FEW + 1)).all()
    cut = False
    if len(rows) > FEW:
        seen = _newest_first(there.where(*_before(table, at)), table)
        later = there.where(sa.or_(table.c.occurred_at >= at, table.c.recorded_at >= at)).limit(FEW)
        cut = _more_than(connection, seen, MAX_TOUCHPOINTS)
        rows = [*connection.execute(seen.limit(FEW if cut else None)), *connection.execute(later)]
    return Read(
        [TouchpointRecord._make(row[1:]) for row in rows],
        cut,
        [row[0] for row in rows if before(max(row.occurred_at, row.recorded_at), at)],
    )


def own_changes(connection: sa.Connection, lead_id: str, at: int) -> Read:
    """Read a lead's stage changes: all, or where there are too many the newest, and the newest of those that decide.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    lead_id : str
        The lead.
    at : int
        UTC microseconds, of the snapshot. Which stage holds is decided by all that was known then, however old.
    """
    table = schema.stage_changes
    there = sa.select(table.c.change_key, *_COLUMNS[table]).where(table.c.lead_id == lead_id, _stands(at))
    rows = connection.execute(there.limit(MAX_STAGE_CHANGES + 1)).all()
    cut = len(rows) > MAX_STAGE_CHANGES
    if cut:
        # An MQL is seen at its very moment; the features draw the exact line
        seen = there.where(*_before(table, at + 1))
        parts = (
            _newest_first(seen, table).limit(MAX_STAGE_CHANGES),
            _newest_first(seen.where(table.c.stage.in_(DECISIVE)), table).limit(MAX_STAGE_CHANGES),
            there.where(sa.or_(table.c.occurred_at > at, table.c.recorded_at > at)).limit(FEW),
        )
        rows = list(dict.fromkeys(row for part in parts for row in connection.execute(part)))
    return Read([StageChangeRecord._make(row[1:]) for row in rows], cut)


def rows_of_leads(
    connection: sa.Connection, table: sa.Table, lead_ids: Sequence[str], begin: int, at: int
) -> tuple[dict[str, list[Any]], bool]:
    """Read touchpoints or stage changes of some leads together, as far as a snapshot sees them.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store`.
    table : Table
        `touchpoints` or `stage_changes`.
    lead_ids : sequence of str
        The leads.
    begin, at : int
        UTC microseconds: ``[begin, at)``, for stage changes with `at` itself.

    Returns
    -------
    rows : dict of str to list
        Of those leads that have any. Together at most as many as a request may hold.
    cut : bool
        Something older was left out.
    """
    standing = [_stands(at)] if table is schema.stage_changes else []
    at += table is schema.stage_changes
    where = [table.c.occurred_at >= begin, *_before(table, at), *standing]
    there = sa.select(table.c.lead_id, *_COLUMNS[table]).where(*where)
    rows: list[Any] = []
    cut = False
    for ids in chunks(lead_ids):
        rows += connection.execute(there.where(table.c.lead_id.in_(ids)).limit(FEW + 1)).all()
        if len(rows) > FEW:
            rows, cut = _shared(connection, table, lead_ids, where)
            break
    rows_by_lead: dict[str, list[Any]] = {}
    make = _RECORDS[table]._make
    for row in rows:
        rows_by_lead.setdefault(row[0], []).append(make(row[1:]))
    return rows_by_lead, cut


def _shared(
    connection: sa.Connection, table: sa.Table, lead_ids: Sequence[str], where: list[Any]
) -> tuple[list[Any], bool]:
    """Read of each lead its newest rows, so many that all together fit."""
    most = _MOST[table]
    limited = sa.select(sa.literal(1)).where(table.c.lead_id == schema.leads.c.lead_id, *where).limit(most + 1)
    count = sa.select(sa.func.count()).select_from(limited.correlate(schema.leads).subquery()).scalar_subquery()
    sizes: dict[str, int] = {}
    for ids in chunks(lead_ids):
        query = sa.select(schema.leads.c.lead_id, count).where(schema.leads.c.lead_id.in_(ids))
        sizes |= {row[0]: row[1] for row in connection.execute(query)}
    fair = {lead_id: FEW if size > most else size for lead_id, size in sizes.items()}
    each = share(list(fair.values()), most)
    there = sa.select(table.c.lead_id, *_COLUMNS[table]).where(*where)
    rows: list[Any] = []
    for ids in chunks([lead_id for lead_id, size in sizes.items() if 0 < size <= min(each, most)]):
        rows += connection.execute(there.where(table.c.lead_id.in_(ids))).all()
    large = [lead_id for lead_id, size in sizes.items() if size > min(each, fair[lead_id])]
    for begin in range(0, len(large) if each else 0, _LIMITED_AT_ONCE):
        parts = [
            sa.select(
                _newest_first(there.where(table.c.lead_id == lead_id), table).limit(min(each, fair[lead_id])).subquery()
            )
            for lead_id in large[begin : begin + _LIMITED_AT_ONCE]
        ]
        rows += connection.execute(sa.union_all(*parts)).all()
    return rows, bool(large)


def share(sizes: Sequence[int], most: int) -> int:
    """Give the largest number that each may have so that all together have at most so many.

    Examples
    --------
    >>> share([3, 100, 50], 20), share([3, 4], 20), share([9, 9, 9], 2)
    (8, 20, 0)
    """
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(min(size, middle) for size in sizes) <= most else (low, middle - 1)
    return low


def read_orders(connection: sa.Connection, account_id: str, begin: int, at: int) -> Read:
    """Read an account's orders in ``[begin, at)``, of too many the newest."""
    table = schema.orders
    query = sa.select(*(table.c[name] for name in OrderRecord._fields)).where(
        table.c.account_id == account_id, table.c.ordered_at >= begin, table.c.ordered_at < at
    )
    cut = _more_than(connection, query, MAX_ORDERS)
    query = query.order_by(table.c.ordered_at.desc(), table.c.order_key).limit(FEW if cut else None)
    return Read([OrderRecord._make(row) for row in connection.execute(query)], cut)


def _more_than(connection: sa.Connection, query: sa.Select[Any], most: int) -> bool:
    """Tell whether a query has more rows; they are found by an index, and not read."""
    there = query.with_only_columns(sa.literal(1)).order_by(None).offset(most).limit(1)
    return connection.execute(there).first() is not None


def _before(table: sa.Table, at: int) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.occurred_at < at, table.c.recorded_at < at


def _stands(at: int) -> sa.ColumnElement[bool]:
    """Select what counts: a stage change does until it is known to have been a mistake; a snapshot before that sees it."""
    retracted_at = schema.stage_changes.c.retracted_at
    return sa.or_(retracted_at.is_(None), retracted_at >= at)


def _newest_first(query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
    return query.order_by(table.c.occurred_at.desc(), table.c.recorded_at.desc())

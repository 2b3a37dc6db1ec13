"""Canonical Arrow tables as the unsorted rows of `features.journeys`; vectorised, column by column."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrow_text import code_text, encode_text
from features.errors import JourneyError
from features.journeys_order import Coded, Membership, Rows
from features.records import CREATED, MAX_VALUE, MICRO_UNITS, MQL, ORDER, STAGE_PREFIX, reserved_error, value_error
from features.selectors import BY
from features.threads import run_all
from features.timeline import ALWAYS, seen_at_once
from features.vocabulary import CODED_FIELDS, optional_text_fields

__all__ = ["read_membership", "read_orders", "read_tables"]

_MOMENT = pa.timestamp("us", tz="UTC")
_ROWS_IN_CACHE = 65_536


def read_tables(
    touchpoints: pa.Table | None,
    stage_changes: pa.Table | None,
    leads: pa.Table | None,
    lead_ids: Sequence[str],
    unknown_leads: Literal["error", "ignore"],
) -> Rows:
    """Read the three tables into one set of rows; see `Journeys.from_arrow`.

    Raises
    ------
    JourneyError
        As `Journeys.from_arrow`.
    """
    if unknown_leads not in ("error", "ignore"):
        raise ValueError(f"unknown_leads: got {unknown_leads!r}; allowed are 'error' and 'ignore'")
    wanted = pa.array(lead_ids, pa.string())
    parts = []
    if touchpoints is not None:
        parts.append(_touchpoint_rows(touchpoints, wanted, unknown_leads))
    if stage_changes is not None:
        parts.append(_stage_rows(stage_changes, wanted, unknown_leads))
    if leads is not None:
        parts.append(_created_rows(leads, wanted, unknown_leads))
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        missing = Coded(np.empty(0, dtype=np.int32), ())
        coded = dict.fromkeys(CODED_FIELDS, missing)
        return Rows(nothing, nothing, nothing, coded, nothing, nothing, _no_ids)
    return parts[0] if len(parts) == 1 else _stack(parts)


def read_membership(leads: pa.Table | None, lead_ids: Sequence[str]) -> Membership:
    """Read each lead's account and role; see `Journeys.from_arrow`.

    Parameters
    ----------
    leads : Table or None
        lead_id, and optionally account_id, role, role_known_at. Rows of other leads are ignored; of a lead that is
        there twice the last counts.
    lead_ids : sequence of str
        The leads; one without a row has neither account nor role.
    """
    account = np.full(len(lead_ids), -1, dtype=np.int64)
    role, known_at = np.full(len(lead_ids), -1, dtype=np.int32), np.full(len(lead_ids), ALWAYS, dtype=np.int64)
    if leads is None:
        return Membership(account, (), Coded(role, ()), known_at)
    leads, lead = _of_leads(leads, pa.array(lead_ids, pa.string()), "ignore", "leads")
    roles = _text(leads, "leads", "role")
    role[lead] = roles.codes
    if "role_known_at" in leads.column_names:
        moments = _micros(leads.column("role_known_at"), "leads", "role_known_at").fill_null(ALWAYS)
        known_at[lead] = moments.to_numpy()
    accounts = _text(leads, "leads", "account_id")
    account[lead] = accounts.codes
    # numbered in the order of their first lead, so that the leads of an account are found together where they stand together
    present, first = np.unique(account[account >= 0], return_index=True)
    order = np.argsort(first)
    number = np.full(len(accounts.values) + 1, -1, dtype=np.int64)
    number[present[order]] = np.arange(len(present))
    ids = tuple(accounts.values[code] for code in present[order].tolist())
    return Membership(number[account], ids, Coded(role, roles.values), known_at)


def read_orders(orders: pa.Table, account_ids: Sequence[str]) -> Rows:
    """Read accounts' orders as touchpoints of journeys of their own; see `Journeys.orders`.

    Parameters
    ----------
    orders : Table
        account_id, ordered_at and optionally amount, product; rows of other accounts are ignored.
    account_ids : sequence of str
        The accounts.
    """
    canonical_names = {"account_id": "lead_id", "ordered_at": "occurred_at", "product": "asset", "amount": "value"}
    table = orders.select([name for name in orders.column_names if name in canonical_names])
    table = table.rename_columns([canonical_names[name] for name in table.column_names])
    table, account = _of_leads(table, pa.array(account_ids, pa.string()), "ignore", "orders")
    occurred = _moments(table, "orders", "occurred_at")
    kind = Coded(np.zeros(len(account), dtype=np.int32), (ORDER,) if len(account) else ())
    rows = _system_rows(account, occurred, occurred, kind)
    return rows._replace(coded={**rows.coded, "asset": _text(table, "orders", "asset")}, value=_values(table))


def _touchpoint_rows(table: pa.Table, wanted: pa.Array, unknown_leads: str) -> Rows:
    table, lead = _of_leads(table, wanted, unknown_leads, "touchpoints")
    occurred = _moments(table, "touchpoints", "occurred_at")
    kind = _text(table, "touchpoints", "kind", required=True)
    by = _by(table)
    for code, value in enumerate(kind.values):
        if value == CREATED or value.startswith(STAGE_PREFIX):
            row = np.flatnonzero((kind.codes == code) & (by == BY.index("system")))
            if len(row):
                raise reserved_error(value, f"touchpoints, row {row[0]}")

    def ranked(rows: np.ndarray) -> np.ndarray:
        if "touchpoint_id" not in table.column_names:
            return _no_ids(rows)
        return code_text(table.column("touchpoint_id").take(pa.array(rows)), "touchpoints", "touchpoint_id").codes

    coded = {"kind": kind, **{name: _text(table, "touchpoints", name) for name in optional_text_fields()}}
    return Rows(lead, occurred, _recorded(table, "touchpoints", occurred), coded, _values(table), by, ranked)


def _stage_rows(table: pa.Table, wanted: pa.Array, unknown_leads: str) -> Rows:
    table, lead = _of_leads(table, wanted, unknown_leads, "stage_changes")
    occurred = _moments(table, "stage_changes", "occurred_at")
    stage = _text(table, "stage_changes", "stage", required=True)
    kind = Coded(stage.codes, tuple(STAGE_PREFIX + value for value in stage.values))
    recorded = _recorded(table, "stage_changes", occurred)
    at_once = np.array([value == MQL for value in stage.values], dtype=bool)[stage.codes]
    occurred = np.where(at_once, seen_at_once(occurred), occurred)
    return _system_rows(lead, occurred, np.where(at_once, seen_at_once(recorded), recorded), kind)


def _created_rows(table: pa.Table, wanted: pa.Array, unknown_leads: str) -> Rows:
    table, lead = _of_leads(table, wanted, unknown_leads, "leads")
    occurred = seen_at_once(_moments(table, "leads", "created_at"))
    kind = Coded(np.zeros(len(lead), dtype=np.int32), (CREATED,) if len(lead) else ())
    return _system_rows(lead, occurred, occurred, kind)


def _system_rows(lead: np.ndarray, occurred: np.ndarray, recorded: np.ndarray, kind: Coded) -> Rows:
    missing = Coded(np.full(len(lead), -1, dtype=np.int32), ())
    by = np.full(len(lead), BY.index("system"), dtype=np.int8)
    zero = np.zeros(len(lead), dtype=np.int64)
    coded = {"kind": kind, **dict.fromkeys(optional_text_fields(), missing)}
    return Rows(lead, occurred, recorded, coded, zero, by, _no_ids)


def _no_ids(rows: np.ndarray) -> np.ndarray:
    return np.full(len(rows), -1, dtype=np.int64)


def _stack(parts: list[Rows]) -> Rows:
    ends = np.cumsum([len(part.lead) for part in parts])

    def ranked(rows: np.ndarray) -> np.ndarray:
        # only the first part can have ids; the others' rows are missing
        out = np.full(len(rows), -1, dtype=np.int64)
        first = rows < ends[0]
        out[first] = parts[0].rank_ids(rows[first])
        return out

    def coded(name: str) -> Coded:
        columns = [part.coded[name] for part in parts]
        values = tuple(sorted(set().union(*(column.values for column in columns))))
        position = {value: code for code, value in enumerate(values)}
        maps = [np.array([*(position[value] for value in column.values), -1], dtype=np.int32) for column in columns]
        codes = [old.codes if old.values == values else new[old.codes] for new, old in zip(maps, columns, strict=True)]
        return Coded(np.concatenate(codes), values)

    def plain(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    names = ("lead", "occurred_at", "recorded_at", "value", "by")
    tasks: list[Callable[[], Any]] = [
        *(partial(plain, name) for name in names),
        *(partial(coded, name) for name in CODED_FIELDS),
    ]
    stacked: list[Any] = run_all(tasks, int(ends[-1]))
    lead, occurred, recorded, value, by, *texts = stacked
    return Rows(lead, occurred, recorded, dict(zip(CODED_FIELDS, texts, strict=True)), value, by, ranked)


def _of_leads(table: pa.Table, wanted: pa.Array, unknown_leads: str, name: str) -> tuple[pa.Table, np.ndarray]:
    encoded = encode_text(_column(table, name, "lead_id"), name, "lead_id")
    positions = pc.index_in(encoded.values, value_set=wanted).fill_null(-1).to_numpy(zero_copy_only=False)
    lead = encoded.look_up(positions)
    if len(lead) and lead.min() < 0:
        is_wanted = lead >= 0
        if unknown_leads == "error":
            row = int(np.flatnonzero(~is_wanted)[0])
            raise JourneyError(
                f"{name}, row {row}: lead_id {table['lead_id'][row].as_py()!r} is not among the {len(wanted):,} leads asked "
                "for. Drop such rows, or pass unknown_leads='ignore'.",
                field="lead_id",
            )
        table, lead = table.filter(pa.array(is_wanted)), lead[is_wanted]
    return table, lead


def _column(table: pa.Table, name: str, column: str) -> pa.ChunkedArray:
    if column not in table.column_names:
        raise JourneyError(
            f"{name}: column {column!r} is missing; there are {', '.join(table.column_names)}. Add it.", field=column
        )
    return table.column(column)


def _not_null(values: pa.ChunkedArray, name: str, column: str) -> None:
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy())[0])
        raise JourneyError(
            f"{name}, row {row}: {column} is missing. Every row needs it; send bad rows to quarantine.", field=column
        )


def _micros(values: pa.ChunkedArray, name: str, column: str) -> pa.ChunkedArray:
    if not pa.types.is_timestamp(values.type) or values.type.tz is None:
        raise JourneyError(
            f"{name}: {column} has type {values.type}; expected a timestamp with a time zone. "
            "Cast it to timestamp[us, tz=UTC].",
            field=column,
        )
    # safe=False: nanoseconds below a microsecond are cut, as everywhere
    return values.cast(_MOMENT, safe=values.type.unit != "ns").cast(pa.int64())


def _moments(table: pa.Table, name: str, column: str) -> np.ndarray:
    values = _column(table, name, column)
    _not_null(values, name, column)
    return np.asarray(_micros(values, name, column).to_numpy(), dtype=np.int64)


def _recorded(table: pa.Table, name: str, occurred: np.ndarray) -> np.ndarray:
    if "recorded_at" not in table.column_names or table.column("recorded_at").null_count == len(table):
        return occurred
    values = _micros(table.column("recorded_at"), name, "recorded_at")
    if not values.null_count:
        return np.asarray(values.to_numpy(), dtype=np.int64)
    return np.where(values.is_null().to_numpy(), occurred, values.fill_null(0).to_numpy())


def _text(table: pa.Table, name: str, column: str, *, required: bool = False) -> Coded:
    if column not in table.column_names and not required:
        return Coded(np.full(len(table), -1, dtype=np.int32), ())
    values = _column(table, name, column)
    if required:
        _not_null(values, name, column)
    return code_text(values, name, column)


def _by(table: pa.Table) -> np.ndarray:
    text = _text(table, "touchpoints", "by")
    for value in text.values:
        if value not in BY:
            row = int(np.flatnonzero(text.codes == text.values.index(value))[0])
            raise JourneyError(
                f"touchpoints, row {row}: by is {value!r}; allowed: {', '.join(BY)}, or null.", field="by"
            )
    codes = np.array([*(BY.index(value) for value in text.values), BY.index("lead")], dtype=np.int8)
    by: np.ndarray = codes[text.codes]
    return by


def _values(table: pa.Table) -> np.ndarray:
    if "value" not in table.column_names or table.column("value").null_count == len(table):
        return np.zeros(len(table), dtype=np.int64)
    column = table.column("value")
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise JourneyError(
            f"touchpoints: value has type {column.type}; expected a number. Cast it to float64.", field="value"
        )
    micro_units = np.empty(len(table), dtype=np.int64)
    starts = range(0, len(table), _ROWS_IN_CACHE)
    run_all([partial(_fill_micro_units, column, begin, micro_units) for begin in starts], len(table))
    return micro_units


def _fill_micro_units(column: pa.ChunkedArray, begin: int, out: np.ndarray) -> None:
    part = column.slice(begin, _ROWS_IN_CACHE).cast(pa.float64(), safe=False).fill_null(0.0).to_numpy()
    bad = ~(np.abs(part) <= MAX_VALUE)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise value_error(float(part[row]), f"touchpoints, row {begin + row}")
    scaled = part * MICRO_UNITS
    out[begin : begin + len(part)] = np.rint(scaled, out=scaled)  # rint: half to even, as round()

"""The data contract as SQL: how each raw column becomes its declared type, and why a row can't."""

from dataclasses import dataclass

import pyarrow as pa

from features.errors import DataError
from pipeline.tables.contract import ATTRIBUTE_TYPES, CANONICAL, Column

__all__ = ["POSITION", "Typed", "quoted", "relations", "typed_columns"]

POSITION = ("source_file", "source_line")
# A time of day before the offset, else the day of '2026-01-05' would pass for one.
ZONE = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|z|[+-]\d{2}(:?\d{2})?)$"
# Clocks of two systems differ, and some record a day instead of a moment.
CLOCK_TOLERANCE = "1 DAY"
SQL_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "bool": "BOOLEAN", "timestamp[us, tz=UTC]": "TIMESTAMPTZ"}


@dataclass(frozen=True)
class Typed:
    """One column of a canonical table: its SQL expression over the raw row, and the conditions that condemn the row."""

    name: str
    expression: str
    checks: tuple[tuple[str, str], ...]  # (SQL condition over the raw row, reason)


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def typed_columns(
    table: str, described: dict[str, str], attributes: dict[str, str], where: str, exported_at: str | None
) -> list[Typed]:
    """Plan a table's columns.

    Parameters
    ----------
    table : str
        Name of a canonical table.
    described : dict of str to str
        The view's columns and their DuckDB types.
    attributes : dict of str to str
        Declared attributes of this table's entity and their types; empty for tables without.
    where : str
        The source, for messages.
    exported_at : str or None
        SQL literal; moments after it condemn a row. None: not checked.

    Raises
    ------
    DataError
        If a compulsory column is missing, a column is unknown, or a declared attribute has no column.
    """
    schema = CANONICAL[table]
    declared = [column.name for column in schema.columns]
    missing = [c.name for c in schema.columns if c.name not in described and not c.optional]
    if missing:
        raise DataError(
            f"{where}: view {table!r} lacks column(s) {', '.join(missing)}; it has {', '.join(described)}. "
            "Add them to the view."
        )
    absent = sorted(set(attributes) - set(described))
    if absent:
        raise DataError(
            f"{where}: attribute(s) {', '.join(absent)} are declared, but view {table!r} has no such column. "
            "Add the column, or remove the row of the view 'attributes'."
        )
    unknown = sorted(set(described) - {*declared, *attributes, *POSITION})
    if unknown:
        hint = (
            "Declare each in the view 'attributes' with its type and the moment at which it is known, or leave it out."
            if schema.open
            else f"Allowed: {', '.join(declared)}."
        )
        raise DataError(f"{where}: view {table!r} has undeclared column(s) {', '.join(unknown)}. {hint}")
    columns = list(schema.columns) + [
        Column(name, ATTRIBUTE_TYPES[kind], required=False, optional=True) for name, kind in attributes.items()
    ]
    return [_typed(column, described.get(column.name), table, exported_at) for column in columns]


def _typed(column: Column, raw_type: str | None, table: str, exported_at: str | None) -> Typed:
    sql_type = SQL_TYPES[str(column.type)]
    if raw_type is None:
        return Typed(column.name, f"NULL::{sql_type}", ())
    raw = quoted(column.name)
    given = f"nullif({raw}, '')" if raw_type == "VARCHAR" else raw
    checks: list[tuple[str, str]] = []
    if pa.types.is_timestamp(column.type):
        expression = _moment(given, raw_type)
        if raw_type == "VARCHAR":
            checks.append(
                (f"{given} IS NOT NULL AND TRY_CAST({given} AS TIMESTAMPTZ) IS NULL", f"unparsable {column.name}")
            )
            checks.append(
                (f"{given} IS NOT NULL AND NOT regexp_matches({given}, '{ZONE}')", f"no time zone in {column.name}")
            )
        else:
            checks.append((f"NOT isfinite({expression})", f"unparsable {column.name}"))
        if exported_at is not None:
            checks.append((f"{expression} > {exported_at}", f"{column.name} after the export"))
    elif pa.types.is_floating(column.type):
        expression = f"TRY_CAST({given} AS DOUBLE)"
        checks.append(
            (
                f"{given} IS NOT NULL AND ({expression} IS NULL OR NOT isfinite({expression}))",
                f"bad number in {column.name}",
            )
        )
    elif pa.types.is_boolean(column.type):
        expression = f"TRY_CAST({given} AS BOOLEAN)"
        checks.append((f"{given} IS NOT NULL AND {expression} IS NULL", f"bad boolean in {column.name}"))
    else:
        expression = f"nullif(CAST({raw} AS VARCHAR), '')"
        if column.allowed:
            words = ", ".join(f"'{word}'" for word in column.allowed)
            checks.append((f"{expression} NOT IN ({words})", f"unknown {column.name}"))
    if column.required and not column.optional:
        checks.insert(0, (f"{given} IS NULL", f"missing {column.name}"))
    return Typed(column.name, expression, tuple(checks))


def _moment(given: str, raw_type: str) -> str:
    if raw_type == "VARCHAR":
        return f"CASE WHEN regexp_matches({given}, '{ZONE}') THEN TRY_CAST({given} AS TIMESTAMPTZ) END"
    if raw_type == "TIMESTAMP WITH TIME ZONE":
        return given
    return f"({given}::TIMESTAMP AT TIME ZONE 'UTC')"


def relations(name: str, *, with_accounts: bool) -> list[tuple[str, str]]:
    """List what condemns a row of a table by other columns or other tables: (SQL condition, reason), first one wins.

    Parameters
    ----------
    name : str
        Name of a canonical table; its typed rows are `checked_<name> c`, those of others `checked_<other>`; `_reason` is
        null for rows that were not condemned.
    with_accounts : bool
        The source has accounts, so that others can be unknown.
    """
    found: list[tuple[str, str]] = []
    if name in ("touchpoints", "stage_changes", "handovers", "attribute_changes"):
        unknown = "c.lead_id IS NOT NULL AND c.lead_id NOT IN (SELECT lead_id FROM checked_leads WHERE _reason IS NULL)"
        found.append((unknown, "unknown lead"))
    if name in ("touchpoints", "stage_changes", "attribute_changes"):
        found.append((f"c.recorded_at < c.occurred_at - INTERVAL {CLOCK_TOLERANCE}", "recorded before it occurred"))
    if name == "handovers":
        found.append(("c.handed_over_at < c.queued_at", "handed over before it was queued"))
    if name in ("orders", "attribute_changes") and with_accounts:
        known = "(SELECT account_id FROM checked_accounts WHERE _reason IS NULL)"
        found.append((f"c.account_id IS NOT NULL AND c.account_id NOT IN {known}", "unknown account"))
    if name == "attribute_changes":
        found.append(("c.lead_id IS NULL AND c.account_id IS NULL", "neither lead_id nor account_id"))
        found.append(("c.attribute NOT IN (SELECT attribute FROM checked_attributes)", "unknown attribute"))
    if name == "stage_changes":
        earlier = (
            "SELECT 1 FROM checked_stage_changes m WHERE m.lead_id = c.lead_id AND m.stage = 'mql' AND m._reason IS NULL "
            "AND m.occurred_at <= c.occurred_at"
        )
        outcome = f"c.stage IN ('sales_qualified', 'disqualified') AND NOT EXISTS ({earlier})"
        found.append((outcome, "outcome before its MQL"))
    return found

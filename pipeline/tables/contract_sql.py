"""The data contract as SQL: how each raw column becomes its declared type, and why a row can't."""

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from features.errors import DataError
from models.data_protection.consent import CONSENT_GIVEN, CONSENT_REFUSED
from pipeline.tables.contract import ATTRIBUTE_TYPES, CANONICAL, ENDS, Column
from pipeline.tables.duckdb import text_literal
from pipeline.tables.merged_leads import MERGED_LEADS, TABLES_OF_LEADS

__all__ = ["POSITION", "Typed", "quoted", "relations", "typed_columns"]

# A row with one of these rounded speaks of somebody else; without another id it is only less well known.
IDS_THAT_BIND = ("lead_id", "merged_into", "touchpoint_id")
IDS = (*IDS_THAT_BIND, "account_id", "visitor_id")
# What a source gives as a day is the last microsecond of it (`day` in macros.sql).
END_OF_DAY = "epoch_us({moment}) % 60000000 = 59999999"

POSITION = ("source_file", "source_line")
PLAIN_NUMBER = r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"
# Clocks of two systems differ, and some record a day instead of a moment.
CLOCK_TOLERANCE = "1 DAY"
SQL_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "bool": "BOOLEAN", "timestamp[us, tz=UTC]": "TIMESTAMPTZ"}


@dataclass(frozen=True)
class Typed:
    """One column of a canonical table: its SQL expression over the raw row, and what condemns the row or only the value.

    Attributes
    ----------
    name, expression : str
    checks : tuple of (str, str)
        SQL conditions over the raw row that condemn it, each with its reason.
    cleared : tuple of (str, str)
        SQL conditions under which the value counts as missing and the row stays, each with its reason.
    """

    name: str
    expression: str
    checks: tuple[tuple[str, str], ...] = ()
    cleared: tuple[tuple[str, str], ...] = ()


def quoted(name: str) -> str:
    """Quote an identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def typed_columns(
    table: str,
    described: dict[str, str],
    attributes: dict[str, str],
    where: str,
    exported_at: str | None,
    untidy: Collection[str] = (),
) -> list[Typed]:
    """Plan a table's columns.

    Parameters
    ----------
    table : str
        Name of a canonical table.
    described : dict of str to str
        The view's columns and their DuckDB types.
    attributes : dict of str to str
        Declared attributes of this table's entity and their types, of `attribute_changes` all; empty for tables without.
    where : str
        The source, for messages.
    exported_at : str or None
        SQL literal; moments after it condemn a row. None: not checked.
    untidy : collection of str
        Text columns in which some values are not NFC, have blanks around them, or say in words that they are missing.

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
    histories = attributes if table == "attribute_changes" else {}
    attributes = {} if histories else attributes
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
    typed = [
        _typed(column, described.get(column.name), exported_at, column.name in untidy) for column in schema.columns
    ]
    if histories:
        typed = [_by_declared_type(column, histories) if column.name == "value" else column for column in typed]
    return typed + [
        _attribute(name, ATTRIBUTE_TYPES[kind], described[name], name in untidy) for name, kind in attributes.items()
    ]


def _given(name: str, raw_type: str, *, untidy: bool) -> str:
    """Write a raw value; missing where it is empty, or says so."""
    raw = quoted(name)
    if raw_type != "VARCHAR":
        return raw
    return f"if(untidy({raw}), tidied({raw}), nullif({raw}, ''))" if untidy else f"nullif({raw}, '')"


def _number(given: str) -> str:
    return f"CASE WHEN isfinite(TRY_CAST({given} AS DOUBLE)) THEN TRY_CAST({given} AS DOUBLE) END"


def _attribute(name: str, kind: pa.DataType, raw_type: str, untidy: bool) -> Typed:
    """Plan an attribute: nobody has to have it, so a value of another type is missing and the row stays."""
    given = _given(name, raw_type, untidy=untidy)
    if pa.types.is_string(kind):
        return Typed(name, f"nullif(CAST({given} AS VARCHAR), '')")
    word, expression = (
        ("number", _number(given)) if pa.types.is_floating(kind) else ("boolean", f"TRY_CAST({given} AS BOOLEAN)")
    )
    bad = f"{given} IS NOT NULL AND ({expression}) IS NULL"
    return Typed(name, expression, cleared=((bad, f"bad {word} in {name}"),))


def _by_declared_type(value: Typed, attributes: dict[str, str]) -> Typed:
    """Hold the values of `attribute_changes` to the declared types of their attributes, as those of `leads` are."""
    given, cases, cleared = value.expression, [], []
    for word, cast in (("number", _number(given)), ("boolean", f"TRY_CAST({given} AS BOOLEAN)")):
        names = [name for name, kind in attributes.items() if kind == word]
        if not names:
            continue
        of_kind = f"attribute IN ({', '.join(text_literal(name) for name in names)})"
        text = f"CAST({cast} AS VARCHAR)"
        if word == "number":  # as it was written, where that is a number for everybody
            text = f"CASE WHEN regexp_full_match({given}, '{PLAIN_NUMBER}') THEN {given} ELSE {text} END"
        cases.append(f"WHEN {of_kind} THEN {text}")
        bad = f"{of_kind} AND {given} IS NOT NULL AND ({cast}) IS NULL"
        cleared.append((bad, f"bad {word} in value"))
    expression = f"CASE {' '.join(cases)} ELSE {given} END" if cases else given
    return Typed(value.name, expression, value.checks, tuple(cleared))


def _typed(column: Column, raw_type: str | None, exported_at: str | None, untidy: bool) -> Typed:
    sql_type = SQL_TYPES[str(column.type)]
    if raw_type is None:
        return Typed(column.name, f"NULL::{sql_type}")
    given = _given(column.name, raw_type, untidy=untidy)
    checks: list[tuple[str, str]] = []
    cleared: list[tuple[str, str]] = []
    if pa.types.is_timestamp(column.type):
        expression = _moment(given, raw_type)
        if raw_type == "VARCHAR":
            checks.append((f"{given} IS NOT NULL AND {_cast(given)} IS NULL", f"unparsable {column.name}"))
            checks.append((f"{given} IS NOT NULL AND NOT says_offset({given})", f"no time zone in {column.name}"))
        else:
            checks.append((f"NOT isfinite({expression})", f"unparsable {column.name}"))
        if exported_at is not None:
            this_day = f"{expression} <= {exported_at} + INTERVAL 1 DAY AND {END_OF_DAY.format(moment=expression)}"
            checks.append((f"{expression} > {exported_at} AND NOT ({this_day})", f"{column.name} after the export"))
            expression = (
                f"CASE WHEN {expression} > {exported_at} AND {this_day} THEN {exported_at} ELSE {expression} END"
            )
    elif pa.types.is_floating(column.type):
        expression = f"TRY_CAST({given} AS DOUBLE)"
        checks.append(
            (
                f"{given} IS NOT NULL AND ({expression} IS NULL OR NOT isfinite({expression}))",
                f"bad number in {column.name}",
            )
        )
    else:
        expression = f"nullif(CAST({given} AS VARCHAR), '')"
        if column.allowed:
            words = ", ".join(f"'{word}'" for word in column.allowed)
            checks.append((f"{expression} NOT IN ({words})", f"unknown {column.name}"))
        if column.name in IDS and raw_type == "VARCHAR":
            rounded = (f"rounded_id({given})", f"{column.name} rounded by a spreadsheet")
            if column.name in IDS_THAT_BIND or column.required:
                checks.append(rounded)
            else:
                cleared.append(rounded)
                expression = f"CASE WHEN NOT rounded_id({given}) THEN {expression} END"
    if column.required and not column.optional:
        checks.insert(0, (f"{given} IS NULL", f"missing {column.name}"))
    return Typed(column.name, expression, tuple(checks), tuple(cleared))


def _cast(given: str) -> str:
    """Write the SQL of a text as a moment: most cast as they are, so that the rewriting costs only those that don't."""
    return f"coalesce(TRY_CAST({given} AS TIMESTAMPTZ), TRY_CAST(offset_joined({given}) AS TIMESTAMPTZ))"


def _moment(given: str, raw_type: str) -> str:
    if raw_type == "VARCHAR":
        return f"CASE WHEN says_offset({given}) THEN {_cast(given)} END"
    if raw_type == "TIMESTAMP WITH TIME ZONE":
        return given
    return f"({given}::TIMESTAMP AT TIME ZONE 'UTC')"


def relations(name: str, *, with_accounts: bool, with_stages: bool = False) -> list[tuple[str, str]]:
    """List what condemns a row of a table by other columns or other tables: (SQL condition, reason), first one wins.

    Parameters
    ----------
    name : str
        Name of a canonical table; its typed rows are `checked_<name> c`, those of others `checked_<other>`; `_reason` is
        null for rows that were not condemned.
    with_accounts : bool
        The source has accounts, so that others can be unknown.
    with_stages : bool
        The source has stage changes, so that it is known when an outcome came.
    """
    found: list[tuple[str, str]] = []
    if name == MERGED_LEADS:
        leads = "(SELECT lead_id FROM checked_leads WHERE _reason IS NULL)"
        found.append((f"c.merged_into NOT IN {leads}", "unknown lead"))
        found.append((f"c.lead_id IN {leads}", "merged, and still a lead"))
    if name in TABLES_OF_LEADS:
        unknown = "c.lead_id IS NOT NULL AND c.lead_id NOT IN (SELECT lead_id FROM checked_leads WHERE _reason IS NULL)"
        found.append((unknown, "unknown lead"))
    if name in ("touchpoints", "stage_changes", "attribute_changes"):
        found.append((f"c.recorded_at < c.occurred_at - INTERVAL {CLOCK_TOLERANCE}", "recorded before it occurred"))
    if name == "touchpoints":
        words = ", ".join(map(text_literal, (*CONSENT_GIVEN, *CONSENT_REFUSED)))
        found.append((f"lower(c.consent) NOT IN ({words})", "unknown consent"))
    if name == "handovers":
        found += _impossible_handovers(with_stages=with_stages)
    if name in ("orders", "attribute_changes") and with_accounts:
        known = "(SELECT account_id FROM checked_accounts WHERE _reason IS NULL)"
        found.append((f"c.account_id IS NOT NULL AND c.account_id NOT IN {known}", "unknown account"))
    if name == "attribute_changes":
        found.append(("c.lead_id IS NULL AND c.account_id IS NULL", "neither lead_id nor account_id"))
        linked = "c.attribute = 'account_id' AND c.lead_id IS NOT NULL"
        declared = "c.attribute IN (SELECT attribute FROM checked_attributes)"
        found.append((f"NOT ({linked}) AND NOT {declared}", "unknown attribute"))
        if with_accounts:
            known = "(SELECT account_id FROM checked_accounts WHERE _reason IS NULL)"
            found.append((f"{linked} AND c.value IS NOT NULL AND c.value NOT IN {known}", "unknown account"))
    return found


def _impossible_handovers(*, with_stages: bool) -> list[tuple[str, str]]:
    found = [
        ("c.handed_over_at < c.queued_at", "handed over before it was queued"),
        ("c.first_contact_at < c.handed_over_at", "first contact before the hand-over"),
    ]
    if with_stages:
        ends = ", ".join(text_literal(stage) for stage in ENDS)
        outcome = (
            f"(SELECT min(s.occurred_at) FROM checked_stage_changes s WHERE s._reason IS NULL AND s.stage IN ({ends}) "
            "AND s.lead_id = c.lead_id AND s.occurred_at >= c.queued_at)"
        )
        found += [
            (f"c.handed_over_at > {outcome}", "handed over after the outcome"),
            (f"c.first_contact_at > {outcome}", "first contact after the outcome"),
        ]
    return found

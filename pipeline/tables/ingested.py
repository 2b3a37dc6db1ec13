"""From a source's SQL to canonical tables: every row is held to the data contract; the rows that break it go to quarantine."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from features.errors import DataError
from models.data_protection.redactor import Redactor
from models.data_protection.suppression import SuppressionList
from pipeline.tables.contract import CANONICAL, ENTITIES, KNOWN_AT
from pipeline.tables.contract_sql import Typed, quoted, relations, typed_columns
from pipeline.tables.duckdb import Connection, SqlError, connect, explain, run_source, text_literal
from pipeline.tables.expired import RetentionDays, clear_expired, keep_all, leave_out_expired
from pipeline.tables.id_pseudonyms import AS_GIVEN, IdPseudonyms
from pipeline.tables.identities import join_visits
from pipeline.tables.ingest_counts import BadShares, Counts, check_counts, check_shares, with_reasons
from pipeline.tables.left_out import OBJECTIONS, Suppression
from pipeline.tables.merged_leads import MERGED_LEADS, TABLES_OF_LEADS, follow_merges, resolve_chains
from pipeline.tables.parquet import check_file, write_table
from pipeline.tables.redaction import Redaction
from pipeline.tables.unplaced_outcomes import (
    FILE,
    NEVER_MQL,
    Month,
    months_table,
    place_outcomes,
    refuse_if_too_few_remain,
    unplaced_months,
)
from pipeline.tables.values import count_untidy, day, origin, write_cleared

__all__ = ["BadShares", "Counts", "ingest"]

# Later tables are checked against earlier ones.
ORDER = (
    "export",
    "objections",
    "attributes",
    "accounts",
    "leads",
    "merged_leads",
    "stage_changes",
    "identities",
    "touchpoints",
    "handovers",
    "advices",
    "attribute_changes",
    "campaign_costs",
    "orders",
)
ENTITY_OF = {"leads": "lead", "accounts": "account"}
# Touchpoints stand in account order (see pipeline/matrix/account_order.py).
SORTED_BY = {
    "touchpoints": "coalesce(l.account_id, c.lead_id), c.lead_id, occurred_at",
    "stage_changes": "lead_id, occurred_at, stage",
    "merged_leads": "lead_id",
    "identities": "visitor_id, identified_at, lead_id",
    "handovers": "lead_id, queued_at",
    "advices": "lead_id, advised_at",
    "attribute_changes": "lead_id, account_id, attribute, occurred_at",
    "campaign_costs": "campaign, spent_at",
    "orders": "account_id, ordered_at",
    "leads": "lead_id",
    "accounts": "account_id",
    "attributes": "entity, attribute",
    "export": "exported_at",
    "objections": "lead_id, occurred_at",
}


class Protection(NamedTuple):
    """What protects persons in one ingest."""

    suppression: Suppression
    redaction: Redaction
    retention: RetentionDays
    ids: IdPseudonyms


def ingest(
    sql_file: Path,
    raw_dir: Path,
    canonical: Path,
    quarantine: Path,
    max_bad_share: BadShares,
    watch: Callable[[int, int], None] = lambda done, total: None,
    exported_at: datetime | None = None,
    suppression: Suppression | None = None,
    redaction: Redaction | None = None,
    retention: RetentionDays = keep_all,
    ids: IdPseudonyms = AS_GIVEN,
) -> dict[str, Counts]:
    """Turn someone's files into canonical tables.

    Parameters
    ----------
    sql_file : Path
        The source.
    raw_dir : Path
        Its files; the SQL reads it as ``getvariable('raw_dir')``.
    canonical, quarantine : Path
        Folders to write; a table's quarantine holds reason, day, source_file, source_line (or the row's position in the view)
        and the raw row as JSON. Rows that stay while a value of them was not taken are in `values_<table>.parquet`.
    max_bad_share : float, or mapping
        Largest share of quarantined rows, in [0, 1]; see `BadShares`.
    watch : callable
        Told how many tables are done, and how many there are.
    exported_at : datetime, optional
        The export's moment, with a zone; None: what the source's view `export` says.
    suppression : Suppression, optional
        Who is left out; None: whom the source's own view `objections` names. Afterwards it holds what that view added.
    redaction : Redaction, optional
        Replaces direct identifiers; None: without a key.
    retention : callable
        For how many days kinds of touchpoints, and tables, are kept.
    ids : IdPseudonyms
        Gives leads and owners pseudonyms; afterwards it holds the names of those who are in tables or quarantine.

    Returns
    -------
    dict of str to Counts
        Per table that the source defines.

    Raises
    ------
    DataError
        If the source, a file or a view can't be used, or too many rows are bad; quarantine is written all the same.
    """
    check_shares(max_bad_share)
    for folder in (canonical, quarantine):
        folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Counts] = {}
    suppression = suppression or Suppression(SuppressionList(None, {}), ids)
    protection = Protection(suppression, redaction or Redaction(Redactor()), retention, ids)
    with connect() as connection:
        views, files = run_source(connection, sql_file, raw_dir)
        _check_views(views, sql_file)
        tables = [name for name in ORDER if name in views]
        protection.suppression.begin(connection)
        protection.redaction.begin(connection)
        watch(0, len(tables))
        months: list[Month] = []
        no_later_than: str | None = None
        attributes: dict[str, dict[str, str]] = {entity: {} for entity in ENTITIES}
        for done, name in enumerate(tables, 1):
            try:
                if name == "export" and exported_at is not None:
                    _state_export(connection, exported_at)
                if name == "leads" and MERGED_LEADS in tables:
                    suppression.follow_merges(connection)
                counts[name] = _ingest_table(
                    connection, name, sql_file, attributes, no_later_than, (canonical, quarantine), protection
                )
                if name == "stage_changes":
                    months = unplaced_months(connection)
            except SqlError as error:
                raise DataError(f"table {name!r}: {explain(error, sql_file, files)}") from error
            if name == "export":
                no_later_than = _exported_at(connection, sql_file, counts[name])
            if name == "attributes":
                attributes = _attributes(connection, sql_file, counts[name])
            watch(done, len(tables))
        ids.forget(connection)
    write_table(canonical / f"{FILE}.parquet", FILE, months_table(months))
    if months:
        refuse_if_too_few_remain(months, counts["stage_changes"].quarantined, sql_file, quarantine)
    check_counts(counts, sql_file, quarantine, max_bad_share)
    for name in counts:
        check_file(canonical / f"{name}.parquet", name)
    return counts


def _check_views(views: list[str], sql_file: Path) -> None:
    missing = [name for name, schema in CANONICAL.items() if schema.compulsory and name not in views]
    if missing:
        raise DataError(
            f"{sql_file}: defines no view {', '.join(map(repr, missing))}; it defines {', '.join(views) or 'none'}. "
            "Every source needs export, attributes and leads; see docs/your-own-data.md."
        )


def _ingest_table(
    connection: Connection,
    name: str,
    sql_file: Path,
    attributes: dict[str, dict[str, str]],
    no_later_than: str | None,
    folders: tuple[Path, Path],
    protection: Protection,
) -> Counts:
    raw, checked = f"raw_{name}", f"checked_{name}"
    connection.execute(f"CREATE TEMP TABLE {raw} AS SELECT row_number() OVER () AS _row, * FROM {name}")
    described = {
        column: kind for column, kind, *_ in connection.execute(f"DESCRIBE {raw}").fetchall() if column != "_row"
    }
    if name == "attribute_changes":
        declared = {attribute: kind for of_entity in attributes.values() for attribute, kind in of_entity.items()}
    else:
        declared = attributes.get(ENTITY_OF.get(name, ""), {})
    values = count_untidy(connection, raw, described)
    described |= protection.ids.apply(connection, name, described)
    untidy = {column for _, column in values}
    latest = None if name == OBJECTIONS else no_later_than  # one made after the export counts, too
    columns = typed_columns(name, described, declared, str(sql_file), latest, untidy)
    reason = _case(check for column in columns for check in column.checks)
    select = ", ".join(f"{_expression(name, column, described)} AS {quoted(column.name)}" for column in columns)
    if name == "stage_changes":
        select += f", {_written_day('occurred_at', described['occurred_at'])} AS _day"
    connection.execute(f"CREATE TEMP TABLE {checked} AS SELECT _row, {reason} AS _reason, {select} FROM {raw}")
    if name == "touchpoints" and "touchpoint_id" in described:  # only the few rows without one are hashed
        connection.execute(
            f"UPDATE {checked} c SET touchpoint_id = made.id FROM (SELECT _row, {_made_id(name, described)} AS id FROM {raw} "
            "WHERE coalesce(touchpoint_id::VARCHAR, '') = '') made WHERE c._row = made._row"
        )
    loaded = {table for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if name == MERGED_LEADS:
        resolve_chains(connection)
    if name in TABLES_OF_LEADS and f"checked_{MERGED_LEADS}" in loaded:
        follow_merges(connection, name)
    if name == "touchpoints" and "checked_identities" in loaded:
        join_visits(connection)
    if name == OBJECTIONS:
        protection.suppression.take_objections(connection)
    left_out = protection.suppression.leave_out(connection, name)
    left_out |= leave_out_expired(connection, name, protection.retention, no_later_than)
    for condition, words in relations(
        name, with_accounts="checked_accounts" in loaded, with_stages="checked_stage_changes" in loaded
    ):
        connection.execute(f"UPDATE {checked} c SET _reason = '{words}' WHERE _reason IS NULL AND {condition}")
    notes: dict[str, int] = {}
    if name == "stage_changes" and (never := place_outcomes(connection)):
        notes[NEVER_MQL] = never
    _condemn_repeats(connection, name, columns)
    counted = {f"{what} {column}": rows for (what, column), rows in values.items() if rows}
    if name == "leads":
        counted |= clear_expired(connection, declared, protection.retention, no_later_than)
    if redacted := protection.redaction.clean(connection, name):
        counted["direct identifiers replaced"] = redacted
    counted |= write_cleared(connection, name, columns, described, folders[1], protection.redaction)
    rows, kept, quarantined = _write(connection, name, columns, described, folders, protection.redaction)
    return Counts(rows + sum(left_out.values()), kept, quarantined, counted, notes, left_out)


def _case(conditions: Iterable[tuple[str, str]]) -> str:
    """Write the reason of the first condition that holds; null where none does."""
    whens = " ".join(f"WHEN {condition} THEN {text_literal(reason)}" for condition, reason in conditions)
    return f"CASE {whens} END" if whens else "NULL::VARCHAR"


def _written_day(column: str, kind: str) -> str:
    """Give the day of a moment as its text says it, in the zone that it was written in; of a typed moment, in UTC."""
    name = quoted(column)
    return f"TRY_CAST(left(trimmed({name}), 10) AS DATE)" if kind == "VARCHAR" else f"{name}::DATE"


def _expression(name: str, column: Typed, described: dict[str, str]) -> str:
    return _made_id(name, described) if column.name == "touchpoint_id" not in described else column.expression


def _made_id(name: str, described: dict[str, str]) -> str:
    """Name a touchpoint without an id by the hash of its other fields, plus a counter of equal rows."""
    fields = [c.name for c in CANONICAL[name].columns if c.name != "touchpoint_id" and c.name in described]
    text = "md5(concat_ws(chr(31), " + ", ".join(f"coalesce({quoted(f)}::VARCHAR, '')" for f in fields) + "))"
    return f"{text} || '-' || row_number() OVER (PARTITION BY {text} ORDER BY _row)"


def _condemn_repeats(connection: Connection, name: str, columns: list[Typed]) -> None:
    """Keep the first of rows with the same key; without a key, of rows that are equal throughout."""
    key = CANONICAL[name].key or tuple(column.name for column in columns)
    if name in ("orders", "handovers", "campaign_costs"):  # two equal orders may both be true
        return
    by = ", ".join(map(quoted, key))
    connection.execute(
        f"""UPDATE checked_{name} c SET _reason = 'duplicate {" + ".join(CANONICAL[name].key) or "row"}'
        FROM (SELECT _row, row_number() OVER (PARTITION BY {by} ORDER BY _row) AS turn FROM checked_{name}
              WHERE _reason IS NULL) repeats
        WHERE c._row = repeats._row AND repeats.turn > 1"""
    )


def _write(
    connection: Connection,
    name: str,
    columns: list[Typed],
    described: dict[str, str],
    folders: tuple[Path, Path],
    redaction: Redaction,
) -> tuple[int, int, dict[str, int]]:
    canonical, quarantine = (folder / f"{name}.parquet" for folder in folders)
    names = ", ".join(f"c.{quoted(column.name)}" for column in columns)
    # A view with GROUP BY gives its rows in an order of the moment, so ties are ordered by what the rows say.
    ties = ", ".join(f"c.{quoted(column)}" for column in CANONICAL[name].key) or names
    options = "(FORMAT parquet, COMPRESSION zstd)"
    source = f"checked_{name} c"
    if name == "touchpoints":
        source += " LEFT JOIN (SELECT lead_id, account_id FROM checked_leads WHERE _reason IS NULL) l USING (lead_id)"
    connection.execute(
        f"COPY (SELECT {names} FROM {source} WHERE c._reason IS NULL ORDER BY {SORTED_BY[name]}, {ties}) "
        f"TO '{canonical}' {options}"
    )
    position, row = origin(described, redaction)
    connection.execute(
        f'COPY (SELECT c._reason AS reason, {day(column.name for column in columns)} AS "day", {position}, {row} AS "row" '
        f"FROM checked_{name} c JOIN raw_{name} r USING (_row) WHERE c._reason IS NOT NULL ORDER BY c._row) "
        f"TO '{quarantine}' {options}"
    )
    by_reason = connection.execute(
        f"SELECT _reason, count(*) FROM checked_{name} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    (rows,) = connection.execute(f"SELECT count(*) FROM raw_{name}").fetchone() or (0,)
    connection.execute(f"DROP TABLE raw_{name}")
    if name not in ("leads", MERGED_LEADS, "accounts", "stage_changes", "identities", "attributes", "export"):
        connection.execute(f"DROP TABLE checked_{name}")
    kept = sum(count for reason, count in by_reason if reason is None)
    return rows, kept, {reason: count for reason, count in by_reason if reason is not None}


def _state_export(connection: Connection, exported_at: datetime) -> None:
    """Let the view `export` say the moment that a parameter gives, for the source's other views, too."""
    [(clock,)] = connection.execute("SELECT any_value(clock) FROM export").fetchall()
    [(kind,)] = connection.execute(
        "SELECT table_type FROM information_schema.tables WHERE table_name = 'export'"
    ).fetchall()
    connection.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} export")
    connection.execute(
        f"CREATE VIEW export AS SELECT {text_literal(exported_at.isoformat())}::TIMESTAMPTZ AS exported_at, "
        f"{text_literal(clock)} AS clock"
    )


def _exported_at(connection: Connection, sql_file: Path, counts: Counts) -> str | None:
    if counts.kept != 1:
        raise DataError(
            f"{sql_file}: view 'export' must have one good row (exported_at, clock); it has {counts.kept}"
            f"{with_reasons(counts.quarantined)}. Write the moment with its zone, e.g. '2026-01-31T00:00:00Z'."
        )
    moment, clock = connection.execute("SELECT exported_at::VARCHAR, clock FROM checked_export").fetchone() or ("", "")
    return None if clock == "ordinal" else f"'{moment}'::TIMESTAMPTZ"


def _attributes(connection: Connection, sql_file: Path, counts: Counts) -> dict[str, dict[str, str]]:
    if counts.quarantined:
        raise DataError(
            f"{sql_file}: view 'attributes' has bad rows{with_reasons(counts.quarantined)}. Each attribute is declared once, "
            f"with entity lead or account, type number, category or boolean, and known_at {', '.join(KNOWN_AT)}; names are "
            "unique."
        )
    rows = connection.execute("SELECT entity, attribute, type FROM checked_attributes WHERE _reason IS NULL").fetchall()
    return {entity: {name: kind for owner, name, kind in rows if owner == entity} for entity in ENTITIES}

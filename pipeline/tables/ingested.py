"""From a source's SQL to canonical tables: every row is held to the data contract; the rows that break it go to quarantine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from features.errors import DataError
from pipeline.tables.contract import CANONICAL, ENTITIES, KNOWN_AT
from pipeline.tables.contract_sql import Typed, quoted, relations, typed_columns
from pipeline.tables.duckdb import Connection, SqlError, connect, explain, run_source
from pipeline.tables.parquet import check_file

__all__ = ["Counts", "ingest"]

# Later tables are checked against earlier ones.
ORDER = (
    "export",
    "attributes",
    "accounts",
    "leads",
    "stage_changes",
    "touchpoints",
    "handovers",
    "attribute_changes",
    "orders",
)
ENTITY_OF = {"leads": "lead", "accounts": "account"}
# Touchpoints stand in account order (see pipeline/matrix/account_order.py).
SORTED_BY = {
    "touchpoints": "coalesce(l.account_id, c.lead_id), c.lead_id, occurred_at",
    "stage_changes": "lead_id, occurred_at, stage",
    "handovers": "lead_id, queued_at",
    "attribute_changes": "lead_id, account_id, attribute, occurred_at",
    "orders": "account_id, ordered_at",
    "leads": "lead_id",
    "accounts": "account_id",
    "attributes": "entity, attribute",
    "export": "exported_at",
}


@dataclass(frozen=True)
class Counts:
    """What became of a table's rows: rows = kept + the quarantined, by reason."""

    rows: int
    kept: int
    quarantined: dict[str, int]


def ingest(
    sql_file: Path,
    raw_dir: Path,
    canonical: Path,
    quarantine: Path,
    max_bad_share: float,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Counts]:
    """Turn someone's files into canonical tables.

    Parameters
    ----------
    sql_file : Path
        The source.
    raw_dir : Path
        Its files; the SQL reads it as ``getvariable('raw_dir')``.
    canonical, quarantine : Path
        Folders to write; a table's quarantine holds reason, source_file, source_line (or the row's position in the view) and
        the raw row as JSON.
    max_bad_share : float
        Largest share of quarantined rows per table, in [0, 1].
    watch : callable
        Told how many tables are done, and how many there are.

    Returns
    -------
    dict of str to Counts
        Per table that the source defines.

    Raises
    ------
    DataError
        If the source, a file or a view can't be used, or too many rows are bad; quarantine is written all the same.
    """
    for folder in (canonical, quarantine):
        folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, Counts] = {}
    with connect() as connection:
        views, files = run_source(connection, sql_file, raw_dir)
        _check_views(views, sql_file)
        tables = [name for name in ORDER if name in views]
        watch(0, len(tables))
        exported_at: str | None = None
        attributes: dict[str, dict[str, str]] = {entity: {} for entity in ENTITIES}
        for done, name in enumerate(tables, 1):
            try:
                counts[name] = _ingest_table(
                    connection, name, sql_file, attributes, exported_at, (canonical, quarantine)
                )
            except SqlError as error:
                raise DataError(f"table {name!r}: {explain(error, sql_file, files)}") from error
            if name == "export":
                exported_at = _exported_at(connection, sql_file, counts[name])
            if name == "attributes":
                attributes = _attributes(connection, sql_file, counts[name])
            watch(done, len(tables))
    _check_counts(counts, sql_file, quarantine, max_bad_share)
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
    exported_at: str | None,
    folders: tuple[Path, Path],
) -> Counts:
    raw, checked = f"raw_{name}", f"checked_{name}"
    connection.execute(f"CREATE TEMP TABLE {raw} AS SELECT row_number() OVER () AS _row, * FROM {name}")
    described = {
        column: kind for column, kind, *_ in connection.execute(f"DESCRIBE {raw}").fetchall() if column != "_row"
    }
    of_entity = attributes.get(ENTITY_OF.get(name, ""), {})
    columns = typed_columns(name, described, of_entity, str(sql_file), exported_at)
    reason = "CASE " + " ".join(f"WHEN {c} THEN '{r}'" for column in columns for c, r in column.checks) + " END"
    reason = "NULL::VARCHAR" if reason == "CASE  END" else reason
    select = ", ".join(f"{_expression(name, column, described)} AS {quoted(column.name)}" for column in columns)
    connection.execute(f"CREATE TEMP TABLE {checked} AS SELECT _row, {reason} AS _reason, {select} FROM {raw}")
    if name == "touchpoints" and "touchpoint_id" in described:  # only the few rows without one are hashed
        connection.execute(
            f"UPDATE {checked} c SET touchpoint_id = made.id FROM (SELECT _row, {_made_id(name, described)} AS id FROM {raw} "
            "WHERE coalesce(touchpoint_id::VARCHAR, '') = '') made WHERE c._row = made._row"
        )
    loaded = {table for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for condition, words in relations(name, with_accounts="checked_accounts" in loaded):
        connection.execute(f"UPDATE {checked} c SET _reason = '{words}' WHERE _reason IS NULL AND {condition}")
    _condemn_repeats(connection, name, columns)
    return _write(connection, name, columns, described, folders)


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
    if name in ("orders", "handovers"):  # two equal orders may both be true
        return
    by = ", ".join(map(quoted, key))
    connection.execute(
        f"""UPDATE checked_{name} c SET _reason = 'duplicate {" + ".join(CANONICAL[name].key) or "row"}'
        FROM (SELECT _row, row_number() OVER (PARTITION BY {by} ORDER BY _row) AS turn FROM checked_{name}
              WHERE _reason IS NULL) repeats
        WHERE c._row = repeats._row AND repeats.turn > 1"""
    )


def _write(
    connection: Connection, name: str, columns: list[Typed], described: dict[str, str], folders: tuple[Path, Path]
) -> Counts:
    canonical, quarantine = (folder / f"{name}.parquet" for folder in folders)
    names = ", ".join(f"c.{quoted(column.name)}" for column in columns)
    options = "(FORMAT parquet, COMPRESSION zstd)"
    source = f"checked_{name} c"
    if name == "touchpoints":
        source += " LEFT JOIN (SELECT lead_id, account_id FROM checked_leads WHERE _reason IS NULL) l USING (lead_id)"
    connection.execute(
        f"COPY (SELECT {names} FROM {source} WHERE c._reason IS NULL ORDER BY {SORTED_BY[name]}, c._row) "
        f"TO '{canonical}' {options}"
    )
    file = "r.source_file" if "source_file" in described else "NULL::VARCHAR"
    line = "r.source_line" if "source_line" in described else "r._row"
    kept_out = [column for column in described if column not in ("source_file", "source_line")]
    row = "to_json(struct_pack(" + ", ".join(f"{quoted(c)} := r.{quoted(c)}" for c in kept_out) + "))::VARCHAR"
    connection.execute(
        f'COPY (SELECT c._reason AS reason, {file} AS source_file, {line}::BIGINT AS source_line, {row} AS "row" '
        f"FROM checked_{name} c JOIN raw_{name} r USING (_row) WHERE c._reason IS NOT NULL ORDER BY c._row) "
        f"TO '{quarantine}' {options}"
    )
    by_reason = connection.execute(
        f"SELECT _reason, count(*) FROM checked_{name} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    (rows,) = connection.execute(f"SELECT count(*) FROM raw_{name}").fetchone() or (0,)
    connection.execute(f"DROP TABLE raw_{name}")
    if name not in ("leads", "accounts", "stage_changes", "attributes", "export"):
        connection.execute(f"DROP TABLE checked_{name}")
    kept = sum(count for reason, count in by_reason if reason is None)
    return Counts(rows, kept, {reason: count for reason, count in by_reason if reason is not None})


def _exported_at(connection: Connection, sql_file: Path, counts: Counts) -> str | None:
    if counts.kept != 1:
        raise DataError(
            f"{sql_file}: view 'export' must have one good row (exported_at, clock); it has {counts.kept}"
            f"{_reasons(counts)}. Write the moment with its zone, e.g. '2026-01-31T00:00:00Z'."
        )
    moment, clock = connection.execute("SELECT exported_at::VARCHAR, clock FROM checked_export").fetchone() or ("", "")
    return None if clock == "ordinal" else f"'{moment}'::TIMESTAMPTZ"


def _attributes(connection: Connection, sql_file: Path, counts: Counts) -> dict[str, dict[str, str]]:
    if counts.quarantined:
        raise DataError(
            f"{sql_file}: view 'attributes' has bad rows{_reasons(counts)}. Each attribute is declared once, with entity "
            f"lead or account, type number, category or boolean, and known_at {', '.join(KNOWN_AT)}; names are unique."
        )
    rows = connection.execute("SELECT entity, attribute, type FROM checked_attributes WHERE _reason IS NULL").fetchall()
    return {entity: {name: kind for owner, name, kind in rows if owner == entity} for entity in ENTITIES}


def _reasons(counts: Counts) -> str:
    return (
        " (" + ", ".join(f"{n:,} {reason}" for reason, n in counts.quarantined.items()) + ")"
        if counts.quarantined
        else ""
    )


def _check_counts(counts: dict[str, Counts], sql_file: Path, quarantine: Path, max_bad_share: float) -> None:
    if not counts["leads"].rows:
        raise DataError(f"{sql_file}: view 'leads' has no rows. If its file holds only a header, export it again.")
    for name, count in counts.items():
        bad = sum(count.quarantined.values())
        if count.rows != count.kept + bad:
            raise DataError(
                f"table {name!r}: {count.rows:,} rows came in, {count.kept:,} + {bad:,} went out; rows were lost."
            )
        if count.rows and bad / count.rows > max_bad_share:
            raise DataError(
                f"table {name!r}: {bad:,} of {count.rows:,} rows ({bad / count.rows:.1%}) are bad{_reasons(count)}; "
                f"ingest.max_bad_share allows {max_bad_share:.1%}. Look at {quarantine / name}.parquet, mend the source, or "
                "allow more."
            )

"""Values of rows that stay: said to be missing in words, spelled in several ways, or of another type than declared."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.tables.contract_sql import POSITION, Typed, quoted
from pipeline.tables.duckdb import Connection, text_literal
from pipeline.tables.redaction import Redaction

__all__ = ["count_untidy", "day", "origin", "write_cleared"]


def count_untidy(connection: Connection, raw: str, described: dict[str, str]) -> dict[tuple[str, str], int]:
    """Count, by column of text, the values that say they are missing, and those spelled in another way; none: no entry."""
    texts = [column for column, kind in described.items() if kind == "VARCHAR" and column not in POSITION]
    if not texts:
        return {}
    counts = ", ".join(f"count_if(untidy({quoted(column)}))" for column in texts)
    [found] = connection.execute(f"SELECT {counts} FROM {raw}").fetchall()
    result: dict[tuple[str, str], int] = {}
    for column in (column for column, count in zip(texts, found, strict=True) if count):
        name = quoted(column)
        says, spelled = f"says_missing(trimmed({name}))", f"tidied({name}) IS DISTINCT FROM {name}"
        [(missing, other)] = connection.execute(
            f"SELECT count_if({says}), count_if(NOT {says} AND {spelled}) FROM {raw} WHERE untidy({name})"
        ).fetchall()
        result |= {("says that it is missing:", column): missing, ("spelled in one way:", column): other}
    return result


def write_cleared(
    connection: Connection,
    name: str,
    columns: list[Typed],
    described: dict[str, str],
    quarantine: Path,
    redaction: Redaction,
) -> dict[str, int]:
    """Write the values that were not taken while their rows stay, each with its reason and row; returns the counts."""
    target = quarantine / f"values_{name}.parquet"
    target.unlink(missing_ok=True)
    cleared = [clear for column in columns for clear in column.cleared]
    if not cleared:
        return {}
    tests = ", ".join(f"count_if({condition})" for condition, _ in cleared)
    [found] = connection.execute(f"SELECT {tests} FROM raw_{name}").fetchall()
    counts = {reason: count for (_, reason), count in zip(cleared, found, strict=True) if count}
    if counts:
        position, row = origin(described, redaction)
        union = " UNION ALL ".join(
            f"SELECT {text_literal(reason)} AS reason, * FROM raw_{name} WHERE {condition}"
            for condition, reason in cleared
            if reason in counts
        )
        connection.execute(
            f'COPY (SELECT reason, {position}, {row} AS "row" FROM ({union}) r ORDER BY r._row, reason) '
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        )
    return counts


_MOMENTS = ("recorded_at", "occurred_at", "created_at", "ordered_at", "handed_over_at", "identified_at", "merged_at")


def day(columns: Iterable[str]) -> str:
    """Write the day of a checked row `c`, in UTC: of when it was recorded, else happened; NULL where neither is known."""
    moments = [f"c.{quoted(name)}" for name in _MOMENTS if name in columns]
    return f"strftime(coalesce({', '.join(moments)}), '%Y-%m-%d')" if moments else "NULL::VARCHAR"


def origin(described: dict[str, str], redaction: Redaction) -> tuple[str, str]:
    """Write where a raw row `r` came from, and the row itself as JSON, without direct identifiers."""
    file = "r.source_file" if "source_file" in described else "NULL::VARCHAR"
    line = "r.source_line" if "source_line" in described else "r._row"
    given = [column for column in described if column not in POSITION]
    values = [
        f"{quoted(c)} := " + (f"told_apart(r.{quoted(c)}::VARCHAR)" if redaction.is_direct(c) else f"r.{quoted(c)}")
        for c in given
    ]
    row = f"redacted(to_json(struct_pack({', '.join(values)}))::VARCHAR)"
    return f"{file} AS source_file, {line}::BIGINT AS source_line", row

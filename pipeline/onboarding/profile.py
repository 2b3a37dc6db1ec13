"""Profiles of columns: types, formats and styles, checked over all rows; a sample only says which checks are worth it."""

from collections import Counter
from dataclasses import replace

from pipeline.onboarding.cells import filled_sql, value_sql
from pipeline.onboarding.column_moments import MOSTLY, SHAPES, find_moments, with_order
from pipeline.onboarding.columns import BOOLEANS, Column
from pipeline.onboarding.names import concepts
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection, text_literal

__all__ = ["profile_columns", "take_sample"]

SAMPLE_ROWS = 20_000
MOST_CATEGORIES = 200
MOST_CODES = 30  # different numbers that may stand for words
FEW_ROWS = 50  # of fewer rows nobody can tell a category from a text
NUMERIC = 0.5
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"
# Personal data that values give away; share of the filled sample that must look so.
PERSONAL_VALUES = (
    ("uuid", r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),  # none, but as plain to see
    ("email", EMAIL),
    ("phone", r"(\+|00)[\d\s()/.-]{7,}|0\d{1,5}\s?[/-]\s?[\d\s-]{4,}|\(\d{2,5}\)\s?[\d\s-]{5,}"),
    ("network", r"(\d{1,3}\.){3}\d{1,3}|https?://([a-z]+\.)?(linkedin|xing|facebook|twitter|x)\.com/.*"),
    ("bank", r"[A-Z]{2}\d{2}(\s?[A-Z0-9]{4}){3,8}(\s?[A-Z0-9]{1,4})?"),
)
# What a number may be written like; of `[+-]?` and digits, after currency and blanks are off.
NUMBER_CLASSES = (
    ("plain", r"\d+|\d{1,3}(''\d{3})+"),
    ("de", r"\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}|\d+,(\d{1,2}|\d{4,})|,\d+"),
    ("en", r"\d{1,3}(,\d{3})+\.\d+|\d{1,3}(,\d{3}){2,}|\d+\.(\d{1,2}|\d{4,})|0\.\d+|\d{4,}\.\d+|\.\d+"),
    ("dot", r"[1-9]\d{0,2}\.\d{3}"),
    ("comma", r"\d{1,3},\d{3}"),
)


def take_sample(connection: Connection, loaded: str) -> str:
    """Make a table of some rows, spread over all, and give its name; a table that is not large is its own sample."""
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {loaded}").fetchall()
    if rows <= 10 * SAMPLE_ROWS:
        return loaded
    sample = f"sample_of_{loaded}"
    connection.execute(
        f"CREATE OR REPLACE TABLE {sample} AS SELECT * FROM {loaded} WHERE rowid % {rows // SAMPLE_ROWS} = 0"
    )
    return sample


def profile_columns(connection: Connection, loaded: str, sample: str, names: list[str]) -> dict[str, Column]:
    """Profile the columns of a loaded table.

    Parameters
    ----------
    connection : Connection
        Holds the table, all columns text.
    loaded, sample : str
        Its name there, and that of its sample.
    names : list of str
        Its columns.

    Returns
    -------
    dict of str to Column
        In the order of `names`.
    """
    found = {name: _profile(connection, loaded, sample, name) for name in names}
    return _settled(found)


def _profile(connection: Connection, loaded: str, sample: str, name: str) -> Column:
    column, filled = value_sql(name), filled_sql(name)
    [(few, distinct_few)] = connection.execute(
        f"SELECT count(*), count(DISTINCT {column}) FROM {sample} WHERE {filled}"
    ).fetchall()
    count = "count(DISTINCT {0})" if sample == loaded else "approx_count_distinct({0})"
    [(total, distinct)] = connection.execute(
        f"SELECT count(*), {count.format(quoted(name))} FROM {loaded} WHERE {filled}"
    ).fetchall()
    if not total:
        return Column(name, "empty", 0, 0)
    plain = Column(name, "text", total, min(distinct, total))
    if few == 0:
        return plain
    personal = _looks_like(connection, sample, name, few)
    if personal == "uuid":
        return replace(plain, is_uuid=True)
    if personal is None and (moment := find_moments(connection, loaded, sample, plain, few)) is not None:
        return moment
    if distinct <= 6:
        values = _values(connection, loaded, name)
        truths = {value.lower(): BOOLEANS.get(value.lower()) for value in values}
        # Two words for the same are no yes and no: x and y, say.
        if values and None not in truths.values() and len(set(truths.values())) == min(len(truths), 2):
            return replace(plain, type="boolean", values=values)
    if personal is None and (number := _number(connection, loaded, sample, plain, few)) is not None:
        return number
    personal = personal or next(iter(sorted(concepts(name, "personal"))), None)
    small = total < FEW_ROWS
    if distinct <= MOST_CATEGORIES and (small or distinct * 2 <= total) and (small or distinct_few <= MOST_CATEGORIES):
        return replace(plain, type="category", values=_values(connection, loaded, name), personal=personal)
    return replace(plain, personal=personal)


def _values(connection: Connection, loaded: str, name: str) -> dict[str, int]:
    """Count a column's values as they stand, and then tidy the few; in one query DuckDB tidies row by row."""
    counted = connection.execute(
        f"SELECT {quoted(name)}, count(*) AS n FROM {loaded} WHERE {quoted(name)} <> '' "
        f"GROUP BY 1 ORDER BY n DESC, 1 LIMIT {SHAPES}"
    ).fetchall()
    return dict(
        connection.execute(
            "SELECT tidied(raw) AS value, sum(n)::BIGINT AS n "
            "FROM (SELECT unnest(?::VARCHAR[]) AS raw, unnest(?::BIGINT[]) AS n) "
            f"WHERE tidied(raw) IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_CATEGORIES}",
            [[value for value, _ in counted], [n for _, n in counted]],
        ).fetchall()
    )


def _looks_like(connection: Connection, sample: str, name: str, few: int) -> str | None:
    checks = ", ".join(
        f"count(*) FILTER (regexp_full_match({value_sql(name)}, {text_literal(pattern)}))"
        for _, pattern in PERSONAL_VALUES
    )
    [counts] = connection.execute(f"SELECT {checks} FROM {sample} WHERE {filled_sql(name)}").fetchall()
    return next((kind for (kind, _), n in zip(PERSONAL_VALUES, counts, strict=True) if n >= MOSTLY * few), None)


def _number(connection: Connection, loaded: str, sample: str, column: Column, few: int) -> Column | None:
    digits = f"regexp_matches({quoted(column.name)}, '\\d')"
    [(with_digits,)] = connection.execute(f"SELECT count(*) FILTER ({digits}) FROM {sample}").fetchall()
    if with_digits < NUMERIC * few:
        return None
    seen = _number_classes(connection, sample, column.name)
    if sum(seen.values()) < NUMERIC * few:
        return None
    counts = seen if sample == loaded else _number_classes(connection, loaded, column.name)
    german, english = counts["de"], counts["en"]
    notes: tuple[str, ...] = ()
    style = "de" if german > english else "en" if english > german else ""
    if not style and not counts["dot"] and not counts["comma"]:
        style = "en"
    elif style:
        notes = (f"{max(german, english):,} number(s) that only style {style} can mean",)
    values = _values(connection, loaded, column.name) if column.distinct <= MOST_CODES else {}
    unread = column.filled - sum(counts.values())
    return replace(column, type="number", style=style, unread=unread, notes=notes, values=values)


def _number_classes(connection: Connection, table: str, name: str) -> Counter[str]:
    bare = "regexp_replace(bare_number(value), '^[+-]', '')"
    cases = " ".join(f"WHEN regexp_full_match(bare, '{pattern}') THEN '{kind}'" for kind, pattern in NUMBER_CLASSES)
    rows = connection.execute(
        f"""SELECT CASE {cases} END AS kind, sum(n)::BIGINT FROM (
            SELECT CASE WHEN regexp_full_match(value, '\\d+') THEN value ELSE {bare} END AS bare, n
            FROM (SELECT {value_sql(name)} AS value, count(*) AS n FROM {table} WHERE {filled_sql(name)} GROUP BY 1)
        ) GROUP BY 1"""
    ).fetchall()
    return Counter({kind: n for kind, n in rows if kind is not None})


def _settled(columns: dict[str, Column]) -> dict[str, Column]:
    """Decide what a column's own values leave open by the other columns of the same file: one program wrote them all."""
    orders = {
        c.moments.order: c.name for c in columns.values() if c.moments is not None and c.moments.order is not None
    }
    dotted = any(
        way.format.startswith("%d.%m.")
        for c in columns.values()
        if c.moments is not None
        for way in c.moments.formats[:1]
    )
    styles = {c.style for c in columns.values() if c.type == "number" and c.style and c.notes}
    found = {}
    for name, column in columns.items():
        if len(orders) == 1:
            [(order, other)] = orders.items()
            column = with_order(column, order == "day", f"as column {other}")
        if column.type == "number" and not column.style:
            style = next(iter(styles)) if len(styles) == 1 else "de" if dotted else "en"
            column = replace(column, style=style, notes=("style of numbers from the other columns of the file",))
        found[name] = column
    return found

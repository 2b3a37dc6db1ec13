"""Moments of a column: the shapes of all its values, which of day and month is first, and times that are counted."""

import re
from collections import Counter
from dataclasses import replace

from pipeline.onboarding.cells import filled_sql, value_sql
from pipeline.onboarding.columns import Column
from pipeline.onboarding.moments import EPOCHS, MomentFormat, Moments, format_of_shape, looks_dated, settle_order
from pipeline.onboarding.names import concepts, normal, word_of
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection, text_literal

__all__ = ["MOSTLY", "SHAPES", "UNREAD_DATES", "find_moments", "with_order"]

UNREAD_DATES = "dates written in a way that can't be read"
MOSTLY = 0.6  # of the values in the sample are of a type
SHAPES, EXPECTED_SHAPES = 1_000, 6
DIGITS = "'0123456789', '9999999999'"
EPOCH_RANGE = (946_684_800, 2_145_916_800)  # of seconds: 2000 to 2037; ids of as many digits lie elsewhere, mostly
COMPACT = {  # dates without anything between their parts, by shape
    "9" * 8: MomentFormat("%Y%m%d", False),
    "9" * 12: MomentFormat("%Y%m%d%H%M", True),
    "9" * 14: MomentFormat("%Y%m%d%H%M%S", True),
}
YEARS, NEARLY_ALL = (1990, 2040), 0.98
SERIAL_RANGE = (30_000, 60_000)  # of a spreadsheet's days: 1982 to 2064
TIME_WORDS = re.compile(
    r"\b(at|am|on|le|ts|epoch|unix|millis)$|\b(created|erstellt|fecha)\b|(time|date|datum|zeit|zeitpunkt|stamp|tag)s?\b"
)
ID = re.compile(r"\b(id|no|nr|number|nummer|key|code|ean|gtin)s?$")
TIME_CONCEPTS = {"created_at", "modified_at", "occurred_at", "recorded_at", "ordered_at", "identified_at"}


def _shapes(connection: Connection, table: str, name: str, expected: list[str] | None = None) -> dict[str, int]:
    """Count the shapes of a column's values; those that are expected are matched first, which is far quicker."""
    value = value_sql(name)
    whens = " ".join(
        f"WHEN regexp_full_match({value}, {text_literal(_pattern(shape))}) THEN {text_literal(shape)}"
        for shape in (expected or [])[:EXPECTED_SHAPES]
    )
    shape = f"translate({value}, {DIGITS})"
    return dict(
        connection.execute(
            f"SELECT {f'CASE {whens} ELSE {shape} END' if whens else shape} AS shape, count(*) FROM {table} "
            f"WHERE {filled_sql(name)} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {SHAPES}"
        ).fetchall()
    )


def _pattern(shape: str) -> str:
    """Write a shape as a regular expression."""
    return re.sub("9", "[0-9]", re.escape(shape))


def find_moments(connection: Connection, loaded: str, sample: str, column: Column, few: int) -> Column | None:
    """Tell how a column writes moments; None: it holds none.

    Parameters
    ----------
    connection : Connection
        Holds the table.
    loaded, sample : str
        Its name there, and that of its sample.
    column : Column
        As known so far.
    few : int
        Values in the sample.
    """
    shapes = _shapes(connection, sample, column.name)
    counted = _counted_formats(connection, loaded, column.name, shapes, few)
    read = sum(n for shape, n in shapes.items() if shape in counted or format_of_shape(shape) is not None)
    if read < MOSTLY * few:
        return _serial_days(connection, loaded, column, shapes, few)
    shapes = _shapes(connection, loaded, column.name, list(shapes) if sample != loaded else None)
    by_format: Counter[MomentFormat] = Counter()
    of_format: dict[MomentFormat, list[str]] = {}
    for shape, n in shapes.items():
        way = counted.get(shape) or format_of_shape(shape)
        if way is not None:
            by_format[way] += n
            of_format.setdefault(way, []).append(shape)
    settled: Counter[MomentFormat] = Counter()
    order, because = None, ""
    for way, n in by_format.items():
        if not way.is_open:
            settled[way] += n
            continue
        decided, reason = _order(connection, loaded, column.name, of_format[way])
        if decided is not None:
            order, because = ("day" if decided else "month"), reason
        settled[way if decided is None else settle_order(way, decided)] += n
    ranked = settled.most_common()
    moments = Moments(tuple(way for way, _ in ranked), tuple(n for _, n in ranked), 0, order, because)
    return _counted(replace(column, type="moment", moments=moments))


def _order(connection: Connection, loaded: str, name: str, shapes: list[str]) -> tuple[bool | None, str]:
    """Look for a day above 12 among all values of some shapes; returns whether the day is first (None: nothing decides)."""
    listed = ", ".join(text_literal(shape) for shape in shapes)
    part = f"try_cast(regexp_extract({value_sql(name)}, '^(\\d+)\\D+(\\d+)', {{}}) AS INTEGER) > 12"
    [(first, second)] = connection.execute(
        f"SELECT count(*) FILTER ({part.format(1)}), count(*) FILTER ({part.format(2)}) FROM {loaded} "
        f"WHERE {quoted(name)} IS NOT NULL AND translate({value_sql(name)}, {DIGITS}) IN ({listed})"
    ).fetchall()
    if bool(first) == bool(second):
        return None, ""
    return bool(first), f"{first or second:,} value(s) with {'first' if first else 'second'} part above 12"


def _counted_formats(
    connection: Connection, loaded: str, name: str, shapes: dict[str, int], few: int
) -> dict[str, MomentFormat]:
    """Recognise seconds since 1970 and their fractions, in columns named so or beside moments of other kinds, by shape."""
    is_time = _is_time(name) or word_of(name, "stages") is not None
    beside = any(format_of_shape(shape) is not None for shape in shapes)
    found: dict[str, MomentFormat] = {}
    for called, (digits, _) in EPOCHS.items():
        whole = "9" * digits
        own = [shape for shape in shapes if re.fullmatch(rf"{whole}(\.9+)?", shape)]
        # Milliseconds and finer lie where few other numbers do; ten digits may be a telephone's
        all_so = digits > 10 and not ID.search(normal(name)) and sum(shapes[shape] for shape in own) == few
        low, high = (bound * 10 ** (digits - 10) for bound in EPOCH_RANGE)
        if own and (is_time or beside or all_so) and _lies_between(connection, loaded, name, low, high, digits):
            found |= dict.fromkeys(own, MomentFormat(called, True, True))
    for shape, way in COMPACT.items():
        if shape in shapes and (is_time or beside) and _reads(connection, loaded, name, len(shape), way):
            found[shape] = way
    return found


def _reads(connection: Connection, loaded: str, name: str, digits: int, way: MomentFormat) -> bool:
    """Whether nearly all numbers of so many digits are dates of our time, year first: 20260331."""
    value = value_sql(name)
    year = f"year(try_strptime({value}, '{way.format}'))"
    [(share,)] = connection.execute(
        f"SELECT avg(({year} BETWEEN {YEARS[0]} AND {YEARS[1]} AND {year} IS NOT NULL)::INTEGER) FROM {loaded} "
        f"WHERE {filled_sql(name)} AND strlen({value}) = {digits}"
    ).fetchall()
    return share is not None and share >= NEARLY_ALL


def _is_time(name: str) -> bool:
    return TIME_WORDS.search(normal(name)) is not None or bool(concepts(name) & TIME_CONCEPTS)


def _serial_days(
    connection: Connection, loaded: str, column: Column, shapes: dict[str, int], few: int
) -> Column | None:
    """Recognise days as a spreadsheet counts them, in columns named so; and dates that nobody can read."""
    is_time = _is_time(column.name)
    is_serial = is_time and sum(n for shape, n in shapes.items() if re.fullmatch(r"[9]{5}(\.9+)?", shape)) == few
    if is_serial and _lies_between(connection, loaded, column.name, *SERIAL_RANGE):
        way = MomentFormat("excel", any("." in shape for shape in shapes))
        return replace(column, type="moment", moments=Moments((way,), (column.filled,)))
    if sum(n for shape, n in shapes.items() if looks_dated(shape)) >= MOSTLY * few:
        return replace(column, unread=column.filled, notes=(UNREAD_DATES,))
    return None


def _lies_between(
    connection: Connection, loaded: str, name: str, least: int, most: int, digits: int | None = None
) -> bool:
    """Whether a column's numbers lie within bounds: all of them, or those of so many digits."""
    number = f"try_cast({value_sql(name)} AS DOUBLE)"
    only = f" AND regexp_full_match({value_sql(name)}, '[0-9]{{{digits}}}(\\.[0-9]+)?')" if digits else ""
    [(low, high)] = connection.execute(
        f"SELECT min({number}), max({number}) FROM {loaded} WHERE {filled_sql(name)}{only}"
    ).fetchall()
    return low is not None and low >= least and high <= most


def _counted(column: Column) -> Column:
    """Count the values that stay unread: of no format, or of one whose order of day and month is open."""
    moments = column.moments
    if moments is None:
        return column
    readable = sum(n for way, n in zip(moments.formats, moments.counts, strict=True) if not way.is_open)
    unread = column.filled - readable
    return replace(column, unread=unread, moments=replace(moments, unread=unread))


def with_order(column: Column, day_first: bool, because: str) -> Column:
    """Settle day and month of a column's open formats."""
    if column.moments is None or not any(way.is_open for way in column.moments.formats):
        return column
    ways = tuple(settle_order(way, day_first) if way.is_open else way for way in column.moments.formats)
    moments = replace(column.moments, formats=ways, order="day" if day_first else "month", because=because)
    return _counted(replace(column, moments=moments))

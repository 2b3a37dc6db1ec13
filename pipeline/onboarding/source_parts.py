"""Parts of a source's SQL that its views share: a lead's id, moments, where a row stands, how it names its lead.

Names of files and columns, and values, are data: identifiers and literals are quoted, and comments hold no line breaks.
"""

import re
import textwrap
from collections.abc import Iterable

from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.moments import moment_sql
from pipeline.onboarding.plan import Activity, Plan, Reference
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import text_literal

__all__ = [
    "column_moment_sql",
    "comment_sql",
    "given_kind_sql",
    "has_sql",
    "lead_sql",
    "listed_sql",
    "one_line",
    "position_sql",
    "reference_sql",
]

WIDTH = 120


def one_line(text: str) -> str:
    r"""Write a text on one line, without characters that steer a terminal or end a comment.

    Examples
    --------
    >>> one_line("a\nDROP TABLE x; \x1b[31mred")
    'a DROP TABLE x; [31mred'
    """
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", text).split())


def comment_sql(lines: Iterable[str]) -> str:
    """Write lines as comments, folded."""
    return "\n".join(
        textwrap.fill(one_line(line), WIDTH, initial_indent="-- ", subsequent_indent="--   ", break_long_words=False)
        for line in lines
    )


def position_sql(table: Table) -> str:
    """Write the SQL of where in its file a row stands."""
    return "source_file, source_line" if table.position else "NULL::VARCHAR AS source_file, NULL::BIGINT AS source_line"


def lead_sql(plan: Plan, column: str) -> str:
    """Write the SQL of a lead's id; a mail address is no id to keep, but its hash is."""
    return f"md5(lower(trim({quoted(column)})))" if plan.hashed_id else quoted(column)


def column_moment_sql(plan: Plan, column: Column, *, ends: bool = False, zone: str | None = None) -> str:
    """Write the SQL of a moment. `ends`: a day without a time is its end, since nobody knew of it before."""
    if column.moments is None:
        return "NULL"
    name = "day" if ends and column.moments.is_day else "moment"
    return moment_sql(column.moments, quoted(column.name), zone or plan.zone, name=name)


def reference_sql(plan: Plan, reference: Reference | None, view: str, views: dict[int, str]) -> tuple[str, str]:
    """Write the SQL of a row's lead, and of the rows: joined by mail address where no id names the lead."""
    if reference is None:
        return (
            lead_sql(plan, plan.lead_id.name) if view == views[id(plan.people)] else "NULL::VARCHAR"
        ), f"{view} AS t"
    if reference.of_people == plan.lead_id.name:
        return lead_sql(plan, reference.column), f"{view} AS t"
    address = f"lower(trim(t.{quoted(reference.column)}))"
    known = (
        f"(SELECT lower(trim({quoted(reference.of_people)})) AS _address, min({lead_sql(plan, plan.lead_id.name)}) AS _lead "
        f"FROM {views[id(plan.people)]} GROUP BY 1) AS k"
    )
    return f"coalesce(k._lead, md5({address}))", f"{view} AS t\nLEFT JOIN {known} ON k._address = {address}"


def given_kind_sql(item: Activity) -> str:
    """Write the SQL of an activity's kind as its rows give it."""
    names = [quoted(name) for name in (item.kind, item.else_kind) if name is not None]
    return names[0] if len(names) == 1 else f"coalesce({', '.join(f'tidied({name})' for name in names)})"


def listed_sql(values: Iterable[str]) -> str:
    """Write the SQL of values in a list."""
    return ", ".join(text_literal(value) for value in values)


def has_sql(column: str) -> str:
    """Write the SQL of whether a column has a value."""
    return f"present({quoted(column)})"

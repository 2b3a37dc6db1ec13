"""The source's SQL, written from the plan: short, with a comment per view, for a person to read and correct.

Names of files and columns, and values, are data: identifiers and literals are quoted, and comments hold no line breaks.
"""

import re
from collections.abc import Iterable

from pipeline.onboarding.columns import Table
from pipeline.onboarding.names import plain_word
from pipeline.onboarding.plan import Attribute, Plan
from pipeline.onboarding.source_parts import column_moment_sql, comment_sql, lead_sql, one_line, position_sql
from pipeline.onboarding.write_handovers import handovers_sql
from pipeline.onboarding.write_stages import stage_changes_sql
from pipeline.onboarding.write_touchpoints import identities_sql, touchpoints_sql
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import text_literal

__all__ = ["source_sql"]


def source_sql(plan: Plan, asked: Iterable[str]) -> str:
    """Write the whole file, without the header that says who wrote it.

    Parameters
    ----------
    plan : Plan
        What was concluded.
    asked : iterable of str
        Answers that were taken, one comment line each.
    """
    views = {id(table): name for table, name in _file_views(plan)}
    parts = [comment_sql([*plan.notes, *plan.unsure, *asked]), _export(plan)]
    parts += [f"CREATE VIEW {name} AS\n{_reader(table)};" for table, name in _file_views(plan)]
    if plan.activities:
        parts.append(touchpoints_sql(plan, views))
    if plan.identifications or any(activity.visitor and activity.reference for activity in plan.activities):
        parts.append(identities_sql(plan, views))
    parts.append(_leads(plan, views))
    if plan.accounts is not None:
        parts.append(_accounts(plan, views))
    parts += [stage_changes_sql(plan, views), handovers_sql(plan, views), _attributes(plan)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _file_views(plan: Plan) -> list[tuple[Table, str]]:
    """Name a view for each table that is used, after its file."""
    used: list[Table] = [plan.people, *([plan.accounts] if plan.accounts else [])]
    used += [i.table for i in plan.stage_columns] + [i.table for i in plan.statuses]
    used += [i.table for i in plan.histories] + [i.table for i in (*plan.activities, *plan.identifications)]
    found: list[tuple[Table, str]] = []
    for table in used:
        if any(table is other for other, _ in found):
            continue
        stem = plain_word(
            re.sub(r"\.\w+(\.gz)?( and \d+ more.*)?$", "", table.name.split(", sheet ")[-1].split("/")[-1])
        )
        name = f"file_{stem or len(found) + 1}"[:60]
        while any(name == other for _, other in found):
            name += "_2"
        found.append((table, name))
    return found


def _reader(table: Table) -> str:
    selects = [f"SELECT * FROM {source}" for source in table.sources]
    return "\nUNION ALL BY NAME\n".join(selects)


def _export(plan: Plan) -> str:
    because = one_line(plan.exported_because)
    return (
        f"-- When the files were exported: {because}. The parameter ingest.exported_at overrules it.\n"
        f"CREATE VIEW export AS SELECT {text_literal(plan.exported_at)} AS exported_at, 'real' AS clock;"
    )


def _leads(plan: Plan, views: dict[int, str]) -> str:
    people = plan.people
    columns = [f"{lead_sql(plan, plan.lead_id.name)} AS lead_id"]
    if plan.account is not None:
        columns.append(f"{quoted(plan.account.name)} AS account_id")
    columns.append(f"{_created(plan)} AS created_at")
    columns += [
        f"{_attribute(attribute)} AS {quoted(attribute.name)}"
        for attribute in plan.attributes
        if attribute.entity == "lead"
    ]
    columns.append(position_sql(people))
    lines = ",\n       ".join(columns)
    missing = people.rows - plan.lead_id.filled
    repeats = plan.lead_id.filled - plan.lead_id.distinct
    counts = f"{people.rows:,} rows, {missing:,} without an id, {repeats:,} repeats of an id (the first is kept)"
    out = [column.name for table, column, why in plan.left_out if table is people and why.startswith("personal")]
    comment = [f"Leads: {counts}."] + [f"Left out as personal data: {', '.join(out)}."] * bool(out)
    source = f"{views[id(people)]} AS p"
    if _falls_back(plan) and plan.activities:
        source += (
            "\nLEFT JOIN (SELECT lead_id AS _first_lead, min(try_cast(occurred_at AS TIMESTAMPTZ)) AS _first_at "
            f"FROM touchpoints GROUP BY 1) AS f\n    ON f._first_lead = {lead_sql(plan, plan.lead_id.name)}"
        )
    return f"{comment_sql(comment)}\nCREATE VIEW leads AS\nSELECT {lines}\nFROM {source};"


def _falls_back(plan: Plan) -> bool:
    return plan.created is None or plan.created.unread > 0 or plan.created.filled < plan.people.rows


def _created(plan: Plan) -> str:
    """Write the SQL of a lead's creation; where it can't be read, the lead's earliest other moment, so that the lead stays."""
    own = [column_moment_sql(plan, item.column) for item in plan.stage_columns if item.table is plan.people]
    if not _falls_back(plan):
        return column_moment_sql(plan, plan.created) if plan.created is not None else "NULL"
    others = [f"try_cast({text} AS TIMESTAMPTZ)" for text in own] + ["f._first_at"] * bool(plan.activities)
    lines = ",\n                ".join(others)
    earliest = f"least({lines})" if others else "NULL"
    if plan.created is None:
        return f"{earliest}::VARCHAR"
    return (
        f"coalesce(try_cast({column_moment_sql(plan, plan.created)} AS TIMESTAMPTZ),\n           {earliest})::VARCHAR"
    )


def _attribute(attribute: Attribute) -> str:
    raw = quoted(attribute.column.name)
    if attribute.is_free_mail:
        return f"free_mail({raw})"
    if attribute.type == "number":
        return f"number({raw}, '{attribute.column.style}')"
    return f"yes({raw})" if attribute.type == "boolean" else raw


def _accounts(plan: Plan, views: dict[int, str]) -> str:
    table = plan.accounts
    if table is None or plan.accounts_key is None:
        return ""
    columns = [f"{quoted(plan.accounts_key)} AS account_id"]
    columns += [f"{_attribute(a)} AS {quoted(a.name)}" for a in plan.attributes if a.entity == "account"]
    lines = ",\n       ".join([*columns, position_sql(table)])
    return f"-- Accounts: {table.rows:,} rows.\nCREATE VIEW accounts AS\nSELECT {lines}\nFROM {views[id(table)]};"


def _attributes(plan: Plan) -> str:
    rows = [f"({text_literal(a.entity)}, {text_literal(a.name)}, '{a.type}', '{a.known_at}')" for a in plan.attributes]
    because = [f"{a.name}: {a.known_at}, {a.because}" for a in plan.attributes if a.known_at != "creation"]
    declared = "AS declared (entity, attribute, type, known_at)"
    if not rows:
        body = f"SELECT * FROM (VALUES ('lead', 'none', 'category', 'after')) {declared} WHERE false;"
    else:
        listed = ",\n    ".join(rows)
        body = f"SELECT * FROM (VALUES\n    {listed}\n) {declared};"
    comment = comment_sql(["Attributes, and when each is known; the audit looks at all of them.", *because])
    return f"{comment}\nCREATE VIEW attributes AS\n{body}"

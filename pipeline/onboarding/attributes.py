"""Which columns become attributes, and when each value is known; who is named in a column stays out."""

import re
from collections.abc import Iterable

from pipeline.onboarding.cells import filled_sql, value_sql
from pipeline.onboarding.column_moments import UNREAD_DATES
from pipeline.onboarding.column_roles import status_columns
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.names import concepts, in_section, normal, plain_word
from pipeline.onboarding.plan import Attribute, Plan, StageColumn
from pipeline.onboarding.roles import Roles
from pipeline.onboarding.source_parts import listed_sql
from pipeline.tables.contract import CANONICAL
from pipeline.tables.contract_sql import POSITION, quoted
from pipeline.tables.duckdb import Connection

__all__ = ["find_attributes"]

FEW = 20  # fewer filled rows say nothing about when a column is filled
AFTER_SHARE = 0.98  # of the filled rows belong to leads with an outcome
# Marks of a table's rows, by the stages of their leads.
ENDS = {
    "after": ("sales_qualified", "disqualified", "customer"),
    "won": ("sales_qualified", "customer"),
    "lost": ("disqualified",),
}
OWNER = "who works on it: known to sales only"
SAME_SHARE = 0.95  # of the leads with a value, and of those with an outcome
MOST_SHARE = 0.8  # of all leads; where more have an outcome, being filled with one says nothing
RESERVED = {c.name for schema in CANONICAL.values() for c in schema.columns} | set(POSITION)


def find_attributes(connection: Connection, plan: Plan, roles: Roles) -> None:
    """Fill the plan's attributes of leads and accounts, and name what is left out and why."""
    names = set(RESERVED)
    _of_table(connection, plan, plan.people, "lead", names)
    plan.account = _account(plan.people)
    plan.owner = next((c for c in plan.people.columns.values() if "owner" in concepts(c.name) and c.filled), None)
    if roles.accounts is not None:
        plan.accounts, plan.accounts_key = roles.accounts
        _of_table(connection, plan, plan.accounts, "account", names)


def _account(people: Table) -> Column | None:
    # One value in all rows is the company that owns the CRM: its leads are not of one account
    columns = [
        c
        for c in people.columns.values()
        if c.filled and c.type in ("number", "text", "category") and (c.distinct > 1 or c.filled < FEW)
    ]
    for concept in ("account_id", "account_name"):
        found = [column for column in columns if concept in concepts(column.name)]
        if found:
            return max(found, key=lambda column: column.filled)
    return None


def _of_table(connection: Connection, plan: Plan, table: Table, entity: str, names: set[str]) -> None:
    groups = _mark_groups(connection, plan, table) if entity == "lead" else ()
    skipped = _not_attributes(plan, table)
    statuses = [column.name for column in status_columns(table)] if entity == "lead" else []
    for column in table.columns.values():
        why = skipped.get(column.name)
        if why is None and "owner" in concepts(column.name):
            why = OWNER
        is_address = column.personal == "email" and entity == "lead" and why != OWNER
        if is_address and (why is None or column is plan.lead_id):
            taken = any(attribute.is_free_mail for attribute in plan.attributes)
            if not taken:
                name = _new_name("free_mail", names)
                plan.attributes.append(
                    Attribute(
                        name, entity, column, "boolean", "creation", "from the address's domain", is_free_mail=True
                    )
                )
            why = why or "personal data (email); whether the address is of a free provider is kept"
        elif why is None:
            why = _left_out(column, statuses)
        if why is not None:
            plan.left_out.append((table, column, why))
            continue
        known_at, because = _known_at(connection, table, column, groups)
        name = _new_name(plain_word(column.name) or f"column_{list(table.columns).index(column.name) + 1}", names)
        plan.attributes.append(Attribute(name, entity, column, column.type, known_at, because))


def _new_name(name: str, names: set[str]) -> str:
    new, number = name, 2
    while new in names:
        new, number = f"{name}_{number}", number + 1
    names.add(new)
    return new


def _not_attributes(plan: Plan, table: Table) -> dict[str, str]:
    """Name the columns that have another part."""
    found = {plan.lead_id.name: "the lead's id"} if table is plan.people else {}
    if table is plan.accounts and plan.accounts_key is not None:
        found[plan.accounts_key] = "the account's id"
    if table is plan.people and (account := _account(table)) is not None:
        found[account.name] = "the lead's account"
    for item in plan.stage_columns:
        if item.table is table:
            found[item.column.name] = f"stage {item.stage}"
            found.update({item.only[0]: "tells how a lead was closed"} if item.only else {})
    found.update({item.column.name: "when an owner was named" for item in plan.assigned if item.table is table})
    for status in plan.statuses:
        if status.table is table:
            found[status.column] = "today's stage"
    if plan.created is not None and table is plan.people:
        found[plan.created.name] = "when the lead was created"
    return found


def _left_out(column: Column, statuses: list[str]) -> str | None:
    if column.type == "empty":
        return "empty"
    if column.personal is not None:
        return f"personal data ({column.personal})"
    if in_section(column.name, "personal"):
        return f"personal data ({min(concepts(column.name, 'personal'))})"
    if column.type == "moment":
        return "a moment, and no stage"
    if UNREAD_DATES in column.notes:
        return UNREAD_DATES
    if column.name in statuses or concepts(column.name) & {"converted", "status"}:
        return "today's stage"
    if concepts(column.name) & {"lead_id", "visitor_id", "account_name"} and column.distinct > 0.5 * column.filled:
        return "an id"
    if column.type == "text":
        return "free text, or too many different values"
    if column.distinct < 2 and column.filled >= FEW and column.type != "boolean":
        return "one value only"
    if column.type == "number" and re.search(r"\b(id|nr|no|number|nummer)$", normal(column.name)) and _is_key(column):
        return "an id"
    return None


def _is_key(column: Column) -> bool:
    return column.distinct >= 0.9 * column.filled > 0


def _mark_groups(connection: Connection, plan: Plan, table: Table) -> tuple[str, ...]:
    """Mark, once for all columns, who had an outcome and who became an MQL, by a table's own rows; returns the marks' names."""

    def any_of(stages: Iterable[str]) -> str:
        columns = [_dated_sql(i) for i in plan.stage_columns if i.table is table and i.stage in stages]
        for history in plan.histories:
            values = [value for value, stage in history.stages.items() if stage in stages]
            if values and table is plan.people and history.reference.of_people == plan.lead_id.name:
                lead = value_sql(history.reference.column)
                # Without the guard, one change without a lead makes the mark of all others missing instead of false
                columns.append(
                    f"coalesce({value_sql(plan.lead_id.name)} IN (SELECT {lead} FROM {history.table.loaded} "
                    f"WHERE tidied({quoted(history.column)}) IN ({listed_sql(values)}) AND {lead} IS NOT NULL), false)"
                )
        for status in plan.statuses:
            if status.table is table and status.stage in stages:
                columns.append(f"coalesce(tidied({quoted(status.column)}) IN ({listed_sql(status.values)}), false)")
        return " OR ".join(columns)

    groups = {name: any_of(stages) for name, stages in ENDS.items()}
    if not plan.starts_at_creation:
        groups["mql"] = any_of(("mql", "sales_qualified", "disqualified", "customer"))
    known = {name: condition for name, condition in groups.items() if condition}
    if not known:
        return ()
    marks = ", ".join(["rowid AS row_number", *(f"{condition} AS {name}" for name, condition in known.items())])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE marks AS SELECT {marks} FROM {table.sample}")
    return tuple(known)


def _dated_sql(item: StageColumn) -> str:
    only = f" AND tidied({quoted(item.only[0])}) IN ({listed_sql(item.only[1])})" if item.only else ""
    return f"coalesce({filled_sql(item.column.name)}{only}, false)"


def _known_at(connection: Connection, table: Table, column: Column, groups: tuple[str, ...]) -> tuple[str, str]:
    """Say when a column's value is known, from its name and from whose rows are filled."""
    if in_section(column.name, "known"):
        known = concepts(column.name, "known")
        return ("after", "by its name") if "after" in known else ("export", "by its name: a count or rating that grows")
    if concepts(column.name) & {"reason"}:
        return "after", "by its name"
    if (told := _tells_outcome(connection, table, column, groups)) is not None:
        return "after", told
    groups = tuple(name for name in groups if name in ("after", "mql"))
    if not groups or column.filled > MOST_SHARE / AFTER_SHARE * table.rows:
        return "creation", "filled with and without an outcome"
    counts = ", ".join(f"count(*) FILTER (filled AND {name}), avg({name}::INTEGER)" for name in groups)
    [(filled, *figures)] = connection.execute(
        f"SELECT count(*) FILTER (filled), {counts} FROM (SELECT rowid AS row_number, {filled_sql(column.name)} AS filled "
        f"FROM {table.sample}) JOIN marks USING (row_number)"
    ).fetchall()
    for known_at, inside, share in zip(groups, figures[::2], figures[1::2], strict=True):
        if filled >= FEW and inside >= AFTER_SHARE * filled and share < MOST_SHARE:
            who = "an outcome" if known_at == "after" else "an MQL"
            return known_at, f"{inside:,} of {filled:,} filled rows have {who}, but only {share:.0%} of all rows"
    return "creation", "filled with and without an outcome"


def _tells_outcome(connection: Connection, table: Table, column: Column, groups: tuple[str, ...]) -> str | None:
    """Say that a value is the outcome by another name: nearly all leads with it ended so, and nearly no others."""
    ends = [name for name in groups if name in ("won", "lost")]
    if not column.values or not ends:
        return None
    counts = ", ".join(f"count(*) FILTER ({name}), sum(count(*) FILTER ({name})) OVER ()" for name in ends)
    rows = connection.execute(
        f"SELECT value, count(*) AS n, sum(n) OVER (), {counts} FROM (SELECT rowid AS row_number, "
        f"tidied({quoted(column.name)}) AS value FROM {table.sample}) JOIN marks USING (row_number) GROUP BY 1"
    ).fetchall()
    for value, n, total, *figures in rows:
        for both, ended in zip(figures[::2], figures[1::2], strict=True):
            if value is not None and ended >= FEW and both >= SAME_SHARE * max(n, ended) and ended < MOST_SHARE * total:
                return f"{both:,} of {ended:,} leads that ended in one way have the same value, and {n - both:,} others"
    return None

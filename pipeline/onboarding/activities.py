"""How a table of activities becomes touchpoints: kind, page, campaign, who did it."""

import re
from dataclasses import replace

from pipeline.onboarding.cells import value_sql
from pipeline.onboarding.column_roles import is_status, time_columns
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.joins import JOINS, overlap
from pipeline.onboarding.names import concepts, kind_of_file, word_of
from pipeline.onboarding.plan import Activity, Plan, Reference
from pipeline.onboarding.roles import Roles
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection

__all__ = ["FILES_OF_SALES", "PLANNED_KINDS", "SALES_KINDS", "SYSTEM_KINDS", "URL", "find_activities"]

URL = "https?://"
# What sales or a system does: not the lead's behaviour.
SALES_KINDS = ("call", "meeting", "task", "mail")
FILES_OF_SALES = ("call", "meeting", "task")  # of a file of mails nobody can tell who wrote them
SYSTEM_KINDS = ("mail_sent", "mail_delivered", "page_ping", "identify")
# What can stand in a calendar before it happens.
PLANNED_KINDS = ("call", "meeting", "task", "webinar", "webinar_registration", "trade_fair", "demo_request")
MOST_KINDS = 100
ALL_HAVE = 0.98  # of a table's rows have a kind; the rest are bad
WEB_CALLS = {"page": "page_view", "screen": "page_view", "identify": "identify"}  # of customer data platforms
MAIL_KINDS = ("mail_sent", "mail_delivered", "mail_open", "mail_click")
MAIL = re.compile("mail|newsletter", re.IGNORECASE)


def find_activities(connection: Connection, plan: Plan, roles: Roles) -> None:
    """Fill the plan's touchpoints."""
    for table, refers in roles.activities:
        if "user_id" in table.columns and table.known_shape:
            refers = Reference("user_id", plan.lead_id.name, 1.0)
        found = _activity(connection, plan, table, refers)
        changes = next((status.name for other, _, status in roles.histories if other is table), None)
        found = replace(found, unless=changes)
        (plan.identifications if _only_identifies(found) else plan.activities).append(found)


def _activity(connection: Connection, plan: Plan, table: Table, refers: Reference | None) -> Activity:
    moment, recorded = _times(connection, table)
    taken = {refers.column if refers else ""}
    identifier = _identifier(table, taken)
    taken |= {identifier or ""}
    kind = _kind(table, taken)
    taken |= {kind or ""}
    asset = _asset(table, taken)
    visitor = _visitor(connection, plan, table, taken | {asset or ""}, refers)
    else_kind = _else_kind(table, kind, taken)
    values = [value for name in (kind, else_kind) if name is not None for value in table.column(name).values]
    kinds = {value: word for value in values if (word := word_of(value, "kinds")) is not None and word != value}
    kinds |= {value: WEB_CALLS[value.lower()] for value in values if value.lower() in WEB_CALLS}
    if visitor is not None:  # of a web site's events a click is one on a page
        kinds = {value: word for value, word in kinds.items() if word not in MAIL_KINDS or MAIL.search(value)}
    campaign = _named(table, "campaign", taken)
    channel = _named(table, "channel", taken)
    constant = "page_view" if asset else "mail" if campaign else kind_of_file(table.name) or "activity"
    return Activity(
        table, refers, moment, kind, kinds, constant, else_kind, recorded, channel, asset, campaign, identifier, visitor
    )


def _only_identifies(item: Activity) -> bool:
    """Whether a table says who visitors are and when that was known, and nothing of what they did."""
    is_named = item.visitor is not None and item.reference is not None
    did = (item.kind, item.channel, item.asset, item.campaign)
    return is_named and not any(did) and "identified_at" in concepts(item.moment.name)


def _times(connection: Connection, table: Table) -> tuple[Column, Column | None]:
    """Find when a row happened and when it was recorded: two moments of every row of which one is never before the other."""
    candidates = time_columns(table)
    moment = candidates[0] if candidates else table.moments()[0]
    recorded = next((c for c in table.moments() if "recorded_at" in concepts(c.name) and c is not moment), None)
    if recorded is not None or "occurred_at" in concepts(moment.name):
        return moment, recorded
    for other in candidates[1:]:
        ways = (moment.moments, other.moments)
        if (
            ways[0] is None
            or ways[1] is None
            or ways[0].formats[:1] != ways[1].formats[:1]
            or not ways[0].formats[0].has_time
        ):
            continue
        if not ways[0].formats[0].format.startswith("%Y") or other.filled < 0.9 * table.rows:
            continue
        [(later, earlier)] = connection.execute(  # year first: texts sort as moments do
            f"SELECT count(*) FILTER ({value_sql(moment.name)} > {value_sql(other.name)}), "
            f"count(*) FILTER ({value_sql(moment.name)} < {value_sql(other.name)}) FROM {table.loaded}"
        ).fetchall()
        if later and not earlier:
            return other, moment
        if earlier and not later:
            return moment, other
    return moment, None


def _identifier(table: Table, taken: set[str]) -> str | None:
    for column in table.columns.values():
        if column.name in taken or column.personal is not None:
            continue
        named = "lead_id" in concepts(column.name) or (
            concepts(column.name) == frozenset()
            and column.name.lower().endswith(
                ("event_id", "eventid", "touchpoint_id", "activity id", "activity_id", "aktivitäts-id")
            )
        )
        if (named or column.is_uuid) and column.distinct >= 0.5 * column.filled and column.filled >= 0.9 * table.rows:
            return column.name
    return None


def _kind(table: Table, taken: set[str]) -> str | None:
    categories = [
        c
        for c in table.columns.values()
        if (c.type == "category" or (c.type == "number" and "kind" in concepts(c.name)))
        and c.name not in taken
        and c.distinct <= MOST_KINDS
        and c.personal is None
        and not is_status(c)
    ]
    if not categories:
        return None

    def rank(column: Column) -> tuple[bool, float]:
        known = sum(n for value, n in column.values.items() if word_of(value, "kinds")) / max(1, column.filled)
        pages = any("/" in value for value in column.values)
        return "kind" in concepts(column.name), (0.0 if pages else known)

    best = max(categories, key=rank)
    return best.name if rank(best)[0] or rank(best)[1] > 0.2 else None


def _else_kind(table: Table, kind: str | None, taken: set[str]) -> str | None:
    """Find what rows without a kind are, where many have none: events of page views carry no name, but a type."""
    if kind is None or table.column(kind).filled >= ALL_HAVE * table.rows:
        return None
    full = [
        column
        for column in table.columns.values()
        if column.type == "category"
        and "kind" in concepts(column.name)
        and column.name not in taken
        and column.filled >= ALL_HAVE * table.rows
        and column.distinct <= MOST_KINDS
    ]
    return full[0].name if full else None


def _asset(table: Table, taken: set[str]) -> str | None:
    named = _named(table, "asset", taken)
    if named is not None:
        return named
    for column in table.columns.values():
        pages = [value for value in column.values if value.startswith(("/", "http"))]
        if column.type == "category" and column.name not in taken and pages and len(pages) * 2 >= len(column.values):
            return column.name
    return None


def _named(table: Table, concept: str, taken: set[str]) -> str | None:
    found = [
        c
        for c in table.columns.values()
        if concept in concepts(c.name) and c.filled and c.name not in taken and c.type in ("category", "text")
    ]
    found = [c for c in found if c.personal in (None, "text") and not (c.personal == "text" and c.type == "text")]
    return max(found, key=lambda column: column.filled).name if found else None


def _visitor(connection: Connection, plan: Plan, table: Table, taken: set[str], refers: Reference | None) -> str | None:
    named = next((c.name for c in table.columns.values() if "visitor_id" in concepts(c.name) and c.filled), None)
    if named is not None or not all(name.startswith("c") and name[1:].isdigit() for name in table.columns):
        return named
    # Without names: what every row has, is neither kind nor page nor moment, and goes with the lead's id where there is one.
    for column in reversed(table.columns.values()):
        if (
            column.name in taken
            or column.type not in ("category", "text", "number")
            or column.filled < 0.9 * table.rows
        ):
            continue
        if refers is None or overlap(connection, table, column.name, plan.people, plan.lead_id.name) < JOINS:
            constant = column.distinct == 1 and table.rows > 20
            if not constant and _goes_with(connection, table, column.name, refers):
                return column.name
    return None


def _goes_with(connection: Connection, table: Table, name: str, refers: Reference | None) -> bool:
    """Whether each value of a column has at most one lead."""
    if refers is None:
        return True
    [(most,)] = connection.execute(
        f"SELECT max(n) FROM (SELECT count(DISTINCT nullif(trim({quoted(refers.column)}), '')) AS n FROM {table.loaded} "
        f"GROUP BY {quoted(name)})"
    ).fetchall()
    return most is not None and most <= 1

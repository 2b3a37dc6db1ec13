"""The views of touchpoints and identities in a source's SQL."""

from pipeline.onboarding.activities import FILES_OF_SALES, SALES_KINDS, SYSTEM_KINDS
from pipeline.onboarding.plan import Activity, Plan
from pipeline.onboarding.source_parts import (
    column_moment_sql,
    given_kind_sql,
    has_sql,
    listed_sql,
    position_sql,
    reference_sql,
)
from pipeline.tables.contract_sql import quoted

__all__ = ["identities_sql", "touchpoints_sql"]


def touchpoints_sql(plan: Plan, views: dict[int, str]) -> str:
    """Write the view of touchpoints; `views` names each table's by the table's id()."""
    selects = [_activity(plan, item, views) for item in plan.activities]
    rows = sum(item.rows() for item in plan.activities)
    return f"-- Touchpoints: {rows:,} rows.\nCREATE VIEW touchpoints AS\n" + "\nUNION ALL BY NAME\n".join(selects) + ";"


def _activity(plan: Plan, item: Activity, views: dict[int, str]) -> str:
    lead, rows = reference_sql(plan, item.reference, views[id(item.table)], views)
    kind, zone = _kind(item), item.zone(plan.zone)
    columns = [f"{quoted(item.identifier)} AS touchpoint_id"] if item.identifier else []
    columns.append(f"{lead} AS lead_id")
    columns += [f"{quoted(item.visitor)} AS visitor_id"] if item.visitor else []
    columns.append(f"{column_moment_sql(plan, item.moment, ends=True, zone=zone)} AS occurred_at")
    columns += [f"{column_moment_sql(plan, item.recorded, zone=zone)} AS recorded_at"] if item.recorded else []
    columns.append(f"{kind} AS kind")
    for name, column in (("channel", item.channel), ("asset", item.asset), ("campaign", item.campaign)):
        if column is not None:
            columns.append(f"{_page(column) if name == 'asset' else quoted(column)} AS {name}")
    by = _by(item, kind)
    columns += [f"{by} AS by"] * bool(by)
    lines = ",\n       ".join([*columns, position_sql(item.table)])
    where = f"\nWHERE NOT {has_sql(item.unless)}" if item.unless else ""
    return f"SELECT {lines}\nFROM {rows}{where}"


def _kind(item: Activity) -> str:
    if item.kind is None:
        return f"'{item.constant_kind}'"
    given = given_kind_sql(item)
    by_kind: dict[str, list[str]] = {}
    for value, kind in item.kinds.items():
        by_kind.setdefault(kind, []).append(value)
    if not by_kind:
        return given
    cases = "\n           ".join(
        f"WHEN tidied({given}) IN ({listed_sql(values)}) THEN '{kind}'" for kind, values in by_kind.items()
    )
    return f"CASE {cases}\n           ELSE {given} END"


def _page(column: str) -> str:
    """Write the SQL of a page without its host, and without what stands behind ? or #: there may be names in it."""
    return f"regexp_replace({quoted(column)}, '^https?://[^/]+|[?#].*$', '', 'g')"


def _by(item: Activity, kind: str) -> str:
    """Write the SQL of who acted: what sales or a system does is not the lead's behaviour."""
    if item.kind is None:
        return "'sales'" if item.constant_kind in FILES_OF_SALES else ""
    given = given_kind_sql(item)
    values = {v: item.kinds.get(v, v) for v in item.kind_values()}
    cases = [
        f"WHEN tidied({given}) IN ({listed_sql(v for v, k in values.items() if k in kinds)}) THEN '{by}'"
        for by, kinds in (("sales", SALES_KINDS), ("system", SYSTEM_KINDS))
        if any(k in kinds for k in values.values())
    ]
    return f"CASE {' '.join(cases)} ELSE 'lead' END" if cases else ""


def identities_sql(plan: Plan, views: dict[int, str]) -> str:
    """Write the view of who an anonymous visitor turned out to be, from rows that name both."""
    selects = []
    for item in (*plan.activities, *plan.identifications):
        if item.visitor and item.reference:
            lead, rows = reference_sql(plan, item.reference, views[id(item.table)], views)
            moment = column_moment_sql(plan, item.moment, zone=item.zone(plan.zone))
            selects.append(
                f"SELECT {quoted(item.visitor)} AS visitor_id, {lead} AS lead_id, {moment} AS moment_at\nFROM {rows}\n"
                f"WHERE {has_sql(item.reference.column)} AND {has_sql(item.visitor)}"
            )
    rows = "\nUNION ALL\n".join(selects)
    return (
        "-- Who an anonymous visitor turned out to be, from the first visit that says so.\nCREATE VIEW identities AS\n"
        "SELECT visitor_id, lead_id, min(try_cast(moment_at AS TIMESTAMPTZ)) AS identified_at\n"
        f"FROM (\n{rows}\n)\nGROUP BY 1, 2;"
    )

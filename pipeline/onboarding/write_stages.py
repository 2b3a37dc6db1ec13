"""The view of stage changes in a source's SQL: from columns of dates, from today's status, from histories."""

from pipeline.onboarding.plan import History, Plan, StageColumn, StatusStages
from pipeline.onboarding.source_parts import column_moment_sql, has_sql, listed_sql, position_sql, reference_sql
from pipeline.tables.contract_sql import quoted

__all__ = ["stage_changes_sql"]

DATED_BY_DAY = ("sales_qualified", "disqualified", "recycled", "customer")


def stage_changes_sql(plan: Plan, views: dict[int, str]) -> str:
    """Write the view; `views` names each table's by the table's id()."""
    selects = []
    if plan.starts_at_creation:
        selects.append(
            "SELECT lead_id, 'mql' AS stage, created_at AS occurred_at, NULL::VARCHAR AS reason, source_file, source_line\n"
            "FROM leads"
        )
    selects += [_stage_column(plan, item, views) for item in plan.stage_columns]
    selects += [_status(plan, item, views) for item in plan.statuses]
    selects += [_history(plan, item, views) for item in plan.histories]
    return "-- Stages of leads.\nCREATE VIEW stage_changes AS\n" + "\nUNION ALL BY NAME\n".join(selects) + ";"


def _stage_column(plan: Plan, item: StageColumn, views: dict[int, str]) -> str:
    moment = column_moment_sql(plan, item.column, ends=item.stage in DATED_BY_DAY)
    only = f" AND tidied({quoted(item.only[0])}) IN ({listed_sql(item.only[1])})" if item.only else ""
    return _one_stage(plan, item, views, moment, f"{has_sql(item.column.name)}{only}")


def _status(plan: Plan, item: StatusStages, views: dict[int, str]) -> str:
    moment = "NULL::VARCHAR"
    if item.moment is not None:
        moment = column_moment_sql(plan, item.moment, ends=True)
    elif item.at_export:
        moment = "(SELECT exported_at FROM export)"
    unless = "".join(f" AND NOT {has_sql(name)}" for name in item.unless)
    where = f"tidied({quoted(item.column)}) IN ({listed_sql(item.values)}){unless}"
    return _one_stage(plan, item, views, moment, where)


def _one_stage(plan: Plan, item: StageColumn | StatusStages, views: dict[int, str], moment: str, where: str) -> str:
    lead, rows = reference_sql(plan, item.reference, views[id(item.table)], views)
    reason = quoted(item.reason) if item.reason and item.stage == "disqualified" else "NULL::VARCHAR"
    return (
        f"SELECT {lead} AS lead_id, '{item.stage}' AS stage, {moment} AS occurred_at,\n"
        f"       {reason} AS reason, {position_sql(item.table)}\nFROM {rows}\nWHERE {where}"
    )


def _history(plan: Plan, item: History, views: dict[int, str]) -> str:
    lead, rows = reference_sql(plan, item.reference, views[id(item.table)], views)
    by_stage: dict[str, list[str]] = {}
    for value, stage in item.stages.items():
        by_stage.setdefault(stage, []).append(value)
    cases = " ".join(f"WHEN tidied({quoted(item.column)}) IN ({listed_sql(v)}) THEN '{s}'" for s, v in by_stage.items())
    extra = f", {quoted(item.reason)} AS reason" if item.reason else ", NULL::VARCHAR AS reason"
    extra += f", {column_moment_sql(plan, item.recorded)} AS recorded_at" if item.recorded else ""
    moment = column_moment_sql(plan, item.moment)
    starts = listed_sql(value for value, stage in item.stages.items() if stage not in DATED_BY_DAY)
    if item.moment.moments is not None and item.moment.moments.is_day:
        ends = column_moment_sql(plan, item.moment, ends=True)
        moment = (
            f"CASE WHEN tidied({quoted(item.column)}) IN ({starts}) THEN {moment} ELSE {ends} END" if starts else ends
        )
    return (
        f"SELECT {lead} AS lead_id,\n       CASE {cases} END AS stage,\n       {moment} AS occurred_at"
        f"{extra}, {position_sql(item.table)}\nFROM {rows}\nWHERE tidied({quoted(item.column)}) IN ({listed_sql(item.stages)})"
    )

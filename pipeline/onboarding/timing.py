"""When the files were exported, and how long outcomes took: what a preset needs to know of time."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.onboarding.activities import PLANNED_KINDS
from pipeline.onboarding.cells import filled_sql, value_sql
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.moments import format_of_shape, instant_sql, settle_order
from pipeline.onboarding.names import concepts, normal, words
from pipeline.onboarding.plan import Activity, Plan
from pipeline.onboarding.source_parts import given_kind_sql
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection, text_literal

__all__ = ["Durations", "find_export_moment", "measure_durations"]

DAYS = (7, 14, 21, 30, 45, 60, 90, 120, 150, 180, 270, 365)
FEW = 20  # outcomes, fewer say nothing about how long they take
USUAL_LABEL_DAYS, USUAL_EXPIRE_DAYS = 60, 120  # where nothing can be measured
RECORDING_DAYS = 2  # as labels.recording_delay_days
LABEL_SHARE, EXPIRE_SHARE = 0.3, 0.6  # of the history; the rest must hold training and test
GAP_DAYS, STRAY_SHARE = 30, 0.001  # so few moments beyond such a gap are typed wrong
DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}(?:(?:, | |T)\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?)?")


@dataclass(frozen=True)
class Durations:
    """How long outcomes took, and what follows for the labels.

    Attributes
    ----------
    mqls, qualified, disqualified : int
        Leads with each.
    label_days, expire_days : int
        Proposed.
    per_week : float
        Outcomes per week: what sales decided.
    because : str
        From which figures.
    """

    mqls: int
    qualified: int
    disqualified: int
    label_days: int
    expire_days: int
    per_week: float
    because: str


def find_export_moment(connection: Connection, plan: Plan, paths: Iterable[Path], tables: list[Table]) -> None:
    """Fill the plan's moment of the export: what a file says of itself, else the newest moment that can't be planned ahead.

    Never later than the newest file's date.
    """
    stated = _stated(connection, plan.zone, tables)
    newest_file = max(path.stat().st_mtime for path in paths)
    limit = dt.datetime.fromtimestamp(newest_file, dt.UTC)
    if stated is not None:
        plan.exported_at, plan.exported_because = stated, "as the file says above or below its rows"
        return
    selects = [
        f"SELECT {_end_of_day(column, zone)} AS moment_at FROM {table.loaded} WHERE {where}"
        for table, column, where, zone in _unplanned(plan)
    ]
    moments = " UNION ALL ".join(selects) or "SELECT NULL::TIMESTAMPTZ AS moment_at WHERE false"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE unplanned AS {moments}")
    before = f"moment_at <= {text_literal(limit.isoformat())}::TIMESTAMPTZ"
    [(count,)] = connection.execute(f"SELECT count(moment_at) FROM unplanned WHERE {before}").fetchall()
    stray = int(STRAY_SHARE * count)
    moment = f"max(moment_at) FILTER ({before})"
    if stray:
        moment = (
            f"max(moment_at) FILTER ({before} AND moment_at < (SELECT max(moment_at) + INTERVAL {GAP_DAYS} DAY "
            f"FROM (SELECT moment_at FROM unplanned WHERE {before} ORDER BY moment_at DESC OFFSET {stray})))"
        )
    [(found, later)] = connection.execute(
        f"SELECT strftime(date_trunc('second', ({moment}) AT TIME ZONE {text_literal(plan.zone)}) + INTERVAL 1 SECOND, "
        # the second after: what happened at the newest moment is known
        "'%Y-%m-%d %H:%M:%S.%f'), "
        f"count(*) FILTER (moment_at > {text_literal(limit.isoformat())}::TIMESTAMPTZ) FROM unplanned"
    ).fetchall()
    if found is None:
        plan.exported_at, plan.exported_because = limit.isoformat(timespec="seconds"), "the newest file's date"
        return
    [(plan.exported_at,)] = connection.execute(
        f"SELECT with_offset({text_literal(found)}::TIMESTAMP, {text_literal(plan.zone)})"
    ).fetchall()
    plan.exported_because = "the newest moment of what can't be planned ahead (created, changed, done)"
    if later:
        plan.unsure.append(f"{later:,} moment(s) lie after the files' own date; they count as typed wrong")


def _end_of_day(column: Column, zone: str) -> str:
    """Write the SQL of a moment; a day without a time is its end, as everything of that day may have been known."""
    if column.moments is None:
        return "NULL::TIMESTAMPTZ"
    instant = instant_sql(column.moments, value_sql(column.name), zone)
    return f"{instant} + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND" if column.moments.is_day else instant


def _unplanned(plan: Plan) -> Iterable[tuple[Table, Column, str, str]]:
    """List columns whose moments are past when they are written, each with the rows of which that is so, and their zone."""
    people = [c for c in plan.people.moments() if concepts(c.name) & {"created_at", "modified_at"} or c is plan.created]
    found = [(plan.people, column, "true", plan.zone) for column in people]
    found += [(item.table, item.column, "true", plan.zone) for item in plan.stage_columns]
    for history in plan.histories:
        found += [(history.table, c, "true", plan.zone) for c in (history.moment, history.recorded) if c is not None]
    for activity in plan.activities:
        for column in (activity.moment, activity.recorded):
            if column is not None:
                found.append((activity.table, column, _not_planned(activity), activity.zone(plan.zone)))
    return found


def _not_planned(activity: Activity) -> str:
    if activity.kind is None:
        return "true"
    planned = [value for value in activity.kind_values() if activity.kinds.get(value, value) in PLANNED_KINDS]
    listed = ", ".join(text_literal(value) for value in planned)
    return f"coalesce(tidied({given_kind_sql(activity)}) NOT IN ({listed}), true)" if planned else "true"


def _stated(connection: Connection, zone: str, tables: list[Table]) -> str | None:
    """Read a report's own date from the lines around its rows."""
    for table in tables:
        order = next((c.moments.order for c in table.moments() if c.moments and c.moments.order), None)
        for line in table.remarks:
            match = DATE.search(line)
            if match is None or not any(
                f" {word} " in f" {normal(line[: match.start()])} " for word in words("generated")
            ):
                continue
            way = format_of_shape(re.sub(r"\d", "9", match[0]))
            if way is not None and way.is_open and order is not None:
                way = settle_order(way, order == "day")
            if way is None or way.is_open:
                continue
            call = "moment" if way.has_time else "day"
            [(found,)] = connection.execute(
                f"SELECT {call}({text_literal(match[0])}, {text_literal(way.format)}, {text_literal(zone)})"
            ).fetchall()
            return str(found)
    return None


def measure_durations(connection: Connection, plan: Plan) -> Durations:
    """Measure the days from the first MQL moment to each outcome, and propose lengths that this history can hold."""
    starts, ends = _stage_rows(plan, ("mql",)), _stage_rows(plan, ("sales_qualified", "disqualified"))
    if plan.starts_at_creation and plan.created is not None and plan.created.moments is not None:
        instant = instant_sql(plan.created.moments, value_sql(plan.created.name), plan.zone)
        starts.append(
            f"SELECT {value_sql(plan.lead_id.name)} AS lead, 'mql' AS stage, {instant} AS moment_at FROM {plan.people.loaded}"
        )
    empty = "SELECT NULL::VARCHAR AS lead, NULL::VARCHAR AS stage, NULL::TIMESTAMPTZ AS moment_at WHERE false"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE durations AS
        WITH starts AS (SELECT lead, min(moment_at) AS moment_at FROM ({" UNION ALL ".join(starts) or empty}) GROUP BY 1),
        ends AS (SELECT lead, coalesce(min_by(stage, moment_at), min(stage)) AS stage, min(moment_at) AS moment_at
                 FROM ({" UNION ALL ".join(ends) or empty}) GROUP BY 1)
        SELECT s.lead, s.moment_at, e.stage, epoch(e.moment_at - s.moment_at) / 86400 AS days
        FROM starts s LEFT JOIN ends e ON e.lead = s.lead
            AND (e.moment_at IS NULL OR e.moment_at >= s.moment_at - INTERVAL 1 DAY)
        WHERE s.moment_at IS NOT NULL AND s.moment_at <= {text_literal(plan.exported_at)}::TIMESTAMPTZ"""
    )
    [(mqls, won, lost, won_days, longest, any_days, span)] = connection.execute(
        f"""SELECT count(*), count(*) FILTER (stage = 'sales_qualified'), count(*) FILTER (stage = 'disqualified'),
        quantile_cont(days, 0.9) FILTER (stage = 'sales_qualified'), max(days) FILTER (stage = 'sales_qualified'),
        quantile_cont(days, 0.975), epoch({text_literal(plan.exported_at)}::TIMESTAMPTZ - min(moment_at)) / 86400
        FROM durations"""
    ).fetchall()
    span = span or 0.0
    if won_days is None and won >= FEW:  # a status alone says so, and nothing when
        label = _days(USUAL_LABEL_DAYS, span * LABEL_SHARE)
        because = f"none of the {won:,} qualifications has a moment that can be read: nobody knows how long they take"
    elif won < FEW:
        label = _days(longest or USUAL_LABEL_DAYS, (span - RECORDING_DAYS) if won else USUAL_LABEL_DAYS)
        because = f"only {won:,} qualification(s) in {span:.0f} days: too few to measure how long they take"
    else:
        label = _days(won_days, span * LABEL_SHARE)
        because = f"9 of 10 of the {won:,} qualifications took at most {won_days:.0f} days; {span:.0f} days of history"
    expire = max(label, _days(any_days, span * EXPIRE_SHARE) if won + lost >= FEW and any_days else USUAL_EXPIRE_DAYS)
    if (
        span <= DAYS[-1]
    ):  # of a short history nobody can say that its oldest leads are dead: the list holds every open one
        expire = max(expire, _days(span, DAYS[-1]))
    return Durations(mqls, won, lost, label, expire, (won + lost) / max(1.0, span / 7), because)


def _days(wanted: float, most: float) -> int:
    """Round up to a usual number of days, as far as the history allows.

    Examples
    --------
    >>> _days(23.4, 45.0), _days(80.0, 45.0), _days(1000.0, 2000.0)
    (30, 45, 365)
    """
    allowed = [days for days in DAYS if days <= most] or [DAYS[0]]
    return next((days for days in allowed if days >= wanted), allowed[-1])


def _stage_rows(plan: Plan, stages: tuple[str, ...]) -> list[str]:
    selects = []
    for item in plan.stage_columns:
        by_id = item.reference is None or item.reference.of_people == plan.lead_id.name
        if by_id and item.stage in stages and item.column.moments is not None:
            lead = value_sql(item.reference.column if item.reference else plan.lead_id.name)
            instant = _end_of_day(item.column, plan.zone)
            only = ""
            if item.only is not None:
                values = ", ".join(text_literal(value) for value in item.only[1])
                only = f" AND tidied({quoted(item.only[0])}) IN ({values})"
            if item.stage == "mql":
                instant = instant_sql(item.column.moments, value_sql(item.column.name), plan.zone)
            selects.append(
                f"SELECT {lead} AS lead, '{item.stage}' AS stage, {instant} AS moment_at FROM {item.table.loaded} "
                f"WHERE {filled_sql(item.column.name)}{only}"
            )
    selects += _status_rows(plan, stages)
    for history in plan.histories:
        if history.moment.moments is None:
            continue
        instant = instant_sql(history.moment.moments, value_sql(history.moment.name), plan.zone)
        for value, stage in history.stages.items():
            if stage in stages:
                selects.append(
                    f"SELECT {value_sql(history.reference.column)} AS lead, '{stage}' AS stage, {instant} AS moment_at "
                    f"FROM {history.table.loaded} WHERE tidied({quoted(history.column)}) = {text_literal(value)}"
                )
    return selects


def _status_rows(plan: Plan, stages: tuple[str, ...]) -> list[str]:
    """Take outcomes that a status alone tells: dated by the row's last change; of others nobody knows how long they took."""
    selects = []
    for item in plan.statuses:
        by_id = item.reference is None or item.reference.of_people == plan.lead_id.name
        if by_id and item.stage in stages:
            lead = value_sql(item.reference.column if item.reference else plan.lead_id.name)
            instant = _end_of_day(item.moment, plan.zone) if item.moment is not None else "NULL::TIMESTAMPTZ"
            listed = ", ".join(text_literal(value) for value in item.values)
            unless = "".join(f" AND NOT {filled_sql(name)}" for name in item.unless)
            selects.append(
                f"SELECT {lead} AS lead, '{item.stage}' AS stage, {instant} AS moment_at FROM {item.table.loaded} "
                f"WHERE tidied({quoted(item.column)}) IN ({listed}){unless}"
            )
    return selects

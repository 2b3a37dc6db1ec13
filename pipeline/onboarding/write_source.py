"""The source's SQL, written from the plan: short, with a comment per view, for a person to read and correct.

Names of files and columns, and values, are data: identifiers and literals are quoted, and comments hold no line breaks.
"""

import re
import textwrap
from collections.abc import Iterable

from pipeline.onboarding.activities import SALES_KINDS, SYSTEM_KINDS
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.moments import moment_sql
from pipeline.onboarding.names import plain_word
from pipeline.onboarding.plan import Activity, Attribute, History, Plan, Reference, StageColumn, StatusStages
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import text_literal

__all__ = ["one_line", "source_sql"]

WIDTH = 120
DATED_BY_DAY = ("sales_qualified", "disqualified", "recycled", "customer")


def one_line(text: str) -> str:
    r"""Write a text on one line, without characters that steer a terminal or end a comment.

    Examples
    --------
    >>> one_line("a\nDROP TABLE x; \x1b[31mred")
    'a DROP TABLE x; [31mred'
    """
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", text).split())


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
    parts = [_comment([*plan.notes, *plan.unsure, *asked]), _export(plan)]
    parts += [f"CREATE VIEW {name} AS\n{_reader(table)};" for table, name in _file_views(plan)]
    if plan.activities:
        parts.append(_touchpoints(plan, views))
    if any(activity.visitor and activity.reference for activity in plan.activities):
        parts.append(_identities(plan, views))
    parts.append(_leads(plan, views))
    if plan.accounts is not None:
        parts.append(_accounts(plan, views))
    parts += [_stage_changes(plan, views), _attributes(plan)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _comment(lines: Iterable[str]) -> str:
    return "\n".join(
        textwrap.fill(one_line(line), WIDTH, initial_indent="-- ", subsequent_indent="--   ", break_long_words=False)
        for line in lines
    )


def _file_views(plan: Plan) -> list[tuple[Table, str]]:
    """Name a view for each table that is used, after its file."""
    used: list[Table] = [plan.people, *([plan.accounts] if plan.accounts else [])]
    used += [i.table for i in plan.stage_columns] + [i.table for i in plan.statuses]
    used += [i.table for i in plan.histories] + [i.table for i in plan.activities]
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


def _position(table: Table) -> str:
    return "source_file, source_line" if table.position else "NULL::VARCHAR AS source_file, NULL::BIGINT AS source_line"


def _lead(plan: Plan, column: str) -> str:
    """Write the SQL of a lead's id; a mail address is no id to keep, but its hash is."""
    return f"md5(lower(trim({quoted(column)})))" if plan.hashed_id else quoted(column)


def _moment(plan: Plan, column: Column, *, ends: bool = False, zone: str | None = None) -> str:
    """Write the SQL of a moment. `ends`: a day without a time is its end, since nobody knew of it before."""
    if column.moments is None:
        return "NULL"
    name = "day" if ends and column.moments.is_day else "moment"
    return moment_sql(column.moments, quoted(column.name), zone or plan.zone, name=name)


def _leads(plan: Plan, views: dict[int, str]) -> str:
    people = plan.people
    columns = [f"{_lead(plan, plan.lead_id.name)} AS lead_id"]
    if plan.account is not None:
        columns.append(f"{quoted(plan.account.name)} AS account_id")
    columns.append(f"{_created(plan)} AS created_at")
    columns += [
        f"{_attribute(attribute)} AS {quoted(attribute.name)}"
        for attribute in plan.attributes
        if attribute.entity == "lead"
    ]
    columns.append(_position(people))
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
            f"FROM touchpoints GROUP BY 1) AS f\n    ON f._first_lead = {_lead(plan, plan.lead_id.name)}"
        )
    return f"{_comment(comment)}\nCREATE VIEW leads AS\nSELECT {lines}\nFROM {source};"


def _falls_back(plan: Plan) -> bool:
    return plan.created is None or plan.created.unread > 0 or plan.created.filled < plan.people.rows


def _created(plan: Plan) -> str:
    """Write the SQL of a lead's creation; where it can't be read, the lead's earliest other moment, so that the lead stays."""
    own = [_moment(plan, item.column) for item in plan.stage_columns if item.table is plan.people]
    if not _falls_back(plan):
        return _moment(plan, plan.created) if plan.created is not None else "NULL"
    others = [f"try_cast({text} AS TIMESTAMPTZ)" for text in own] + ["f._first_at"] * bool(plan.activities)
    lines = ",\n                ".join(others)
    earliest = f"least({lines})" if others else "NULL"
    if plan.created is None:
        return f"{earliest}::VARCHAR"
    return f"coalesce(try_cast({_moment(plan, plan.created)} AS TIMESTAMPTZ),\n           {earliest})::VARCHAR"


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
    lines = ",\n       ".join([*columns, _position(table)])
    return f"-- Accounts: {table.rows:,} rows.\nCREATE VIEW accounts AS\nSELECT {lines}\nFROM {views[id(table)]};"


def _reference(plan: Plan, reference: Reference | None, view: str, views: dict[int, str]) -> tuple[str, str]:
    """Write the SQL of a row's lead, and of the rows: joined by mail address where no id names the lead."""
    if reference is None:
        return (_lead(plan, plan.lead_id.name) if view == views[id(plan.people)] else "NULL::VARCHAR"), f"{view} AS t"
    if reference.of_people == plan.lead_id.name:
        return _lead(plan, reference.column), f"{view} AS t"
    address = f"lower(trim(t.{quoted(reference.column)}))"
    known = (
        f"(SELECT lower(trim({quoted(reference.of_people)})) AS _address, min({_lead(plan, plan.lead_id.name)}) AS _lead "
        f"FROM {views[id(plan.people)]} GROUP BY 1) AS k"
    )
    return f"coalesce(k._lead, md5({address}))", f"{view} AS t\nLEFT JOIN {known} ON k._address = {address}"


def _stage_changes(plan: Plan, views: dict[int, str]) -> str:
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


def _listed(values: Iterable[str]) -> str:
    return ", ".join(text_literal(value) for value in values)


def _has(column: str) -> str:
    return f"present({quoted(column)})"


def _stage_column(plan: Plan, item: StageColumn, views: dict[int, str]) -> str:
    lead, rows = _reference(plan, item.reference, views[id(item.table)], views)
    reason = quoted(item.reason) if item.reason and item.stage == "disqualified" else "NULL::VARCHAR"
    moment = _moment(plan, item.column, ends=item.stage in DATED_BY_DAY)
    only = f" AND tidied({quoted(item.only[0])}) IN ({_listed(item.only[1])})" if item.only else ""
    return (
        f"SELECT {lead} AS lead_id, '{item.stage}' AS stage, {moment} AS occurred_at,\n"
        f"       {reason} AS reason, {_position(item.table)}\n"
        f"FROM {rows}\nWHERE {_has(item.column.name)}{only}"
    )


def _status(plan: Plan, item: StatusStages, views: dict[int, str]) -> str:
    lead, rows = _reference(plan, item.reference, views[id(item.table)], views)
    moment = "NULL::VARCHAR"
    if item.moment is not None:
        moment = _moment(plan, item.moment, ends=True)
    elif item.at_export:
        moment = "(SELECT exported_at FROM export)"
    reason = quoted(item.reason) if item.reason and item.stage == "disqualified" else "NULL::VARCHAR"
    unless = "".join(f" AND NOT {_has(name)}" for name in item.unless)
    return (
        f"SELECT {lead} AS lead_id, '{item.stage}' AS stage, {moment} AS occurred_at,\n"
        f"       {reason} AS reason, {_position(item.table)}\n"
        f"FROM {rows}\nWHERE tidied({quoted(item.column)}) IN ({_listed(item.values)}){unless}"
    )


def _history(plan: Plan, item: History, views: dict[int, str]) -> str:
    lead, rows = _reference(plan, item.reference, views[id(item.table)], views)
    by_stage: dict[str, list[str]] = {}
    for value, stage in item.stages.items():
        by_stage.setdefault(stage, []).append(value)
    cases = " ".join(f"WHEN tidied({quoted(item.column)}) IN ({_listed(v)}) THEN '{s}'" for s, v in by_stage.items())
    extra = f", {quoted(item.reason)} AS reason" if item.reason else ", NULL::VARCHAR AS reason"
    extra += f", {_moment(plan, item.recorded)} AS recorded_at" if item.recorded else ""
    moment = _moment(plan, item.moment)
    starts = _listed(value for value, stage in item.stages.items() if stage not in DATED_BY_DAY)
    if item.moment.moments is not None and item.moment.moments.is_day:
        ends = _moment(plan, item.moment, ends=True)
        moment = (
            f"CASE WHEN tidied({quoted(item.column)}) IN ({starts}) THEN {moment} ELSE {ends} END" if starts else ends
        )
    return (
        f"SELECT {lead} AS lead_id,\n       CASE {cases} END AS stage,\n       {moment} AS occurred_at"
        f"{extra}, {_position(item.table)}\nFROM {rows}\nWHERE tidied({quoted(item.column)}) IN ({_listed(item.stages)})"
    )


def _touchpoints(plan: Plan, views: dict[int, str]) -> str:
    selects = [_activity(plan, item, views) for item in plan.activities]
    rows = sum(item.table.rows for item in plan.activities)
    return f"-- Touchpoints: {rows:,} rows.\nCREATE VIEW touchpoints AS\n" + "\nUNION ALL BY NAME\n".join(selects) + ";"


def _activity(plan: Plan, item: Activity, views: dict[int, str]) -> str:
    lead, rows = _reference(plan, item.reference, views[id(item.table)], views)
    kind, zone = _kind(item), item.zone(plan.zone)
    columns = [f"{quoted(item.identifier)} AS touchpoint_id"] if item.identifier else []
    columns.append(f"{lead} AS lead_id")
    columns += [f"{quoted(item.visitor)} AS visitor_id"] if item.visitor else []
    columns.append(f"{_moment(plan, item.moment, ends=True, zone=zone)} AS occurred_at")
    columns += [f"{_moment(plan, item.recorded, zone=zone)} AS recorded_at"] if item.recorded else []
    columns.append(f"{kind} AS kind")
    for name, column in (("channel", item.channel), ("asset", item.asset), ("campaign", item.campaign)):
        if column is not None:
            columns.append(f"{_page(column) if name == 'asset' else quoted(column)} AS {name}")
    by = _by(item, kind)
    columns += [f"{by} AS by"] * bool(by)
    lines = ",\n       ".join([*columns, _position(item.table)])
    return f"SELECT {lines}\nFROM {rows}"


def _kind(item: Activity) -> str:
    if item.kind is None:
        return f"'{item.constant_kind}'"
    by_kind: dict[str, list[str]] = {}
    for value, kind in item.kinds.items():
        by_kind.setdefault(kind, []).append(value)
    if not by_kind:
        return quoted(item.kind)
    cases = "\n           ".join(
        f"WHEN tidied({quoted(item.kind)}) IN ({_listed(values)}) THEN '{kind}'" for kind, values in by_kind.items()
    )
    return f"CASE {cases}\n           ELSE {quoted(item.kind)} END"


def _page(column: str) -> str:
    """Write the SQL of a page without its host, and without what stands behind ? or #: there may be names in it."""
    return f"regexp_replace({quoted(column)}, '^https?://[^/]+|[?#].*$', '', 'g')"


def _by(item: Activity, kind: str) -> str:
    """Write the SQL of who acted: what sales or a system does is not the lead's behaviour."""
    values = {} if item.kind is None else {v: item.kinds.get(v, v) for v in item.table.column(item.kind).values}
    cases = [
        f"WHEN tidied({quoted(item.kind)}) IN ({_listed(v for v, k in values.items() if k in kinds)}) THEN '{by}'"
        for by, kinds in (("sales", SALES_KINDS), ("system", SYSTEM_KINDS))
        if item.kind is not None and any(k in kinds for k in values.values())
    ]
    return f"CASE {' '.join(cases)} ELSE 'lead' END" if cases else ""


def _identities(plan: Plan, views: dict[int, str]) -> str:
    selects = []
    for item in plan.activities:
        if item.visitor and item.reference:
            lead, rows = _reference(plan, item.reference, views[id(item.table)], views)
            moment = _moment(plan, item.moment, zone=item.zone(plan.zone))
            selects.append(
                f"SELECT {quoted(item.visitor)} AS visitor_id, {lead} AS lead_id, {moment} AS moment_at\nFROM {rows}\n"
                f"WHERE {_has(item.reference.column)} AND {_has(item.visitor)}"
            )
    rows = "\nUNION ALL\n".join(selects)
    return (
        "-- Who an anonymous visitor turned out to be, from the first visit that says so.\nCREATE VIEW identities AS\n"
        "SELECT visitor_id, lead_id, min(try_cast(moment_at AS TIMESTAMPTZ)) AS identified_at\n"
        f"FROM (\n{rows}\n)\nGROUP BY 1, 2;"
    )


def _attributes(plan: Plan) -> str:
    rows = [f"({text_literal(a.entity)}, {text_literal(a.name)}, '{a.type}', '{a.known_at}')" for a in plan.attributes]
    because = [f"{a.name}: {a.known_at}, {a.because}" for a in plan.attributes if a.known_at != "creation"]
    declared = "AS declared (entity, attribute, type, known_at)"
    if not rows:
        body = f"SELECT * FROM (VALUES ('lead', 'none', 'category', 'after')) {declared} WHERE false;"
    else:
        listed = ",\n    ".join(rows)
        body = f"SELECT * FROM (VALUES\n    {listed}\n) {declared};"
    comment = _comment(["Attributes, and when each is known; the audit looks at all of them.", *because])
    return f"{comment}\nCREATE VIEW attributes AS\n{body}"

"""Which moments are a lead's stages: columns of dates, a status without a date, and tables of stage changes."""

from collections.abc import Iterable
from dataclasses import replace

from pipeline.onboarding.asked_stages import (
    AT_CREATION,
    ask_for_other_stages,
    ask_for_outcome,
    check_answers,
    stages_of,
    tell_unexplained,
)
from pipeline.onboarding.cells import filled_sql, value_sql
from pipeline.onboarding.column_roles import created_column, reason_column, stage_word, status_columns, time_columns
from pipeline.onboarding.columns import BOOLEANS, Column, Table
from pipeline.onboarding.names import concepts, stage_of
from pipeline.onboarding.plan import OUTCOMES, SAME, History, Plan, Question, Reference, StageColumn, StatusStages
from pipeline.onboarding.questions import Ask
from pipeline.onboarding.roles import Roles
from pipeline.onboarding.source_parts import listed_sql
from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection

__all__ = ["find_stages"]

AGREE = 0.98  # of the rows with both, two columns of one stage hold one moment
LOST_WORDS, WON_WORDS = ("disqualified",), ("won", "converted", "customer", "sales_qualified", "opportunity")


def find_stages(connection: Connection, plan: Plan, roles: Roles, ask: Ask, answers: dict[str, str]) -> None:
    """Fill the plan's stages.

    Raises
    ------
    DataError
        Two columns disagree about one stage, or one may be the outcome, and nobody answers.
    """
    check_answers(plan, roles, answers)
    found = [
        StageColumn(table, refers, column, word, reason_column(table))
        for table, refers in [(plan.people, None), *roles.deals]
        for column in table.moments()
        if (word := answered(answers, column) or stage_word(column)) is not None
    ]
    taken = {(item.table.name, item.column.name) for item in found}
    plan.assigned = [
        StageColumn(table, refers, column, "assigned")
        for table, refers in [(plan.people, None), *roles.deals]
        for column in table.moments()
        if "assigned_at" in concepts(column.name) and (table.name, column.name) not in taken
    ]
    found += _deals_created(roles, found)
    plan.histories = [_history(table, refers, status) for table, refers, status in roles.histories]
    in_history = {stage for history in plan.histories for stage in history.stages.values()}
    found = _closed(found, plan)
    starts = {item.stage for item in found} | in_history
    if "mql" not in starts and "deal" in {item.stage for item in found}:
        found = [replace(item, stage="mql") if item.stage == "deal" else item for item in found]
        plan.notes.append("a lead is marketing-qualified when its first deal is created: no column or status says MQL")
    elif "mql" not in starts:
        plan.starts_at_creation = True
        plan.notes.append(AT_CREATION)
    found = [replace(item, stage="opportunity") if item.stage == "deal" else item for item in found]
    outcome = next((stage for stage in OUTCOMES if stage in {item.stage for item in found} | in_history), None)
    plan.stage_columns = _one_outcome(connection, found, outcome, plan, ask)
    plan.histories = [_with_outcome(history, plan) for history in plan.histories]
    plan.statuses = list(_statuses(connection, plan, roles, outcome))
    named = "sales_qualified" in answers
    if "sales_qualified" not in stages_of(plan):
        ask_for_outcome(plan, roles, ask)
        named = "sales_qualified" in stages_of(plan)
    if named:
        ask_for_other_stages(plan, roles, ask)
    else:
        tell_unexplained(plan, roles)


def answered(answers: dict[str, str], column: Column) -> str | None:
    """Give the stage that `--set STAGE=COLUMN` names a column for."""
    return next((stage for stage in (*SAME, *OUTCOMES) if answers.get(stage) == column.name), None)


def _deals_created(roles: Roles, found: list[StageColumn]) -> list[StageColumn]:
    """Take a deal's creation for a stage of its lead; which one depends on what else there is."""
    taken = {(item.table.name, item.column.name) for item in found}
    return [
        StageColumn(table, refers, column, "deal")
        for table, refers in roles.deals
        if (column := created_column(table)) is not None and (table.name, column.name) not in taken
    ]


def _closed(found: list[StageColumn], plan: Plan) -> list[StageColumn]:
    """Split moments of closing into won and lost by the row's status, or drop those that nothing splits."""
    kept = [item for item in found if item.stage != "closed"]
    for item in found:
        if item.stage != "closed":
            continue
        for stage, words in (("won", WON_WORDS), ("disqualified", LOST_WORDS)):
            if any(other.stage == stage and other.table is item.table for other in kept):
                continue
            for status in status_columns(item.table):
                values = _closing_values(status, words)
                if values:
                    kept.append(replace(item, stage=stage, only=(status.name, values)))
                    break
            else:
                if stage == "disqualified" and item.reason is not None:
                    kept.append(
                        replace(item, stage=stage, only=(item.reason, tuple(item.table.column(item.reason).values)))
                    )
        if not any(other.column is item.column for other in kept):
            plan.unsure.append(f"{item.table.name}: column {item.column.name} is not used: nothing says how it closed")
    return kept


def _closing_values(status: Column, words: tuple[str, ...]) -> tuple[str, ...]:
    """List a status's values that say how a row was closed; where one says won, "qualified" is a stage on the way."""
    by_word = {value: stage_of(value) for value in status.values}
    final = tuple(value for value, word in by_word.items() if word in words and word in ("won", "customer"))
    return final or tuple(value for value, word in by_word.items() if word in words)


def _history(table: Table, refers: Reference, status: Column) -> History:
    stages = {value: stage for value in status.values if (stage := stage_of(value)) not in (None, "closed")}
    moment = time_columns(table)[0]
    recorded = next((c for c in table.moments() if "recorded_at" in concepts(c.name)), None)
    owner = next((c.name for c in table.columns.values() if "owner" in concepts(c.name)), None)
    return History(table, refers, status.name, stages, moment, reason_column(table), owner, recorded)


def _one_outcome(
    connection: Connection, found: list[StageColumn], outcome: str | None, plan: Plan, ask: Ask
) -> list[StageColumn]:
    """Decide which columns are the outcome, and which only lie near it."""
    result: list[StageColumn] = []
    for stage in dict.fromkeys(item.stage for item in found):
        same = _agreeing(connection, [item for item in found if item.stage == stage], plan, ask)
        if stage in SAME and stage != "customer":
            result += same
        elif stage == outcome:
            result += [replace(item, stage="sales_qualified") for item in same]
        elif stage == "opportunity" and outcome == "sales_qualified":
            # A lead that sales made an opportunity of was qualified, even if nobody noted it before.
            result += [replace(item, stage="sales_qualified") for item in same]
        elif stage in ("won", "customer") and outcome not in ("won", "customer"):
            result += [replace(item, stage="customer") for item in same]
        else:
            names = ", ".join(item.column.name for item in same)
            plan.unsure.append(f"{names} is not used: {outcome} is the more exact word for what sales decided")
    if outcome not in (None, "sales_qualified"):
        plan.notes.append(f"sales-qualified means {outcome}: nothing more exact is in the files")
    return result


def _agreeing(connection: Connection, same: list[StageColumn], plan: Plan, ask: Ask) -> list[StageColumn]:
    """Keep one of several columns for one stage in one table; where they disagree somebody must choose."""
    kept: list[StageColumn] = []
    for item in sorted(same, key=lambda item: -item.column.filled):
        rival = next((k for k in kept if k.table is item.table and k.only == item.only), None)
        if rival is None:
            kept.append(item)
            continue
        [(both, equal)] = connection.execute(
            f"SELECT count(*), count(*) FILTER ({value_sql(item.column.name)} = {value_sql(rival.column.name)} OR "
            f"left({value_sql(item.column.name)}, 10) = left({value_sql(rival.column.name)}, 10)) FROM {item.table.loaded} "
            f"WHERE {filled_sql(item.column.name)} AND {filled_sql(rival.column.name)}"
        ).fetchall()
        if both and equal >= AGREE * both:
            plan.notes.append(f"{item.column.name} holds the same as {rival.column.name}; the fuller one is used")
            continue
        names = (rival.column.name, item.column.name)
        question = Question(
            item.stage,
            f"Which column of {item.table.name} says when a lead became {item.stage.replace('_', ' ')}?",
            names,
            None,
            f"{names[0]} ({rival.column.filled:,} rows) and {names[1]} ({item.column.filled:,} rows) differ in "
            f"{both - equal:,} of {both:,} rows with both.",
        )
        if ask(question) == item.column.name:
            kept[kept.index(rival)] = item
    return kept


def _with_outcome(history: History, plan: Plan) -> History:
    """Write a history's words as stages of the contract; the outcome is the most exact word that occurs."""
    words = set(history.stages.values())
    outcome = next((stage for stage in OUTCOMES if stage in words), None)
    others = any(item.stage == "sales_qualified" for item in plan.stage_columns)

    def contract(stage: str) -> str | None:
        if stage in SAME and stage != "customer":
            return stage
        if stage == outcome and not others:
            return "sales_qualified"
        if stage == "opportunity":
            return "sales_qualified"
        return "customer" if stage in ("won", "customer") else None

    stages = {value: new for value, stage in history.stages.items() if (new := contract(stage)) is not None}
    unknown = [v for v in history.table.column(history.column).values if v not in stages]
    if unknown:
        plan.unsure.append(
            f"{history.table.name}: {len(unknown)} value(s) of {history.column} mean no stage that is known; their rows are "
            "left out"
        )
    return replace(history, stages=stages)


def _statuses(connection: Connection, plan: Plan, roles: Roles, outcome: str | None) -> Iterable[StatusStages]:
    """Find rows whose status names an outcome that no moment of the row dates; what comes before a dated one is none."""
    reached = OUTCOMES if outcome is None else OUTCOMES[OUTCOMES.index(outcome) :]
    for table, refers in [(plan.people, None), *roles.deals]:
        modified = next((c for c in table.moments() if "modified_at" in concepts(c.name)), None)
        for stage, words in (("sales_qualified", reached), ("disqualified", LOST_WORDS)):
            for status in _current_statuses(table):
                values = tuple(value for value in status.values if _status_stage(value, status) in words)
                if stage == "sales_qualified" and refers is not None:
                    values = tuple(value for value in values if stage_of(value) in ("won", "customer"))
                dates = _dates(plan, table, stage)
                if not values or (not dates and _dated_by_history(plan, stage)):
                    continue
                elsewhere = _dated_elsewhere(plan, table, stage)
                number = _undated(connection, table, status.name, values, dates, elsewhere)
                if not number:
                    continue
                at_export = modified is None and stage == "disqualified"
                dated = (
                    f"dated by {modified.name}"
                    if modified is not None
                    else "dated by the export, the latest moment it can be"
                    if at_export
                    else "without a moment: such leads leave the training rows"
                )
                plan.unsure.append(f"{table.name}: {number:,} row(s) are {stage} by {status.name} alone, {dated}")
                yield StatusStages(
                    table, refers, status.name, values, stage, modified, at_export, dates, reason_column(table)
                )
                break


def _current_statuses(table: Table) -> list[Column]:
    flags = [c for c in table.columns.values() if c.type == "boolean" and "converted" in concepts(c.name)]
    return [*status_columns(table), *flags]


def _status_stage(value: str, status: Column) -> str | None:
    if status.type == "boolean":
        return "converted" if BOOLEANS.get(value.lower()) else None
    return stage_of(value)


def _dates(plan: Plan, table: Table, stage: str) -> tuple[str, ...]:
    stages = (stage, "customer") if stage == "sales_qualified" else (stage,)
    return tuple(item.column.name for item in plan.stage_columns if item.table is table and item.stage in stages)


def _dated_by_history(plan: Plan, stage: str) -> bool:
    return any(stage in history.stages.values() for history in plan.histories)


def _dated_elsewhere(plan: Plan, table: Table, stage: str) -> str:
    """Write the SQL that leaves out people whose outcome a deal of theirs dates."""
    if table is not plan.people:
        return ""
    dated = [
        f"SELECT {value_sql(item.reference.column)} FROM {item.table.loaded} WHERE {filled_sql(item.column.name)}"
        + (f" AND tidied({quoted(item.only[0])}) IN ({listed_sql(item.only[1])})" if item.only else "")
        for item in plan.stage_columns
        if item.stage == stage and item.reference is not None and item.reference.of_people == plan.lead_id.name
    ]
    found = " UNION ALL ".join(dated)
    return (
        f" AND {value_sql(plan.lead_id.name)} NOT IN (SELECT coalesce(v, '') FROM ({found}) AS d(v))" if dated else ""
    )


def _undated(
    connection: Connection, table: Table, status: str, values: tuple[str, ...], dates: tuple[str, ...], elsewhere: str
) -> int:
    empty = "".join(f" AND NOT {filled_sql(name)}" for name in dates)
    [(number,)] = connection.execute(
        f"SELECT count(*) FROM {table.loaded} WHERE tidied({quoted(status)}) IN ({listed_sql(values)}){empty}{elsewhere}"
    ).fetchall()
    return int(number)

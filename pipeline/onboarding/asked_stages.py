"""Stages that no name tells: asked for among the moments that nothing else explains."""

from features.errors import DataError
from pipeline.onboarding.column_roles import reason_column
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.names import concepts
from pipeline.onboarding.plan import OUTCOMES, SAME, Plan, Question, Reference, StageColumn, StatusStages
from pipeline.onboarding.questions import Ask
from pipeline.onboarding.roles import Roles

__all__ = ["AT_CREATION", "ask_for_other_stages", "ask_for_outcome", "check_answers", "stages_of", "tell_unexplained"]

NONE, CREATION = "none", "creation"  # answers that name no column
CODED_STAGES = ("sales_qualified", "disqualified")  # answered by COLUMN:CODE, too
AT_CREATION = "a lead is marketing-qualified when it is created: no column or status says MQL"


def check_answers(plan: Plan, roles: Roles, answers: dict[str, str]) -> None:
    """Let no answer about a stage name a column that holds no moments."""
    tables = [plan.people, *(table for table, _ in roles.deals)]
    moments = [column.name for table in tables for column in table.moments()]
    codes = [f"{column.name}:{value}" for table in tables for column in _coded(table) for value in column.values]
    for stage in (*SAME, *OUTCOMES):
        named = answers.get(stage)
        allowed = [*moments, *(codes if stage in CODED_STAGES else ())]
        if named is not None and named not in (*allowed, NONE, CREATION):
            raise DataError(
                f"--set {stage}={named}: no such column of moments; there are {', '.join(allowed) or 'none'}."
            )


def _coded(table: Table) -> list[Column]:
    """List the columns of today's status whose values are codes, as a database keeps them: no word says what they mean."""
    return [c for c in table.columns.values() if c.type == "number" and c.values and "status" in concepts(c.name)]


def _unexplained(plan: Plan, roles: Roles) -> list[tuple[Table, Reference | None, Column]]:
    """List the moments that no name explains."""
    known = {(item.table.name, item.column.name) for item in plan.stage_columns}
    return [
        (table, refers, column)
        for table, refers in [(plan.people, None), *roles.deals]
        for column in table.moments()
        if (table.name, column.name) not in known
        and not concepts(column.name) & {"created_at", "modified_at", "recorded_at"}
        and column is not plan.created
    ]


def ask_for_outcome(plan: Plan, roles: Roles, ask: Ask) -> None:
    """Ask for the outcome among the moments that nothing else explains; where there are none, say that it is missing."""
    text, because = (
        "Which column says when sales qualified a lead?",
        "No column, status or history says so by its name.",
    )
    if not _ask_for(plan, roles, ask, "sales_qualified", text, NONE, None, because):
        plan.unsure.append(
            "nothing in these files says which leads sales qualified: they can be read, but nothing can be learned until a "
            "file with the outcome (a date, a status or a history of stages) is added"
        )


def ask_for_other_stages(plan: Plan, roles: Roles, ask: Ask) -> None:
    """Ask for rejections and hand-over, too, where somebody had to name the outcome: names that say nothing are many."""
    ends = stages_of(plan)
    if "disqualified" not in ends:
        text, because = "Which column says when sales rejected a lead?", "Without one, rejected leads count as open."
        _ask_for(plan, roles, ask, "disqualified", text, NONE, NONE, because)
    if plan.starts_at_creation:
        text, because = "Which column says when marketing handed a lead to sales?", "Without one, it is its creation."
        if _ask_for(plan, roles, ask, "mql", text, CREATION, CREATION, because):
            plan.starts_at_creation = False
            plan.notes.remove(AT_CREATION)


def _ask_for(
    plan: Plan, roles: Roles, ask: Ask, stage: str, text: str, nothing: str, default: str | None, because: str
) -> bool:
    """Ask which unexplained moment is a stage's; returns whether one is. Nobody is asked where there are none."""
    moments = [
        (table, refers, column)
        for table, refers, column in _unexplained(plan, roles)
        if stage == "mql" or column.filled < table.rows
    ]
    codes = [
        (table, refers, column, value)
        for table, refers in ([(plan.people, None), *roles.deals] if stage in CODED_STAGES else [])
        for column in _coded(table)
        for value in column.values
    ]
    if not moments and not codes:
        return False
    coded = [f"{column.name}:{value}" for _, _, column, value in codes]
    because += " COLUMN:CODE names a code of a status." * bool(codes)
    choices = (*(column.name for _, _, column in moments), *coded, nothing)
    answer = ask(Question(stage, text, choices, default, because))
    for table, refers, column in moments:
        if column.name == answer:
            plan.stage_columns.append(StageColumn(table, refers, column, stage, reason_column(table)))
            return True
    for table, refers, column, value in codes:
        if f"{column.name}:{value}" == answer:
            plan.statuses.append(_of_code(plan, table, refers, column, value, stage))
            return True
    return False


def _of_code(
    plan: Plan, table: Table, refers: Reference | None, column: Column, value: str, stage: str
) -> StatusStages:
    """Take rows with a code for a stage, dated by their last change, as rows with a word for it are."""
    modified = next((c for c in table.moments() if "modified_at" in concepts(c.name)), None)
    at_export = modified is None and stage == "disqualified"
    dated = modified.name if modified is not None else "the export" if at_export else "nothing"
    plan.unsure.append(
        f"{table.name}: {column.values[value]:,} row(s) are {stage} by {column.name} alone, dated by {dated}"
    )
    return StatusStages(table, refers, column.name, (value,), stage, modified, at_export, (), reason_column(table))


def tell_unexplained(plan: Plan, roles: Roles) -> None:
    """Say which moments might tell an outcome that nothing dates, or that nobody was found to have."""
    names = [column.name for table, _, column in _unexplained(plan, roles) if column.filled < table.rows]
    if not names:
        return
    one_of = f"one of {', '.join(names)} may" if len(names) > 1 else f"{names[0]} may"
    if "disqualified" not in stages_of(plan):
        plan.unsure.append(
            f"nothing says which leads sales rejected, so they count as open; {one_of}: --set disqualified=COLUMN"
        )
    plan.unsure += [
        f"no moment dates who is {item.stage} by {item.column}; {one_of}: --set {item.stage}=COLUMN"
        for item in plan.statuses
        if item.moment is None
    ]


def stages_of(plan: Plan) -> set[str]:
    """List the stages that something in the plan tells."""
    stages = {i.stage for i in plan.stage_columns} | {s.stage for s in plan.statuses}
    return stages | {stage for history in plan.histories for stage in history.stages.values()}

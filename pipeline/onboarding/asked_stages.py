"""Stages that no name tells: asked for among the moments that nothing else explains."""

from features.errors import DataError
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.names import concepts
from pipeline.onboarding.plan import OUTCOMES, SAME, Plan, Question, Reference, StageColumn
from pipeline.onboarding.questions import Ask
from pipeline.onboarding.roles import Roles, reason_column

__all__ = ["AT_CREATION", "ask_for_other_stages", "ask_for_outcome", "check_answers", "stages_of"]

NONE, CREATION = "none", "creation"  # answers that name no column
AT_CREATION = "a lead is marketing-qualified when it is created: no column or status says MQL"


def check_answers(plan: Plan, roles: Roles, answers: dict[str, str]) -> None:
    """Let no answer about a stage name a column that holds no moments."""
    tables = [plan.people, *(table for table, _ in roles.deals)]
    moments = [column.name for table in tables for column in table.moments()]
    for stage in (*SAME, *OUTCOMES):
        named = answers.get(stage)
        if named is not None and named not in (*moments, NONE, CREATION):
            raise DataError(
                f"--set {stage}={named}: no such column of moments; there are {', '.join(moments) or 'none'}."
            )


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
    if not moments:
        return False
    choices = (*(column.name for _, _, column in moments), nothing)
    answer = ask(Question(stage, text, choices, default, because))
    for table, refers, column in moments:
        if column.name == answer:
            plan.stage_columns.append(StageColumn(table, refers, column, stage, reason_column(table)))
            return True
    return False


def stages_of(plan: Plan) -> set[str]:
    """List the stages that something in the plan tells."""
    stages = {i.stage for i in plan.stage_columns} | {s.stage for s in plan.statuses}
    return stages | {stage for history in plan.histories for stage in history.stages.values()}

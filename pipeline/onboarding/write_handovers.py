"""The view of hand-overs in a source's SQL: derived from stages and touchpoints, or why it can't be."""

from pipeline.onboarding.activities import FILES_OF_SALES, SALES_KINDS
from pipeline.onboarding.plan import Plan, StageColumn
from pipeline.onboarding.source_parts import column_moment_sql, has_sql, reference_sql
from pipeline.tables.contract import ENDS
from pipeline.tables.contract_sql import quoted

__all__ = ["handovers_sql"]

RULE = """-- Hand-overs: a lead is queued when it becomes an MQL, handed over when its stage becomes `sal` or an owner is named,
-- first contacted by the first touchpoint `by` sales after that. Change the rule where your company works otherwise."""
VIEWS = """CREATE VIEW stages_known AS
SELECT lead_id, stage, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM stage_changes
WHERE lead_id IN (SELECT l.lead_id FROM leads AS l)
      AND try_cast(occurred_at AS TIMESTAMPTZ) <= (SELECT try_cast(exported_at AS TIMESTAMPTZ) FROM export);
CREATE VIEW queued AS SELECT lead_id, occurred_at FROM stages_known WHERE stage = 'mql';
CREATE VIEW handed_over AS
SELECT lead_id, occurred_at, NULL::VARCHAR AS owner FROM stages_known WHERE stage = 'sal'{assigned};
CREATE VIEW contacted AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM touchpoints
WHERE "by" = 'sales'
      AND try_cast(occurred_at AS TIMESTAMPTZ) <= (SELECT try_cast(exported_at AS TIMESTAMPTZ) FROM export);
CREATE VIEW ended AS SELECT lead_id, occurred_at FROM stages_known WHERE stage IN {ends};
CREATE VIEW handovers AS SELECT * FROM hand_overs('queued', 'handed_over', 'contacted', 'ended');"""
ASSIGNED = """
UNION ALL
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at, owner
FROM (SELECT {lead} AS lead_id, {moment} AS occurred_at, {owner} AS owner FROM {rows} WHERE {has})"""
NO_STAGE = "no file says when sales accepted a lead (a stage `sal`) or when its owner was named"
NO_CALLS = "no file tells of calls, meetings or mails by sales"


def handovers_sql(plan: Plan, views: dict[int, str]) -> str:
    """Write the view, or a comment that says why there is none: then nothing is said of when to call.

    Parameters
    ----------
    plan : Plan
    views : dict of int to str
        Names each table's view by the table's id().
    """
    missing = [
        *([] if _has_stage(plan) else [NO_STAGE]),
        *([] if any(_tells_of_sales(plan)) else [NO_CALLS]),
    ]
    if missing:
        return f"-- No hand-overs, so nothing is said of when to call: {', and '.join(missing)}."
    assigned = "".join(_assigned(plan, item, views) for item in plan.assigned)
    return f"{RULE}\n{VIEWS.format(ends=ENDS, assigned=assigned)}"


def _assigned(plan: Plan, item: StageColumn, views: dict[int, str]) -> str:
    lead, rows = reference_sql(plan, item.reference, views[id(item.table)], views)
    owner = plan.owner.name if plan.owner is not None and item.table is plan.people else None
    return ASSIGNED.format(
        lead=lead,
        moment=column_moment_sql(plan, item.column),
        owner="NULL::VARCHAR" if owner is None else f"nullif(trim({quoted(owner)}), '')",
        rows=rows,
        has=has_sql(item.column.name),
    )


def _has_stage(plan: Plan) -> bool:
    if plan.assigned:
        return True
    told = [item.stage for item in plan.stage_columns] + [item.stage for item in plan.statuses]
    return "sal" in [*told, *(stage for item in plan.histories for stage in item.stages.values())]


def _tells_of_sales(plan: Plan) -> list[bool]:
    return [
        item.constant_kind in FILES_OF_SALES
        if item.kind is None
        else any(item.kinds.get(value, value) in SALES_KINDS for value in item.kind_values())
        for item in plan.activities
    ]

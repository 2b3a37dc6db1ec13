"""The view of hand-overs in a source's SQL: derived from stages and touchpoints, or why it can't be."""

from pipeline.onboarding.activities import SALES_KINDS
from pipeline.onboarding.plan import Plan
from pipeline.tables.contract import ENDS

__all__ = ["handovers_sql"]

RULE = """-- Hand-overs: a lead is queued when it becomes an MQL, handed over when its stage becomes `sal`, first contacted by
-- the first touchpoint `by` sales after that. Change the rule where your company works otherwise."""
VIEWS = """CREATE VIEW stages_known AS
SELECT lead_id, stage, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM stage_changes
WHERE lead_id IN (SELECT l.lead_id FROM leads AS l)
      AND try_cast(occurred_at AS TIMESTAMPTZ) <= (SELECT try_cast(exported_at AS TIMESTAMPTZ) FROM export);
CREATE VIEW queued AS SELECT lead_id, occurred_at FROM stages_known WHERE stage = 'mql';
CREATE VIEW handed_over AS SELECT lead_id, occurred_at, NULL::VARCHAR AS owner FROM stages_known WHERE stage = 'sal';
CREATE VIEW contacted AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM touchpoints
WHERE "by" = 'sales'
      AND try_cast(occurred_at AS TIMESTAMPTZ) <= (SELECT try_cast(exported_at AS TIMESTAMPTZ) FROM export);
CREATE VIEW ended AS SELECT lead_id, occurred_at FROM stages_known WHERE stage IN {ends};
CREATE VIEW handovers AS SELECT * FROM hand_overs('queued', 'handed_over', 'contacted', 'ended');"""
NO_STAGE = "no file says when sales accepted a lead (a stage `sal`)"
NO_CALLS = "no file tells of calls, meetings or mails by sales"


def handovers_sql(plan: Plan) -> str:
    """Write the view, or a comment that says why there is none: then nothing is said of when to call."""
    missing = [
        *([] if _has_stage(plan) else [NO_STAGE]),
        *([] if any(_tells_of_sales(plan)) else [NO_CALLS]),
    ]
    if missing:
        return f"-- No hand-overs, so nothing is said of when to call: {', and '.join(missing)}."
    return f"{RULE}\n{VIEWS.format(ends=ENDS)}"


def _has_stage(plan: Plan) -> bool:
    told = [item.stage for item in plan.stage_columns] + [item.stage for item in plan.statuses]
    return "sal" in [*told, *(stage for item in plan.histories for stage in item.stages.values())]


def _tells_of_sales(plan: Plan) -> list[bool]:
    return [
        any(item.kinds.get(value, value) in SALES_KINDS for value in item.table.column(item.kind).values)
        for item in plan.activities
        if item.kind is not None
    ]

"""What `init` prints: what each table and column was taken for, from what, and what is unsure. Names and counts, no values."""

from collections.abc import Sequence

from rich.table import Table as Grid
from rich.text import Text

from pipeline.console import console
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.plan import Plan
from pipeline.onboarding.propose import Proposal
from pipeline.onboarding.source_parts import one_line

__all__ = ["show"]


def show(proposal: Proposal) -> None:
    """Print the whole proposal."""
    plan = proposal.plan
    _grid("files", ("table", "rows", "taken for", "its lead"), [_table_row(plan, table) for table in proposal.tables])
    for table in proposal.tables:
        rows = [
            (c.name, c.type, f"{c.filled:,}", f"{c.distinct:,}", _part(plan, table, c), _notes(c))
            for c in table.columns.values()
        ]
        _grid(table.name, ("column", "holds", "filled", "different", "becomes", "because"), rows)
    durations = proposal.durations
    _line(
        f"{durations.mqls:,} leads with an MQL, {durations.qualified:,} qualified, {durations.disqualified:,} disqualified; "
        f"label_days {durations.label_days}, expire_days {durations.expire_days}: {durations.because}"
    )
    _line(f"exported at {plan.exported_at}: {plan.exported_because}")
    for note in plan.notes:
        _line(note)
    for question, answer in proposal.asked:
        _line(f"{question.text} {answer} (--set {question.key}=...). {question.because}")
    for text in plan.unsure:
        console.print(Text(f"unsure: {one_line(text)}", style="yellow"))


def _line(text: str) -> None:
    console.print(Text(one_line(text)))


def _grid(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    grid = Grid(*heads, title=Text(one_line(title)))
    for row in rows:
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(grid)


def _table_row(plan: Plan, table: Table) -> tuple[str, str, str, str]:
    rows = f"{table.rows:,}"
    if table is plan.people:
        return table.name, rows, "people", plan.lead_id.name
    if table is plan.accounts:
        return table.name, rows, "accounts", ""
    used = [
        *(
            (
                i.table,
                "touchpoints"
                + (f" ({i.table.known_shape})" if i.table.known_shape else "")
                + (f", and stage changes where {i.unless} is filled" if i.unless else ""),
                i.reference,
            )
            for i in plan.activities
        ),
        *((i.table, "who visitors are", i.reference) for i in plan.identifications),
        *((i.table, "stage changes", i.reference) for i in plan.histories),
        *((i.table, "deals", i.reference) for i in plan.stage_columns),
        *((i.table, "deals", i.reference) for i in plan.statuses),
    ]
    for other, role, refers in used:
        if other is table:
            return (
                table.name,
                rows,
                role,
                f"{refers.column} ({refers.share:.0%} known)" if refers else "unknown visitors",
            )
    why = next((why for other, why in plan.unused if other is table), "nothing refers to it")
    return table.name, rows, f"not used: {why}", ""


def _part(plan: Plan, table: Table, column: Column) -> str:
    if table is plan.people and column is plan.lead_id:
        return "lead_id"
    if table is plan.people and column is plan.created:
        return "created_at"
    if table is plan.people and column is plan.account:
        return "account_id"
    stages = [item.stage for item in plan.stage_columns if item.table is table and item.column is column]
    if stages:
        return f"stage {', '.join(stages)}"
    for history in plan.histories:
        if history.table is table and column.name == history.column:
            return "stage"
        if history.table is table and column is history.moment:
            return "occurred_at"
    for item in (*plan.activities, *plan.identifications):
        if item.table is table:
            parts = {"kind": item.kind, "asset": item.asset, "campaign": item.campaign, "channel": item.channel}
            parts |= {"touchpoint_id": item.identifier, "visitor_id": item.visitor, "occurred_at": item.moment.name}
            parts |= {"recorded_at": item.recorded.name if item.recorded else None}
            return next((part for part, name in parts.items() if name == column.name), "")
    attribute = next(
        (
            a
            for a in plan.attributes
            if a.column is column and not a.is_free_mail and table in (plan.people, plan.accounts)
        ),
        None,
    )
    if attribute is not None:
        return f"{attribute.name} ({attribute.known_at})"
    why = next((why for other, left, why in plan.left_out if other is table and left is column), "")
    return f"left out: {why}" if why else ""


def _notes(column: Column) -> str:
    notes = list(column.notes)
    moments = column.moments
    if moments is not None:
        counts = [f"{way.format} ({n:,})" for way, n in zip(moments.formats, moments.counts, strict=True)]
        notes += [", ".join(counts[:4])] + [f"{moments.order} first, {moments.because}"] * (moments.order is not None)
    if column.type == "number" and column.style == "de":
        notes.append(f"style {column.style}")
    if column.unread:
        notes.append(f"{column.unread:,} not readable: missing")
    return "; ".join(notes)

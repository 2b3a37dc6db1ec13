"""What a column is in its table, by its name and values: of a stage, of today's status, when a row was made or happened."""

from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.names import concepts, normal, says_only, stage_of, word_of, words

__all__ = [
    "MOSTLY_FILLED",
    "created_column",
    "is_status",
    "reason_column",
    "stage_share",
    "stage_word",
    "status_column",
    "status_columns",
    "time_columns",
]

STAGE_ROWS = 0.5  # of a status column's rows name a stage that is known
MOSTLY_FILLED = 0.9  # of a table's rows have the moment that they happened at


def stage_word(column: Column) -> str | None:
    """Say which stage a column of moments means by its name; None: none, or a moment that is no entry into a stage."""
    if concepts(column.name) & {"created_at", "modified_at", "recorded_at"}:
        return None
    if word_of(column.name, "other_moments"):
        return None
    word = word_of(column.name, "stages")
    # "Lead" says whose moment it is, more often than which stage: beside other words it explains nothing.
    if word == "inquiry" and not says_only(column.name, word, "stages", "became"):
        return None
    return word


def created_column(table: Table) -> Column | None:
    """Find the moment at which a row was created: by name, else a moment that every row has and that names no stage."""
    moments = table.moments()
    named = [column for column in moments if "created_at" in concepts(column.name)]
    if named:
        return max(named, key=lambda column: column.filled)
    other = [c for c in moments if stage_word(c) is None and not concepts(c.name) & {"modified_at", "assigned_at"}]
    other = [c for c in other if c.filled >= 0.9 * table.rows]
    return other[0] if other else None


def time_columns(table: Table) -> list[Column]:
    """List the moments at which a row of activity may have happened: named so first, what was planned last."""

    def rank(column: Column) -> tuple[bool, ...]:
        named = concepts(column.name)
        is_planned = word_of(column.name, "other_moments") is not None
        return "occurred_at" not in named, column.filled < MOSTLY_FILLED * table.rows, "created_at" in named, is_planned

    moments = [c for c in table.moments() if not concepts(c.name) & {"modified_at", "recorded_at"}]
    return sorted(moments or table.moments(), key=rank)  # of a history, "changed at" is when it happened


def reason_column(table: Table) -> str | None:
    """Find the column that says why a lead was lost."""
    return next((c.name for c in table.columns.values() if "reason" in concepts(c.name) and c.type == "category"), None)


def status_column(table: Table) -> Column | None:
    """Find the column whose values name stages best."""
    return next(iter(status_columns(table)), None)


def status_columns(table: Table) -> list[Column]:
    """List the columns whose values name stages, best first: most rows of each do, and two stages occur or its name says so."""

    def rank(column: Column) -> float:
        named = "stage_after" in concepts(column.name) or "status" in concepts(column.name)
        return stage_share(column) + 0.2 * named

    found = [
        column
        for column in table.columns.values()
        if column.type == "category"
        and column.personal in (None, "name")
        and not words("before") & set(normal(column.name).split())
        and (
            (stage_share(column) >= STAGE_ROWS and len({stage_of(value) for value in column.values} - {None}) >= 2)
            or ("status" in concepts(column.name) and stage_share(column) > 0)
        )
    ]
    return sorted(found, key=rank, reverse=True)


def stage_share(column: Column) -> float:
    """Measure which share of a category's rows whose value names a stage."""
    total = sum(column.values.values())
    return sum(n for value, n in column.values.items() if stage_of(value)) / total if total else 0.0


def is_status(column: Column) -> bool:
    """Whether a column is of stages, by its name and values or of old ones: "Open" is a stage there, and no mail."""
    named = "status" in concepts(column.name) and "kind" not in concepts(column.name)
    return (named and stage_share(column) > 0) or bool(words("before") & set(normal(column.name).split()))

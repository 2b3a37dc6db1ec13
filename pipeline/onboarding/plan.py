"""What `init` concluded: the plan of a source, from which its SQL and its preset are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.onboarding.columns import Column, Table

__all__ = [
    "OUTCOMES",
    "SAME",
    "Activity",
    "Attribute",
    "History",
    "Plan",
    "Question",
    "Reference",
    "StageColumn",
    "StatusStages",
]

# What may stand for "sales saw a real need", the most exact first; those further on are used where none before is there.
OUTCOMES = ("sales_qualified", "opportunity", "converted", "won", "customer")
# Stages that are the contract's own.
SAME = ("inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer")


@dataclass(frozen=True)
class Reference:
    """How a row of a table names its lead: by the people's key, or by another unique column of theirs."""

    column: str
    of_people: str
    share: float


@dataclass(frozen=True)
class StageColumn:
    """A moment in a column that means a stage; `only` restricts it to rows whose column has one of some values."""

    table: Table
    reference: Reference | None
    column: Column
    stage: str
    reason: str | None = None
    only: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class StatusStages:
    """Rows whose status names an outcome of which no column holds the moment."""

    table: Table
    reference: Reference | None
    column: str
    values: tuple[str, ...]
    stage: str
    moment: Column | None
    at_export: bool
    unless: tuple[str, ...]
    reason: str | None = None


@dataclass(frozen=True)
class History:
    """A table of stage changes: a status per row, with its moment."""

    table: Table
    reference: Reference
    column: str
    stages: Mapping[str, str]
    moment: Column
    reason: str | None = None
    owner: str | None = None
    recorded: Column | None = None


@dataclass(frozen=True)
class Activity:
    """A table of touchpoints; `else_kind` is the column of rows whose `kind` is empty, `unless` one of rows that are none."""

    table: Table
    reference: Reference | None
    moment: Column
    kind: str | None
    kinds: Mapping[str, str]
    constant_kind: str
    else_kind: str | None = None
    recorded: Column | None = None
    channel: str | None = None
    asset: str | None = None
    campaign: str | None = None
    identifier: str | None = None
    visitor: str | None = None
    unless: str | None = None

    def rows(self) -> int:
        """Count its rows that are touchpoints."""
        return self.table.rows - (self.table.column(self.unless).filled if self.unless else 0)

    def kind_values(self) -> list[str]:
        """List the values that its rows give as kinds."""
        names = [name for name in (self.kind, self.else_kind) if name is not None]
        return [value for name in names for value in self.table.column(name).values]

    def zone(self, of_company: str) -> str:
        """Give the time zone of its moments: web analytics write UTC."""
        return "UTC" if self.table.known_shape else of_company


@dataclass(frozen=True)
class Attribute:
    """A column that becomes an attribute."""

    name: str
    entity: str
    column: Column
    type: str
    known_at: str
    because: str
    is_free_mail: bool = False


@dataclass(frozen=True)
class Question:
    """Something that the files do not decide.

    Attributes
    ----------
    key : str
        What `--set KEY=VALUE` answers.
    text : str
        The question.
    choices : tuple of str
        Allowed answers; empty: any.
    default : str or None
        The safe answer; None: a guess would change what a row means, so somebody must answer.
    because : str
        Why this answer.
    """

    key: str
    text: str
    choices: tuple[str, ...]
    default: str | None
    because: str = ""


@dataclass
class Plan:
    """All that a source is written from; filled step by step."""

    name: str
    zone: str
    people: Table
    lead_id: Column
    created: Column | None = None
    account: Column | None = None
    accounts: Table | None = None
    accounts_key: str | None = None
    owner: Column | None = None
    stage_columns: list[StageColumn] = field(default_factory=list)
    assigned: list[StageColumn] = field(default_factory=list)  # when an owner was named: a hand-over, and no stage
    statuses: list[StatusStages] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    identifications: list[Activity] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    left_out: list[tuple[Table, Column, str]] = field(default_factory=list)
    unused: list[tuple[Table, str]] = field(default_factory=list)
    starts_at_creation: bool = False
    hashed_id: bool = False
    exported_at: str = ""
    exported_because: str = ""
    notes: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

"""The data contract: the declared schema of every table, canonical ones and those between stages."""

from dataclasses import dataclass

import pyarrow as pa

from features.vocabulary import BY, STAGES, TOUCHPOINT_FIELDS, TouchpointField

__all__ = [
    "ATTRIBUTE_TYPES",
    "CANONICAL",
    "CLOCKS",
    "ENDS",
    "ENTITIES",
    "KNOWN_AT",
    "TABLES",
    "Column",
    "TableSchema",
]

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
NUMBER = pa.float64()

ENTITIES = ("lead", "account")
ATTRIBUTE_TYPES = {"number": NUMBER, "category": TEXT, "boolean": pa.bool_()}
KNOWN_AT = ("creation", "mql", "export", "after")
CLOCKS = ("real", "ordinal")


@dataclass(frozen=True)
class Column:
    """One declared column. `required`: a row without a value breaks the contract. `optional`: a source may leave it out."""

    name: str
    type: pa.DataType
    required: bool = True
    optional: bool = False
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """One declared table.

    Attributes
    ----------
    columns : tuple of Column
        In order.
    key : tuple of str
        Columns whose values together are unique; empty: rows may repeat.
    open : bool
        More columns may follow: attributes, features or baselines.
    compulsory : bool
        Every source must define it.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    open: bool = False
    compulsory: bool = False


def _maybe(kind: pa.DataType, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, required=False, optional=True) for name in names)


def _touchpoint_column(field: TouchpointField) -> Column:
    kind = {"text": TEXT, "moment": TIME, "number": NUMBER}[field.type]
    return Column(
        field.name,
        kind,
        required=field.required,
        optional=not field.required,
        allowed=BY if field.name == "by" else (),
    )


LEAD = Column("lead_id", TEXT)
ACCOUNT = Column("account_id", TEXT)
OCCURRED = (Column("occurred_at", TIME), *_maybe(TIME, "recorded_at"))

CANONICAL: dict[str, TableSchema] = {
    "export": TableSchema(
        (Column("exported_at", TIME), Column("clock", TEXT, allowed=CLOCKS)), ("exported_at",), compulsory=True
    ),
    # Who objected to being scored, and who took that back. Only the latter stay as rows: ingest turns the others into entries
    # of the suppression list (models/data_protection/suppression.py), and leaves all of their rows out.
    "objections": TableSchema(
        (LEAD, *OCCURRED, Column("state", TEXT, required=False, optional=True, allowed=("objected", "withdrawn")))
    ),
    "attributes": TableSchema(
        (
            Column("entity", TEXT, allowed=ENTITIES),
            Column("attribute", TEXT),
            Column("type", TEXT, allowed=tuple(ATTRIBUTE_TYPES)),
            Column("known_at", TEXT, allowed=KNOWN_AT),
        ),
        ("attribute",),
        compulsory=True,
    ),
    "accounts": TableSchema((ACCOUNT,), ("account_id",), open=True),
    "leads": TableSchema(
        (LEAD, *_maybe(TEXT, "account_id"), Column("created_at", TIME)), ("lead_id",), open=True, compulsory=True
    ),
    # Old ids of leads that were merged into others; the other tables may still name them.
    "merged_leads": TableSchema((LEAD, Column("merged_into", TEXT), *_maybe(TIME, "merged_at")), ("lead_id",)),
    "touchpoints": TableSchema(
        (
            Column("touchpoint_id", TEXT, optional=True),
            *_maybe(TEXT, "lead_id", "visitor_id"),
            *(_touchpoint_column(field) for field in TOUCHPOINT_FIELDS if field.name != "touchpoint_id"),
            *_maybe(TEXT, "consent"),
        ),
        ("touchpoint_id",),
    ),
    "identities": TableSchema((Column("visitor_id", TEXT), LEAD, Column("identified_at", TIME))),
    "stage_changes": TableSchema(
        (LEAD, Column("stage", TEXT, allowed=STAGES), *OCCURRED, *_maybe(TEXT, "reason", "owner", "team"))
    ),
    "handovers": TableSchema(
        (
            LEAD,
            Column("queued_at", TIME),
            Column("handed_over_at", TIME),
            *_maybe(TIME, "first_contact_at"),
            *_maybe(TEXT, "owner"),
        )
    ),
    # What the product itself advised of a lead, from a moment on
    "advices": TableSchema(
        (
            LEAD,
            Column("advised_at", TIME),
            Column("advice", TEXT),
            *_maybe(TEXT, "tier"),
            *_maybe(NUMBER, "propensity"),
        )
    ),
    "attribute_changes": TableSchema(
        (
            *_maybe(TEXT, "lead_id", "account_id"),
            Column("attribute", TEXT),
            Column("value", TEXT, required=False),
            *OCCURRED,
        )
    ),
    # What a campaign cost in a month; `spent_at` is any moment of it
    "campaign_costs": TableSchema((Column("campaign", TEXT), Column("spent_at", TIME), Column("amount", NUMBER))),
    "orders": TableSchema((ACCOUNT, Column("ordered_at", TIME), Column("amount", NUMBER), *_maybe(TEXT, "product"))),
}

SNAPSHOT_KEY = ("lead_id", "snapshot_at")
SNAPSHOT = (LEAD, Column("snapshot_at", TIME))
MAYBE_ACCOUNT = Column("account_id", TEXT, required=False)
RISK_PERIOD = Column("risk_period", pa.int32())
IS_HEADLINE = Column("is_headline", pa.bool_())
ENDS = ("sales_qualified", "disqualified", "recycled", "customer")  # an outcome
ENDED_BY = ("mql", *ENDS)  # mql: a new period took over
BETWEEN: dict[str, TableSchema] = {
    "snapshots": TableSchema((*SNAPSHOT, MAYBE_ACCOUNT, RISK_PERIOD, IS_HEADLINE), SNAPSHOT_KEY),
    # Who stands on the newest days' lists, at their midnights
    "lists": TableSchema((*SNAPSHOT, MAYBE_ACCOUNT), SNAPSHOT_KEY),
    # With the risk set `customers` a lead has one period that never ends, and is at risk after its start, not at it.
    "risk_periods": TableSchema(
        (
            LEAD,
            MAYBE_ACCOUNT,
            RISK_PERIOD,
            Column("started_at", TIME),
            Column("ended_at", TIME, required=False),  # missing: open
            Column("ended_by", TEXT, required=False, allowed=ENDED_BY),
        ),
        ("lead_id", "risk_period"),
    ),
    # Only months that lack an outcome; without a month: leads of which the MQL could not be read, either.
    "unplaced_outcomes": TableSchema(
        (
            Column("month", TIME, required=False),
            Column("mqls", pa.int64()),
            Column("sales_qualified", pa.int64()),
            Column("disqualified", pa.int64()),
            Column("sales_qualified_unplaced", pa.int64()),
            Column("disqualified_unplaced", pa.int64()),
            Column("leads_unplaced", pa.int64()),
            Column("cut", pa.bool_()),
        ),
        ("month",),
    ),
    "labels": TableSchema(
        (
            *SNAPSHOT,
            Column("label", pa.int8(), required=False),
            Column("matured", pa.bool_()),
            Column("label_window_end", TIME),
        ),
        SNAPSHOT_KEY,
    ),
    "slices": TableSchema((*SNAPSHOT, Column("slice", TEXT), Column("reason", TEXT)), SNAPSHOT_KEY),
    "matrix": TableSchema(SNAPSHOT, SNAPSHOT_KEY, open=True),
    "baselines": TableSchema((*SNAPSHOT, Column("random_folds", NUMBER, required=False)), SNAPSHOT_KEY, open=True),
    "predictions": TableSchema(
        (
            *SNAPSHOT,
            MAYBE_ACCOUNT,
            IS_HEADLINE,
            Column("slice", TEXT),
            Column("label", pa.int8()),
            Column("probability", NUMBER),
            Column("low", NUMBER),
            Column("high", NUMBER),
            Column("raw_log_odds", NUMBER),
            Column("random_folds", NUMBER, required=False),
        ),
        SNAPSHOT_KEY,
        open=True,
    ),
    "quarantine": TableSchema(
        (
            Column("reason", TEXT),
            Column("day", TEXT, required=False),
            Column("source_file", TEXT, required=False),
            Column("source_line", pa.int64(), required=False),
            Column("row", TEXT),
        )
    ),
}
TABLES = {**CANONICAL, **BETWEEN}

"""The tables of the online store. The migrations build the same; a test compares the two.

Moments are UTC microseconds, as in journeys. A touchpoint's value and an order's amount are doubles, exactly as they came: the
one place that turns them into micro-units is `features.journeys`, and a second one could round twice. Keys made of several
texts are hashes, because PostgreSQL's indexes take rows of at most 2.7 kB.

A table of an event kind that is written without code of its own names in `info` what makes two rows of a lead the ``same``.
"""

from typing import Any

import sqlalchemy as sa

from features.vocabulary import TOUCHPOINT_FIELDS, TouchpointField

__all__ = [
    "advices",
    "attribute_changes",
    "decisions",
    "handovers",
    "identities",
    "leads",
    "merged_leads",
    "metadata",
    "open_lead_details",
    "open_leads",
    "orders",
    "outbox",
    "outcomes",
    "rescore",
    "retractions",
    "sessions",
    "slot_prices",
    "stage_changes",
    "tasks",
    "touchpoints",
    "visits",
]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str, *, key: bool = False, null: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=null, index=index)


def _whole(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null, server_default=default)


def _touchpoint_column(field: TouchpointField) -> sa.Column[Any]:
    if field.type == "moment":
        return _whole(field.name)
    if field.type == "number":
        return sa.Column(field.name, sa.Double, nullable=not field.required)
    return _text(field.name, null=not field.required)


leads = sa.Table(
    "leads",
    metadata,
    _text("lead_id", key=True),
    _text("account_id", null=True),
    _whole("created_at", null=True),
    _whole("changed_at", null=True),
    _whole("touched_at"),
    sa.Index(None, "account_id", "touched_at"),
)
"""One row per lead that anything is known of. `changed_at`: as of when account and creation are; `touched_at`: last write."""

attribute_changes = sa.Table(
    "attribute_changes",
    metadata,
    _text("change_key", key=True),
    _text("entity"),
    _text("entity_id"),
    _text("attribute"),
    _whole("occurred_at"),
    _whole("recorded_at"),
    _text("value"),
    _text("merged_from", null=True),
    sa.Index(None, "entity_id", "entity"),
)
"""One row per value that an attribute of a lead or account took; `value` is JSON. With `merged_from`: see `merged_leads`."""


def _touchpoint() -> tuple[sa.Column[Any], ...]:
    return _text("touchpoint_key", key=True), *(_touchpoint_column(field) for field in TOUCHPOINT_FIELDS)


touchpoints = sa.Table(
    "touchpoints",
    metadata,
    _text("lead_id", key=True),
    *_touchpoint(),
    _text("visitor_id", null=True),
    _text("merged_from", null=True),
    sa.Index(None, "lead_id", "occurred_at", "recorded_at"),
    sa.Index(None, "visitor_id"),
)
"""One row per touchpoint. The key is the hash of its id, or without one of its content and a counter of equal ones.

With `visitor_id` it is a copy of a visit, with `merged_from` one of another lead's; what was sent stands where it was sent."""

visits = sa.Table("visits", metadata, _text("visitor_id", key=True), *_touchpoint())
"""One row per touchpoint of a visitor. Those of a visitor whom `identities` names are copied to the lead's touchpoints."""

identities = sa.Table(
    "identities",
    metadata,
    _text("lead_id", key=True),
    _text("event_key", key=True),
    _text("visitor_id"),
    _whole("identified_at"),
    _whole("recorded_at"),
    sa.Index(None, "visitor_id"),
    info={"same": ("visitor_id", "identified_at")},
)
"""Who a visitor turned out to be."""

merged_leads = sa.Table(
    "merged_leads",
    metadata,
    _text("lead_id", key=True),
    _text("merged_into"),
    _whole("recorded_at"),
    sa.Index(None, "merged_into"),
)
"""Leads that became part of another one. What was and will be sent of them is copied to it."""

stage_changes = sa.Table(
    "stage_changes",
    metadata,
    _text("lead_id", key=True),
    _text("change_key", key=True),
    _text("stage"),
    _whole("occurred_at"),
    _whole("recorded_at"),
    _text("reason", null=True),
    _text("owner", null=True),
    _text("team", null=True),
    _whole("retracted_at", null=True),
    _text("merged_from", null=True),
    sa.Index(None, "lead_id", "occurred_at", "recorded_at"),
)
"""One row per transition, sales' verdicts among them. From `retracted_at` on it is known to have been a mistake."""

outcomes = sa.Table(
    "outcomes",
    metadata,
    _text("lead_id", key=True),
    _text("outcome_key", key=True),
    _text("outcome_id", null=True),
    _text("outcome"),
    _whole("occurred_at"),
    _whole("recorded_at"),
    _text("reason", null=True),
    _text("owner", null=True),
    _text("team", null=True),
    *(_text(name, null=True) for name in ("need", "budget", "compatibility", "timing", "advice", "decided_by")),
    _whole("retracted_at", null=True),
)
"""One row per verdict of sales, as it was given, with what it was based on; each is a stage change, too."""

retractions = sa.Table(
    "retractions",
    metadata,
    _text("lead_id", key=True),
    _text("outcome_key", key=True),
    _text("retracts"),
    _whole("recorded_at"),
    _text("reason", null=True),
    _text("decided_by", null=True),
)
"""One row per verdict that was taken back."""

handovers = sa.Table(
    "handovers",
    metadata,
    _text("lead_id", key=True),
    _text("event_key", key=True),
    _whole("queued_at"),
    _whole("handed_over_at"),
    _whole("first_contact_at", null=True),
    _text("owner", null=True),
    _whole("recorded_at"),
    info={"same": ("queued_at", "handed_over_at")},
)
"""One row per hand-over to sales."""

orders = sa.Table(
    "orders",
    metadata,
    _text("account_id", key=True),
    _text("order_key", key=True),
    _whole("ordered_at"),
    sa.Column("amount", sa.Double, nullable=True),
    _text("product", null=True),
    sa.Index(None, "account_id", "ordered_at"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _text("lead_id", key=True),
    _whole("sequence"),
    _text("decision", null=True),
    _text("not_scored", null=True),
    _whole("decided_at"),
    _whole("changed_at"),
)
"""The last known decision per lead, as JSON, whatever `models.answers.decision` puts into one; `sequence` counts its
changes."""

open_leads = sa.Table(
    "open_leads",
    metadata,
    _text("lead_id", key=True),
    _text("account_id", null=True),
    _text("owner", null=True),
    _text("stage", null=True),
    sa.Column("probability", sa.Double, nullable=True),
    sa.Column("low", sa.Double, nullable=True),
    sa.Column("high", sa.Double, nullable=True),
    sa.Column("rank", sa.Double, nullable=False),
    _text("tier", null=True),
    _whole("within_capacity", null=True),
    _text("not_scored", null=True),
    _text("advice", null=True),
    sa.Column("chance_now", sa.Double, nullable=True),
    sa.Column("difference", sa.Double, nullable=False),
    _whole("last_touchpoint_at"),
    _text("last_touchpoint", null=True),
    _whole("snapshot_at"),
    _text("searched"),
    sa.Index(None, "rank", "lead_id"),
    sa.Index(None, "owner", "rank"),
    sa.Index(None, "difference", "lead_id"),
    sa.Index(None, "last_touchpoint_at", "lead_id"),
)
"""One row per open lead, as it was scored last: what a list is filtered, ranked and searched by, and nothing else, so that
reading all of them is cheap. `rank` is less the probability, so the best come first, and 1 where there is none; `difference` is
what the probability changed by in a week, 0 where that is not known; `chance_now` is that of a first contact
now; `last_touchpoint_at` is 0 where there is none. `searched` holds what a search looks in, case-folded."""

open_lead_details = sa.Table(
    "open_lead_details",
    metadata,
    _text("lead_id", key=True),
    _whole("snapshot_at"),
    _text("details"),
)
"""The rest of an open lead, which only the rows on a page need: reasons, what changed, decision; JSON."""

advices = sa.Table(
    "advices",
    metadata,
    _text("lead_id", key=True),
    sa.Column("advised_at", sa.BigInteger, primary_key=True, nullable=False),
    _text("advice"),
    _text("tier"),
    _text("until", null=True),
    sa.Column("chance_now", sa.Double, nullable=True),
    sa.Column("chance_waiting", sa.Double, nullable=True),
    sa.Column("propensity", sa.Double, nullable=True),
)
"""What was advised of a lead from `advised_at` on; one row per change. `propensity`: with which probability it was drawn."""

slot_prices = sa.Table(
    "slot_prices",
    metadata,
    sa.Column("priced_at", sa.BigInteger, primary_key=True, nullable=False, autoincrement=False),
    sa.Column("price", sa.Double, nullable=False),
    _whole("slots"),
    _whole("waiting"),
)
"""What the last slot of a week goes for: one row per run over the whole queue."""

sessions = sa.Table(
    "sessions",
    metadata,
    _text("session_hash", key=True),
    _text("key_id"),
    _whole("created_at"),
    _whole("expires_at"),
    sa.Index(None, "expires_at"),
)
"""One row per person who is logged in on the pages: the hash of what the cookie holds, and whose key it was."""

rescore = sa.Table(
    "rescore",
    metadata,
    _text("lead_id", key=True),
    _whole("asked"),
    _whole("due_at"),
    _whole("lease_until", default="0"),
    _whole("attempts", default="0"),
    _whole("given_up", default="0"),
    _whole("retry_at", default="0"),
    _text("last_error", null=True),
    sa.Index(None, "due_at"),
)
"""Leads to score again. `asked` grows with every write, so that one which came meanwhile is not forgotten.

`given_up` counts how often in a row a sweep took a lead up again that had used up its attempts; before `retry_at` none does.
"""

outbox = sa.Table(
    "outbox",
    metadata,
    _text("event_id", key=True),
    _text("lead_id"),
    _whole("sequence"),
    _whole("created_at"),
    _text("body"),
    _text("state"),
    _whole("attempts", default="0"),
    _whole("next_at"),
    _text("last_error", null=True),
    _whole("sent_at", null=True),
    sa.Index(None, "state", "next_at"),
    sa.Index(None, "lead_id", "sequence"),
)
"""Webhooks to send: `pending`, `sent` or `dead`. `next_at` is the next try, or, during one, the end of its lease."""

tasks = sa.Table("tasks", metadata, _text("name", key=True), _whole("next_at"))
"""When something that only one process should do is due again."""

"""The tables of the online store. The migrations build the same; a test compares the two.

Moments are UTC microseconds, as in journeys. A touchpoint's value and an order's amount are doubles, exactly as they came: the
one place that turns them into micro-units is `features.journeys`, and a second one could round twice. Keys made of several
texts are hashes, because PostgreSQL's indexes take rows of at most 2.7 kB.

A table of an event kind that is written without code of its own names in `info` what makes two rows of a lead the ``same``.
"""

from typing import Any

import sqlalchemy as sa

from features.vocabulary import TOUCHPOINT_FIELDS, TouchpointField
from serving.contract.model_names import DEFAULT_MODEL
from serving.store.columns import metadata, model, text, whole
from serving.store.page_tables import open_lead_details, open_leads, qualified_leads, sessions

__all__ = [
    "advices",
    "attribute_changes",
    "decisions",
    "erased_leads",
    "handovers",
    "identities",
    "leads",
    "merged_leads",
    "metadata",
    "names",
    "objections",
    "open_lead_details",
    "open_leads",
    "orders",
    "outbox",
    "outcomes",
    "qualified_leads",
    "rescore",
    "retractions",
    "sessions",
    "slot_prices",
    "stage_changes",
    "tasks",
    "touchpoints",
    "visits",
]


def _touchpoint_column(field: TouchpointField) -> sa.Column[Any]:
    if field.type == "moment":
        return whole(field.name)
    if field.type == "number":
        return sa.Column(field.name, sa.Double, nullable=not field.required)
    return text(field.name, null=not field.required)


leads = sa.Table(
    "leads",
    metadata,
    text("lead_id", key=True),
    text("account_id", null=True),
    whole("created_at", null=True),
    whole("changed_at", null=True),
    whole("touched_at"),
    sa.Index(None, "account_id", "touched_at"),
)
"""One row per lead that anything is known of. `changed_at`: as of when account and creation are; `touched_at`: last write."""

attribute_changes = sa.Table(
    "attribute_changes",
    metadata,
    text("change_key", key=True),
    text("entity"),
    text("entity_id"),
    text("attribute"),
    whole("occurred_at"),
    whole("recorded_at"),
    text("value"),
    text("merged_from", null=True),
    sa.Index(None, "entity_id", "entity"),
)
"""One row per value that an attribute of a lead or account took; `value` is JSON. With `merged_from`: see `merged_leads`."""


def _touchpoint() -> tuple[sa.Column[Any], ...]:
    return text("touchpoint_key", key=True), *(_touchpoint_column(field) for field in TOUCHPOINT_FIELDS)


touchpoints = sa.Table(
    "touchpoints",
    metadata,
    text("lead_id", key=True),
    *_touchpoint(),
    text("visitor_id", null=True),
    text("merged_from", null=True),
    sa.Index(None, "lead_id", "occurred_at", "recorded_at"),
    sa.Index(None, "visitor_id"),
)
"""One row per touchpoint. The key is the hash of its id, or without one of its content and a counter of equal ones.

With `visitor_id` it is a copy of a visit, with `merged_from` one of another lead's; what was sent stands where it was sent."""

visits = sa.Table("visits", metadata, text("visitor_id", key=True), *_touchpoint())
"""One row per touchpoint of a visitor. Those of a visitor whom `identities` names are copied to the lead's touchpoints."""

identities = sa.Table(
    "identities",
    metadata,
    text("lead_id", key=True),
    text("event_key", key=True),
    text("visitor_id"),
    whole("identified_at"),
    whole("recorded_at"),
    sa.Index(None, "visitor_id"),
    info={"same": ("visitor_id", "identified_at")},
)
"""Who a visitor turned out to be."""

merged_leads = sa.Table(
    "merged_leads",
    metadata,
    text("lead_id", key=True),
    text("merged_into"),
    whole("recorded_at"),
    sa.Index(None, "merged_into"),
)
"""Leads that became part of another one. What was and will be sent of them is copied to it."""

stage_changes = sa.Table(
    "stage_changes",
    metadata,
    text("lead_id", key=True),
    text("change_key", key=True),
    text("stage"),
    whole("occurred_at"),
    whole("recorded_at"),
    text("reason", null=True),
    text("owner", null=True),
    text("team", null=True),
    whole("retracted_at", null=True),
    text("merged_from", null=True),
    sa.Index(None, "lead_id", "occurred_at", "recorded_at"),
)
"""One row per transition, sales' verdicts among them. From `retracted_at` on it is known to have been a mistake."""

outcomes = sa.Table(
    "outcomes",
    metadata,
    text("lead_id", key=True),
    text("outcome_key", key=True),
    text("outcome_id", null=True),
    text("outcome"),
    whole("occurred_at"),
    whole("recorded_at"),
    text("reason", null=True),
    text("owner", null=True),
    text("team", null=True),
    *(text(name, null=True) for name in ("need", "budget", "compatibility", "timing", "advice", "decided_by")),
    whole("retracted_at", null=True),
)
"""One row per verdict of sales, as it was given, with what it was based on; each is a stage change, too."""

retractions = sa.Table(
    "retractions",
    metadata,
    text("lead_id", key=True),
    text("outcome_key", key=True),
    text("retracts"),
    whole("recorded_at"),
    text("reason", null=True),
    text("decided_by", null=True),
)
"""One row per verdict that was taken back."""

handovers = sa.Table(
    "handovers",
    metadata,
    text("lead_id", key=True),
    text("event_key", key=True),
    whole("queued_at"),
    whole("handed_over_at"),
    whole("first_contact_at", null=True),
    text("owner", null=True),
    whole("recorded_at"),
    info={"same": ("queued_at", "handed_over_at")},
)
"""One row per hand-over to sales."""

objections = sa.Table(
    "objections",
    metadata,
    text("lead_id", key=True),
    text("event_key", key=True),
    text("state"),
    whole("occurred_at"),
    whole("recorded_at"),
    info={"same": ("state", "occurred_at")},
)
"""Who objected to being scored (`objected`), and who took that back (`withdrawn`)."""

erased_leads = sa.Table(
    "erased_leads",
    metadata,
    text("lead_hash", key=True),
    text("key_id"),
    text("receipt"),
    whole("erased_at"),
)
"""Whom the service erased, so that nothing is stored of them again: HMAC-SHA256 of the lead's id under the suppression key."""

names = sa.Table(
    "names",
    metadata,
    text("pseudonym", key=True),
    text("sealed"),
)
"""Whom pseudonyms of leads, owners and visitors stand for, sealed by the service's edge; empty where ids are as given."""

orders = sa.Table(
    "orders",
    metadata,
    text("account_id", key=True),
    text("order_key", key=True),
    whole("ordered_at"),
    sa.Column("amount", sa.Double, nullable=True),
    text("product", null=True),
    sa.Index(None, "account_id", "ordered_at"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    text("lead_id", key=True),
    model(),
    whole("sequence"),
    text("decision", null=True),
    text("not_scored", null=True),
    whole("decided_at"),
    whole("changed_at"),
)
"""The last known decision per lead and model, as JSON, whatever `models.answers.decision` puts into one; `sequence` counts its
changes."""

advices = sa.Table(
    "advices",
    metadata,
    text("lead_id", key=True),
    model(),
    sa.Column("advised_at", sa.BigInteger, primary_key=True, nullable=False),
    text("advice"),
    text("tier"),
    text("until", null=True),
    sa.Column("chance_now", sa.Double, nullable=True),
    sa.Column("chance_waiting", sa.Double, nullable=True),
    sa.Column("propensity", sa.Double, nullable=True),
)
"""What was advised of a lead from `advised_at` on; one row per change. `propensity`: with which probability it was drawn."""

slot_prices = sa.Table(
    "slot_prices",
    metadata,
    model(),
    sa.Column("priced_at", sa.BigInteger, primary_key=True, nullable=False, autoincrement=False),
    sa.Column("price", sa.Double, nullable=False),
    whole("slots"),
    whole("waiting"),
)
"""What the last slot of a week goes for: one row per run over the whole queue of a model."""

rescore = sa.Table(
    "rescore",
    metadata,
    text("lead_id", key=True),
    whole("asked"),
    whole("due_at"),
    whole("lease_until", default="0"),
    whole("attempts", default="0"),
    whole("given_up", default="0"),
    whole("retry_at", default="0"),
    text("last_error", null=True),
    sa.Index(None, "due_at"),
)
"""Leads to score again. `asked` grows with every write, so that one which came meanwhile is not forgotten.

`given_up` counts how often in a row a sweep took a lead up again that had used up its attempts; before `retry_at` none does.
"""

outbox = sa.Table(
    "outbox",
    metadata,
    text("event_id", key=True),
    text("lead_id"),
    sa.Column("model", sa.Text, nullable=False, server_default=DEFAULT_MODEL),
    whole("sequence"),
    whole("created_at"),
    text("body"),
    text("state"),
    whole("attempts", default="0"),
    whole("next_at"),
    text("last_error", null=True),
    whole("sent_at", null=True),
    sa.Index(None, "state", "next_at"),
    sa.Index(None, "lead_id", "sequence"),
)
"""Webhooks to send: `pending`, `sent` or `dead`. `next_at` is the next try, or, during one, the end of its lease."""

tasks = sa.Table("tasks", metadata, text("name", key=True), whole("next_at"))
"""When something that only one process should do is due again."""

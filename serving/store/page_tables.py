"""Tables of the online store that only pages read: the list of open leads, what they are compared with, sessions."""

import sqlalchemy as sa

from serving.store.columns import metadata, model, text, whole

__all__ = ["open_lead_details", "open_leads", "qualified_leads", "sessions"]

open_leads = sa.Table(
    "open_leads",
    metadata,
    text("lead_id", key=True),
    model(),
    text("account_id", null=True),
    text("owner", null=True),
    text("stage", null=True),
    sa.Column("probability", sa.Double, nullable=True),
    sa.Column("low", sa.Double, nullable=True),
    sa.Column("high", sa.Double, nullable=True),
    sa.Column("rank", sa.Double, nullable=False),
    text("tier", null=True),
    whole("within_capacity", null=True),
    text("not_scored", null=True),
    text("advice", null=True),
    sa.Column("chance_now", sa.Double, nullable=True),
    sa.Column("difference", sa.Double, nullable=False),
    whole("last_touchpoint_at"),
    text("last_touchpoint", null=True),
    whole("snapshot_at"),
    text("searched"),
    sa.Index(None, "model", "rank", "lead_id"),
    sa.Index(None, "model", "owner", "rank"),
    sa.Index(None, "model", "difference", "lead_id"),
    sa.Index(None, "model", "last_touchpoint_at", "lead_id"),
)
"""One row per open lead and model, as it was scored last: what a list is filtered, ranked and searched by, and nothing else, so
that reading all of them is cheap. `rank` is less the probability, so the best come first, and 1 where there is none;
`difference` is what the probability changed by in a week, 0 where that is not known; `chance_now` is that of a first contact
now; `last_touchpoint_at` is 0 where there is none. `searched` holds what a search looks in, case-folded."""

open_lead_details = sa.Table(
    "open_lead_details",
    metadata,
    text("lead_id", key=True),
    model(),
    whole("snapshot_at"),
    text("details"),
)
"""The rest of an open lead, which only the rows on a page need: reasons, what changed, decision; JSON."""

qualified_leads = sa.Table(
    "qualified_leads",
    metadata,
    text("lead_id", key=True),
    model(),
    text("model_key"),
    whole("handed_over_at"),
    whole("qualified_at"),
    text("profiles"),
    sa.Index(None, "model_key", "qualified_at"),
)
"""One row per model and lead that became qualified, with what `model_key` thought of it at several ages before, from what was
known then."""

sessions = sa.Table(
    "sessions",
    metadata,
    text("session_hash", key=True),
    text("key_id"),
    whole("created_at"),
    whole("expires_at"),
    sa.Index(None, "expires_at"),
)
"""One row per person who is logged in on the pages: the hash of what the cookie holds, and whose key it was."""

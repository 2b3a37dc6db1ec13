"""Verdicts taken back, the check before a verdict, hand-overs, visitors, merged leads."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "handovers",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=False),
        sa.Column("first_contact_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "event_key", name=op.f("pk_handovers")),
    )
    op.create_table(
        "identities",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("visitor_id", sa.Text(), nullable=False),
        sa.Column("identified_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "event_key", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_visitor_id"), "identities", ["visitor_id"], unique=False)
    op.create_table(
        "merged_leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_merged_leads")),
    )
    op.create_index(op.f("ix_merged_leads_merged_into"), "merged_leads", ["merged_into"], unique=False)
    op.create_table(
        "retractions",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("outcome_key", sa.Text(), nullable=False),
        sa.Column("retracts", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "outcome_key", name=op.f("pk_retractions")),
    )
    op.create_table(
        "visits",
        sa.Column("visitor_id", sa.Text(), nullable=False),
        sa.Column("touchpoint_key", sa.Text(), nullable=False),
        sa.Column("touchpoint_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("asset", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("visitor_id", "touchpoint_key", name=op.f("pk_visits")),
    )
    op.add_column("attribute_changes", sa.Column("merged_from", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("need", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("budget", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("compatibility", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("timing", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("advice", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("decided_by", sa.Text(), nullable=True))
    op.add_column("outcomes", sa.Column("retracted_at", sa.BigInteger(), nullable=True))
    op.add_column("stage_changes", sa.Column("retracted_at", sa.BigInteger(), nullable=True))
    op.add_column("stage_changes", sa.Column("merged_from", sa.Text(), nullable=True))
    op.add_column("touchpoints", sa.Column("visitor_id", sa.Text(), nullable=True))
    op.add_column("touchpoints", sa.Column("merged_from", sa.Text(), nullable=True))
    op.create_index(op.f("ix_touchpoints_visitor_id"), "touchpoints", ["visitor_id"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_touchpoints_visitor_id"), table_name="touchpoints")
    op.drop_column("touchpoints", "merged_from")
    op.drop_column("touchpoints", "visitor_id")
    op.drop_column("stage_changes", "merged_from")
    op.drop_column("stage_changes", "retracted_at")
    op.drop_column("outcomes", "retracted_at")
    op.drop_column("outcomes", "decided_by")
    op.drop_column("outcomes", "advice")
    op.drop_column("outcomes", "timing")
    op.drop_column("outcomes", "compatibility")
    op.drop_column("outcomes", "budget")
    op.drop_column("outcomes", "need")
    op.drop_column("attribute_changes", "merged_from")
    op.drop_table("visits")
    op.drop_table("retractions")
    op.drop_index(op.f("ix_merged_leads_merged_into"), table_name="merged_leads")
    op.drop_table("merged_leads")
    op.drop_index(op.f("ix_identities_visitor_id"), table_name="identities")
    op.drop_table("identities")
    op.drop_table("handovers")

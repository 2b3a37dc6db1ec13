"""The online store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "attribute_changes",
        sa.Column("change_key", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("change_key", name=op.f("pk_attribute_changes")),
    )
    op.create_index(
        op.f("ix_attribute_changes_entity_id_entity"), "attribute_changes", ["entity_id", "entity"], unique=False
    )
    op.create_table(
        "decisions",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("not_scored", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_decisions")),
    )
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_leads")),
    )
    op.create_index(op.f("ix_leads_account_id"), "leads", ["account_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("ordered_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Double(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "order_key", name=op.f("pk_orders")),
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_lead_id_sequence"), "outbox", ["lead_id", "sequence"], unique=False)
    op.create_index(op.f("ix_outbox_state_next_at"), "outbox", ["state", "next_at"], unique=False)
    op.create_table(
        "outcomes",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("outcome_key", sa.Text(), nullable=False),
        sa.Column("outcome_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "outcome_key", name=op.f("pk_outcomes")),
    )
    op.create_table(
        "rescore",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_rescore")),
    )
    op.create_index(op.f("ix_rescore_due_at"), "rescore", ["due_at"], unique=False)
    op.create_table(
        "stage_changes",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("change_key", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "change_key", name=op.f("pk_stage_changes")),
    )
    op.create_table(
        "tasks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tasks")),
    )
    op.create_table(
        "touchpoints",
        sa.Column("lead_id", sa.Text(), nullable=False),
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
        sa.PrimaryKeyConstraint("lead_id", "touchpoint_key", name=op.f("pk_touchpoints")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("touchpoints")
    op.drop_table("tasks")
    op.drop_table("stage_changes")
    op.drop_index(op.f("ix_rescore_due_at"), table_name="rescore")
    op.drop_table("rescore")
    op.drop_table("outcomes")
    op.drop_index(op.f("ix_outbox_state_next_at"), table_name="outbox")
    op.drop_index(op.f("ix_outbox_lead_id_sequence"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("orders")
    op.drop_index(op.f("ix_leads_account_id"), table_name="leads")
    op.drop_table("leads")
    op.drop_table("decisions")
    op.drop_index(op.f("ix_attribute_changes_entity_id_entity"), table_name="attribute_changes")
    op.drop_table("attribute_changes")

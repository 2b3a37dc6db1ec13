"""The list of open leads, and who is logged in on the pages."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "open_lead_details",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("snapshot_at", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_open_lead_details")),
    )
    op.create_table(
        "open_leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("within_capacity", sa.BigInteger(), nullable=True),
        sa.Column("not_scored", sa.Text(), nullable=True),
        sa.Column("difference", sa.Double(), nullable=False),
        sa.Column("last_touchpoint_at", sa.BigInteger(), nullable=False),
        sa.Column("last_touchpoint", sa.Text(), nullable=True),
        sa.Column("snapshot_at", sa.BigInteger(), nullable=False),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_open_leads")),
    )
    op.create_index(op.f("ix_open_leads_difference_lead_id"), "open_leads", ["difference", "lead_id"], unique=False)
    op.create_index(
        op.f("ix_open_leads_last_touchpoint_at_lead_id"), "open_leads", ["last_touchpoint_at", "lead_id"], unique=False
    )
    op.create_index(op.f("ix_open_leads_owner_rank"), "open_leads", ["owner", "rank"], unique=False)
    op.create_index(op.f("ix_open_leads_rank_lead_id"), "open_leads", ["rank", "lead_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_sessions_expires_at"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_open_leads_rank_lead_id"), table_name="open_leads")
    op.drop_index(op.f("ix_open_leads_owner_rank"), table_name="open_leads")
    op.drop_index(op.f("ix_open_leads_last_touchpoint_at_lead_id"), table_name="open_leads")
    op.drop_index(op.f("ix_open_leads_difference_lead_id"), table_name="open_leads")
    op.drop_table("open_leads")
    op.drop_table("open_lead_details")

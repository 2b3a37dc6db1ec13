"""Objections, and whom the service erased."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "erased_leads",
        sa.Column("lead_hash", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_hash", name=op.f("pk_erased_leads")),
    )
    op.create_table(
        "objections",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "event_key", name=op.f("pk_objections")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("objections")
    op.drop_table("erased_leads")

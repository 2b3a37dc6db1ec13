"""Leads that became qualified, which open leads are compared with."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "qualified_leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=False),
        sa.Column("qualified_at", sa.BigInteger(), nullable=False),
        sa.Column("profiles", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_qualified_leads")),
    )
    op.create_index(
        op.f("ix_qualified_leads_model_qualified_at"), "qualified_leads", ["model", "qualified_at"], unique=False
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("ix_qualified_leads_model_qualified_at"), table_name="qualified_leads")
    op.drop_table("qualified_leads")

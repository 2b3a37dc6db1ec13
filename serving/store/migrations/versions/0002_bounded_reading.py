"""Indexes to read the newest by, and what became of leads that can't be scored again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INDEXES = {
    "leads": ("account_id", "touched_at"),
    "orders": ("account_id", "ordered_at"),
    "stage_changes": ("lead_id", "occurred_at", "recorded_at"),
    "touchpoints": ("lead_id", "occurred_at", "recorded_at"),
}


def upgrade() -> None:
    """Apply."""
    for table, columns in _INDEXES.items():
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=False)
    op.drop_index(op.f("ix_leads_account_id"), table_name="leads")
    op.add_column("rescore", sa.Column("given_up", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("rescore", sa.Column("retry_at", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("rescore", sa.Column("last_error", sa.Text(), nullable=True))


def downgrade() -> None:
    """Undo."""
    for name in ("last_error", "retry_at", "given_up"):
        op.drop_column("rescore", name)
    op.create_index(op.f("ix_leads_account_id"), "leads", ["account_id"], unique=False)
    for table, columns in reversed(_INDEXES.items()):
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table_name=table)

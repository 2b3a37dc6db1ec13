"""When to call: the advice of each open lead, what was shown from when on, and the price of a slot."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "advices",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("advised_at", sa.BigInteger(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("chance_now", sa.Double(), nullable=True),
        sa.Column("chance_waiting", sa.Double(), nullable=True),
        sa.Column("propensity", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "advised_at", name=op.f("pk_advices")),
    )
    op.create_table(
        "slot_prices",
        sa.Column("priced_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("price", sa.Double(), nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("priced_at", name=op.f("pk_slot_prices")),
    )
    op.add_column("open_leads", sa.Column("advice", sa.Text(), nullable=True))
    op.add_column("open_leads", sa.Column("chance_now", sa.Double(), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("open_leads", "chance_now")
    op.drop_column("open_leads", "advice")
    op.drop_table("slot_prices")
    op.drop_table("advices")

"""Decisions, lists, prices and webhooks of several models: rows of before are of the model `leads`."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEYS = {
    "open_leads": ["lead_id"],
    "open_lead_details": ["lead_id"],
    "qualified_leads": ["lead_id"],
    "decisions": ["lead_id"],
    "advices": ["lead_id", "advised_at"],
    "slot_prices": ["priced_at"],
}
INDEXES = (
    ("rank", "lead_id"),
    ("owner", "rank"),
    ("difference", "lead_id"),
    ("last_touchpoint_at", "lead_id"),
)


def _key(table: str, *, with_model: bool) -> list[str]:
    first, *rest = KEYS[table]
    if not with_model:
        return [first, *rest]
    return ["model", first] if table == "slot_prices" else [first, "model", *rest]


def upgrade() -> None:
    """Apply."""
    for columns in INDEXES:
        op.drop_index(f"ix_open_leads_{'_'.join(columns)}", table_name="open_leads")
    op.drop_index("ix_qualified_leads_model_qualified_at", table_name="qualified_leads")
    with op.batch_alter_table("qualified_leads") as batch:
        batch.alter_column("model", new_column_name="model_key")
    for table in KEYS:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("model", sa.Text(), server_default="leads", nullable=False))
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", _key(table, with_model=True))
    op.create_index("ix_qualified_leads_model_key_qualified_at", "qualified_leads", ["model_key", "qualified_at"])
    for columns in INDEXES:
        op.create_index(f"ix_open_leads_model_{'_'.join(columns)}", "open_leads", ["model", *columns])
    op.add_column("outbox", sa.Column("model", sa.Text(), server_default="leads", nullable=False))


def downgrade() -> None:
    """Undo; rows of other models than `leads` go."""
    op.drop_column("outbox", "model")
    for columns in INDEXES:
        op.drop_index(f"ix_open_leads_model_{'_'.join(columns)}", table_name="open_leads")
    op.drop_index("ix_qualified_leads_model_key_qualified_at", table_name="qualified_leads")
    for table in KEYS:
        op.execute(sa.text(f"DELETE FROM {table} WHERE model <> 'leads'"))
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", _key(table, with_model=False))
            batch.drop_column("model")
    with op.batch_alter_table("qualified_leads") as batch:
        batch.alter_column("model_key", new_column_name="model")
    op.create_index("ix_qualified_leads_model_qualified_at", "qualified_leads", ["model", "qualified_at"])
    for columns in INDEXES:
        op.create_index(f"ix_open_leads_{'_'.join(columns)}", "open_leads", list(columns))

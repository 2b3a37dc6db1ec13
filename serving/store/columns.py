"""What the store's tables are made of."""

import sqlalchemy as sa

from serving.contract.model_names import DEFAULT_MODEL

__all__ = ["metadata", "model", "text", "whole"]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def text(name: str, *, key: bool = False, null: bool = False, index: bool = False) -> sa.Column[str]:
    """Make a column of text."""
    return sa.Column(name, sa.Text, primary_key=key, nullable=null, index=index)


def whole(name: str, *, null: bool = False, default: str | None = None) -> sa.Column[int]:
    """Make a column of whole numbers, moments among them."""
    return sa.Column(name, sa.BigInteger, nullable=null, server_default=default)


def model() -> sa.Column[str]:
    """Make the key column of a table with rows per model of the service; rows of earlier versions are of the default one."""
    return sa.Column("model", sa.Text, primary_key=True, nullable=False, server_default=DEFAULT_MODEL)

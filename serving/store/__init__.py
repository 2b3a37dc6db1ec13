"""The online store: what was told as it happened. The only importer of sqlalchemy and alembic."""

"""The online store: events as they came. The only importer of sqlalchemy and alembic."""

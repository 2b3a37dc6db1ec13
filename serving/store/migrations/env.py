"""Run by alembic: apply migrations on the connection that `serving.store.migrate` opened."""

from alembic import context

from serving.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

"""Command `migrate`: bring the store's tables to this version; SQLite files are created where there are none."""

import argparse
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from features.errors import LeadQualificationError
from serving.store.connect import MIGRATIONS, Store, StoreUnavailableError, store_url

__all__ = ["main", "migrate", "write_migration"]

ROOT = Path(__file__).resolve().parents[2]


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> str:
    """Bring a store to this version, in one transaction; does nothing where it is already.

    Parameters
    ----------
    url : str
        As for `Store`.

    Returns
    -------
    str
        The revision.

    Raises
    ------
    StoreUnavailableError
        The store can't be reached or written.
    """
    store = Store(url)
    try:
        if store.file is not None:
            store.file.parent.mkdir(parents=True, exist_ok=True)
            store.file.touch(mode=0o600)
        with store.engine.begin() as connection:
            if not store.is_sqlite:  # several services may start at once
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7263413601)"))
            command.upgrade(_config(connection), "head")
            return str(MigrationContext.configure(connection).get_current_revision())
    except (sa.exc.DBAPIError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StoreUnavailableError(f"the store can't be brought to this version ({cause})") from error
    finally:
        store.close()


def write_migration(message: str) -> str:
    """Write the migration that is missing between the newest one and `serving.store.schema`; for developers.

    Returns
    -------
    str
        Its file.
    """
    with sa.create_engine("sqlite://").begin() as connection:
        config = _config(connection)
        command.upgrade(config, "head")
        number = int(ScriptDirectory.from_config(config).get_current_head() or 0) + 1
        made = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        return str(getattr(made, "path", made))


def main() -> None:
    """Migrate the store of ``LEAD_STORE_URL``."""
    parser = argparse.ArgumentParser(prog="python -m serving.store.migrate", description=__doc__)
    parser.add_argument(
        "--new", metavar="WORDS", help="for developers: write the migration to a changed schema instead"
    )
    arguments = parser.parse_args()
    if arguments.new:
        print(f"migrate: {write_migration(arguments.new)}")  # noqa: T201 its output
        return
    url = store_url(ROOT)
    try:
        revision = migrate(url)
    except LeadQualificationError as error:
        raise SystemExit(f"{error}. Check LEAD_STORE_URL and that it can be written.") from error
    print(f"migrate: {sa.make_url(url).render_as_string(hide_password=True)} is at {revision}")  # noqa: T201 its output


if __name__ == "__main__":
    main()

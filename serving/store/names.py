"""Whom pseudonyms stand for, as far as the service learned it: sealed texts, which this module neither makes nor opens."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from serving.store import schema
from serving.store.writing import chunks, insert

__all__ = ["add_names", "all_names", "sealed_names"]

_TABLE = schema.names


def add_names(connection: sa.Connection, sealed: Mapping[str, str]) -> None:
    """Write what pseudonyms stand for; those already there stay.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    sealed : mapping of str to str
        By pseudonym.
    """
    known = sealed_names(connection, sealed)
    news = [{"pseudonym": name, "sealed": text} for name, text in sorted(sealed.items()) if name not in known]
    for chunk in chunks(news):
        connection.execute(insert(connection, _TABLE).on_conflict_do_nothing(), chunk)


def sealed_names(connection: sa.Connection, pseudonyms: Iterable[str]) -> dict[str, str]:
    """Read what is known of pseudonyms; those that are not known are left out."""
    found: dict[str, str] = {}
    for chunk in chunks(sorted(pseudonyms)):
        query = sa.select(_TABLE.c.pseudonym, _TABLE.c.sealed).where(_TABLE.c.pseudonym.in_(chunk))
        found |= {row.pseudonym: row.sealed for row in connection.execute(query)}
    return found


def all_names(connection: sa.Connection) -> dict[str, str]:
    """Read all of them."""
    return {row.pseudonym: row.sealed for row in connection.execute(sa.select(_TABLE.c.pseudonym, _TABLE.c.sealed))}

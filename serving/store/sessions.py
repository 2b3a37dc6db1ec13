"""Who is logged in on the pages. What a cookie holds is nowhere in the store: only its hash."""

import hashlib
from typing import NamedTuple

import sqlalchemy as sa

from serving.store import schema

__all__ = ["Session", "add_session", "drop_session", "find_session", "session_hash"]


class Session(NamedTuple):
    """One person who is logged in.

    Attributes
    ----------
    key_id : str
        The key that was logged in with; what it may, and whether it is still valid, the file of keys says.
    expires_at : int
        UTC microseconds.
    """

    key_id: str
    expires_at: int


def session_hash(session_id: str) -> str:
    """Hash what the cookie holds."""
    return hashlib.sha256(session_id.encode()).hexdigest()


def add_session(connection: sa.Connection, session_id: str, session: Session, now: int) -> None:
    """Write a session, and throw away those that are over.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    session_id : str
        Random, of 256 bits.
    session : Session
    now : int
        UTC microseconds.
    """
    table = schema.sessions
    connection.execute(sa.delete(table).where(table.c.expires_at <= now))
    values = {"session_hash": session_hash(session_id), "created_at": now, **session._asdict()}
    connection.execute(sa.insert(table).values(**values))


def find_session(connection: sa.Connection, session_id: str, now: int) -> Session | None:
    """Find a session; None: there is none, or it is over."""
    table = schema.sessions
    query = sa.select(table.c.key_id, table.c.expires_at)
    query = query.where(table.c.session_hash == session_hash(session_id), table.c.expires_at > now)
    row = connection.execute(query).one_or_none()
    return None if row is None else Session(*row)


def drop_session(connection: sa.Connection, session_id: str) -> None:
    """End a session."""
    table = schema.sessions
    connection.execute(sa.delete(table).where(table.c.session_hash == session_hash(session_id)))

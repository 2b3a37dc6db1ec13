"""Who looks at a page, and what they may: a logged-in key, the user that a proxy names, or whoever sits at this machine."""

import hmac
from dataclasses import dataclass

from serving.access.guard import Guard
from serving.access.key_file import Key
from serving.app.web import HOURS, Visit, new_session_id
from serving.contract.errors import RequestError
from serving.store.connect import Store
from serving.store.sessions import Session, add_session, drop_session, find_session

__all__ = ["Visitor", "check_token", "find_visitor", "log_in", "log_out"]

MOST_NAME = 200
SCOPES = ("view", "decide")


@dataclass(frozen=True)
class Visitor:
    """Somebody who may look at pages.

    Attributes
    ----------
    name : str
        As it stands in the record of what they decide: the key's name, or the user's; empty: nobody is named on this machine.
    scopes : tuple of str
    key : Key or None
        That they logged in with.
    """

    name: str
    scopes: tuple[str, ...]
    key: Key | None = None

    def may(self, scope: str) -> bool:
        """Tell whether they may do what needs a scope.

        Examples
        --------
        >>> [Visitor("Ana", ("decide",)).may(scope) for scope in ("view", "decide")], Visitor("crm", ("score",)).may("view")
        ([True, True], False)
        """
        return bool({scope, "admin", *(["decide"] if scope == "view" else [])} & {*self.scopes})


def find_visitor(visit: Visit, store: Store, guard: Guard | None, header: str | None, now: int) -> Visitor | None:
    """Find out who asks; None: they must log in.

    Parameters
    ----------
    visit : Visit
    store : Store
        Holds the sessions.
    guard : Guard or None
        Knows the keys; None: this service needs none.
    header : str or None
        As `serving.access.user_header.user_header` gives it.
    now : int
        UTC microseconds.

    Raises
    ------
    RequestError
        403 where no key could help, 400 where the proxy does not name one user.
    """
    if header is not None and (users := visit.values(header)):
        name = users[0].strip()
        if (
            len(users) > 1 or not name.isprintable()
        ):  # one of them may be the browser's own, which the proxy let through
            raise RequestError(
                400, "unclear_user", "the header that names the user is there twice, or holds control characters."
            )
        if name:
            return Visitor(name[:MOST_NAME], SCOPES)
    if guard is None:
        if header is not None or not visit.is_local or visit.is_forwarded:
            raise RequestError(403, "not_local", "these pages open at once only on the machine itself.")
        return Visitor("", SCOPES)
    if visit.is_new:
        return None
    with store.read() as connection:
        session = find_session(connection, visit.session_id, now)
    key = None if session is None else guard.key(session.key_id)
    return None if key is None else Visitor(key.name, key.scopes, key)


def check_token(visit: Visit, token: str) -> None:
    """Refuse a form that did not come from a page of ours.

    Raises
    ------
    RequestError
        403.
    """
    if visit.is_new or not hmac.compare_digest(token.encode(), visit.form_token.encode()):
        raise RequestError(403, "wrong_form", "this form is of another visit.")


def log_in(visit: Visit, store: Store, guard: Guard, text: str, client: str, now: int) -> None:
    """Log in with a key; the visit gets a new id.

    Raises
    ------
    RequestError
        401 for a key that is not valid, 403 for one that may not look at pages, 429 after too many attempts.
    """
    key = guard.admit(text, client)
    if not Visitor(key.name, key.scopes, key).may("view"):
        raise RequestError(403, "missing_scope", f"the key {key.id} may not look at these pages.", "key")
    former, visit.session_id, visit.is_new = visit.session_id, new_session_id(), True
    with store.write() as connection:
        drop_session(connection, former)
        add_session(connection, visit.session_id, Session(key.id, now + HOURS * 3_600_000_000), now)


def log_out(visit: Visit, store: Store) -> None:
    """End the session."""
    with store.write() as connection:
        drop_session(connection, visit.session_id)

"""Who may do what, and how much: the key of a request, its scope, its limits. Asked before anything of a body is read."""

import datetime as dt
import hmac
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path

from features.errors import LeadQualificationError
from serving.access.key_file import LEADS_PER_MINUTE, REQUESTS_PER_MINUTE, Key, digest, key_id_of, read_keys
from serving.access.rate_limits import RateLimits
from serving.contract.errors import RequestError
from serving.contract.routes import MATCH, Match
from serving.http.answers import Answer, Scope, error_answer
from serving.http.reader import wants_page

__all__ = ["KEY", "Guard", "may_debug", "models_allowed"]

KEY = "lead_qualification.key"
"""Where a request's scope holds the key it came with."""

CHECK_SECONDS = 1.0
LOG_INS_PER_MINUTE = 10
_REALM = 'Bearer realm="lead-qualification"'
_NOBODY = "0" * 64  # no text is known to hash to it
_HOW = "Send the header Authorization: Bearer <key>; the operator makes one by python -m serving.keys create."
_NONE = "No key exists yet: the operator makes one by python -m serving.keys create."

_log = logging.getLogger("bentoml.lead_qualification.keys")


class Guard:
    """Admits requests with a key, and reads the file of keys again when it changes.

    A file that can't be read any more is logged and changes nothing: the keys read last stay, each until it expires.

    Parameters
    ----------
    file : Path
        The file of keys; before it was read once, no request is admitted.
    limits : RateLimits
        What each key used.
    """

    def __init__(self, file: Path, limits: RateLimits) -> None:
        self.file, self.limits = file, limits
        self._keys: Mapping[str, Key] = {}
        self._seen: tuple[int, ...] | None = None
        self._said: str | None = None
        self._looked = -math.inf

    def refuse(self, scope: Scope) -> Answer | None:
        """Give the answer to a request that is refused, by the route in its scope; None: it is admitted.

        The scope of an admitted request holds its key. A path that matches no route needs a key, too: without one, nobody
        learns which routes there are. Pages ask for themselves who looks at them, so a browser learns below ``/app`` that there
        is no such page.
        """
        matched: Match | None = scope[MATCH]
        if matched is None and wants_page(scope):
            return None
        needed = "any" if matched is None else matched.route.needs
        if needed == "open" or (matched is not None and matched.route.is_page):
            return None
        now = time.monotonic()
        self._look(now)
        try:
            key = self._key(scope)
        except RequestError as error:
            challenge = _REALM if error.code == "no_key" else f'{_REALM}, error="invalid_token"'
            return error_answer(error, (b"www-authenticate", challenge.encode("ascii")))
        scope[KEY] = key
        if needed not in key.scopes and needed != "any" and "admin" not in key.scopes:
            refusal = _forbidden(key, needed)
            challenge = f'{_REALM}, error="insufficient_scope", scope="{needed}"'
            return error_answer(refusal, (b"www-authenticate", challenge.encode("ascii")))
        wait = self._take(key, 1, int(matched is not None and matched.route.counts_leads), now)
        if wait > 0.0:
            return error_answer(_too_many(key, wait), (b"retry-after", str(math.ceil(wait)).encode("ascii")))
        return None

    def admit(self, text: str, client: str) -> Key:
        """Find the key that a person logs in with.

        Parameters
        ----------
        text : str
            The key.
        client : str
            Where the request came from, whose attempts that fail are counted.

        Raises
        ------
        RequestError
            401 where it is not valid, 429 after too many attempts.
        """
        now = time.monotonic()
        slot = digest(f"log-in {client}")[:12]
        limits = {"requests_per_minute": LOG_INS_PER_MINUTE, "leads_per_minute": 1}
        wait = self.limits.take(slot, 1, 0, now, **limits)
        if wait > 0.0:
            message = f"there were {LOG_INS_PER_MINUTE} attempts to log in within a minute."
            raise RequestError(429, "too_many_requests", message, "key", f"Wait {math.ceil(wait)} s, and try again.")
        self._look(now)
        key = self._valid(text.strip())
        self.limits.take(slot, -1, 0, now, **limits)
        return key

    def key(self, key_id: str) -> Key | None:
        """Give a key as it stands in the file now, for who is logged in with it; None: it is not valid any more."""
        self._look(time.monotonic())
        key = self._keys.get(key_id)
        return key if key is not None and key.state(dt.datetime.now(dt.UTC)) == "valid" else None

    def count(self, key: Key) -> float:
        """Count one request of somebody who is logged in; give the seconds to wait, 0 for none."""
        return self._take(key, 1, 0, time.monotonic())

    def charge(self, scope: Scope, leads: int) -> None:
        """Count the leads of a request beyond the first, which was counted when it was admitted."""
        key = scope.get(KEY)
        if key is not None and leads > 1:
            self._take(key, 0, leads - 1, time.monotonic())

    def key_id(self, scope: Scope) -> str | None:
        """Give the id of the request's key."""
        key: Key | None = scope.get(KEY)
        return None if key is None else key.id

    def _take(self, key: Key, requests: int, leads: int, now: float) -> float:
        return self.limits.take(
            key.id,
            requests,
            leads,
            now,
            requests_per_minute=key.requests_per_minute or REQUESTS_PER_MINUTE,
            leads_per_minute=key.leads_per_minute or LEADS_PER_MINUTE,
        )

    def _key(self, scope: Scope) -> Key:
        """Find the key of a request; what is unknown takes the same steps as what is known."""
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            raise RequestError(401, "no_key", "a key is needed.", hint=_HOW if self._keys else _NONE)
        if len(given) > 1:
            raise RequestError(401, "invalid_key", "the request holds more than one key.", hint="Send one.")
        kind, _, text = given[0].decode("latin-1").partition(" ")
        return self._valid(text.strip() if kind.lower() == "bearer" else "")

    def _valid(self, text: str) -> Key:
        key = self._keys.get(key_id_of(text) or "")
        is_known = hmac.compare_digest(digest(text), key.sha256 if key else _NOBODY)
        if key is None or not is_known:
            raise RequestError(401, "invalid_key", "the key is not one of this service.", hint=_HOW)
        state = key.state(dt.datetime.now(dt.UTC))
        if state != "valid":
            hint = "Send the key that took its place, or ask the operator for one."
            raise RequestError(401, "invalid_key", f"the key {key.id} is {state}.", hint=hint)
        return key

    def _look(self, now: float) -> None:
        if now - self._looked >= CHECK_SECONDS:
            self._looked = now
            self._reload()

    def _reload(self) -> None:
        """Read the file again, if it is another one than before."""
        try:
            status = self.file.stat()
            version = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)
            if version == self._seen:
                return
            self._keys = {key.id: key for key in read_keys(self.file)}
            self._seen, self._said = version, None
            _log.info("%d API keys are known.", len(self._keys))
        except (LeadQualificationError, OSError) as error:
            self._seen = None
            if str(error) != self._said:  # not each second again
                self._said = str(error)
                _log.error("The API keys can't be read, so those read before stay (%d): %s", len(self._keys), error)


def may_debug(scope: Scope) -> bool | None:
    """Tell whether the key of a request lets it see feature vectors; None: it came without, where none is needed."""
    key = scope.get(KEY)
    return None if key is None else "admin" in key.scopes


def models_allowed(scope: Scope) -> tuple[str, ...] | None:
    """Give the models that the key of a request is limited to; None: all, or it came without a key."""
    key = scope.get(KEY)
    return None if key is None else key.models


def _forbidden(key: Key, needed: str) -> RequestError:
    message = f"the key {key.id} may {', '.join(key.scopes)}; this address needs {needed}."
    return RequestError(403, "missing_scope", message, hint=f"Send a key with the scope {needed}.")


def _too_many(key: Key, wait: float) -> RequestError:
    requests, leads = key.requests_per_minute or REQUESTS_PER_MINUTE, key.leads_per_minute or LEADS_PER_MINUTE
    message = f"the key {key.id} may send {requests:,} requests and score {leads:,} leads a minute; it used them up."
    hint = f"Wait {math.ceil(wait)} s, as Retry-After says, and send it again."
    return RequestError(429, "too_many_requests", message, hint=hint)

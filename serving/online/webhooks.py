"""Webhooks: signed, sent, and when to try again. The only importer of httpx.

Headers and signature follow https://www.standardwebhooks.com, for which receivers find libraries in many languages.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from features.errors import LeadQualificationError

__all__ = ["SECRET", "URL", "Sender", "WebhookSettings", "retry_wait", "sign", "sweep_minutes"]

URL = "LEAD_WEBHOOK_URL"
SECRET = "LEAD_WEBHOOK_SECRET"
FIRST_WAIT = "LEAD_WEBHOOK_RETRY_SECONDS"
ATTEMPTS = "LEAD_WEBHOOK_ATTEMPTS"
SWEEP = "LEAD_SWEEP_MINUTES"
SWEEP_MINUTES = 60.0

PREFIX = "whsec_"
SHORTEST_SECRET = 24  # bytes
LONGEST_WAIT = 6 * 3600.0
TIMEOUT = httpx.Timeout(10.0, connect=5.0)  # each for one step, such as a read
DEADLINE = 25.0
"""Seconds for all of one delivery: with a receiver that answers byte by byte no single read takes long."""


@dataclass(frozen=True)
class WebhookSettings:
    """Where to send webhooks, and how.

    Attributes
    ----------
    url : str
        The CRM's address.
    keys : tuple of bytes
        One, or two while the secret is changed.
    first_wait : float
        Seconds until the second try; each further one takes twice as long, at most six hours.
    attempts : int
        After so many an event is parked as dead.
    """

    url: str
    keys: tuple[bytes, ...]
    first_wait: float = 5.0
    attempts: int = 17

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "WebhookSettings | None":
        """Read the settings; None: no webhooks are wanted.

        Raises
        ------
        LeadQualificationError
            A setting is wrong; says which and what is allowed.

        Examples
        --------
        >>> WebhookSettings.from_environ({}) is None
        True
        >>> WebhookSettings.from_environ({"LEAD_WEBHOOK_URL": "http://crm.example/hook"})
        Traceback (most recent call last):
        ...
        features.errors.LeadQualificationError: LEAD_WEBHOOK_URL: webhooks leave this machine by https only. Send to https://...
        """
        url = environ.get(URL)
        if not url:
            return None
        parts = urllib.parse.urlsplit(url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LeadQualificationError(f"{URL} is no address of the web. Send to https://...")
        if parts.scheme == "http" and not local:
            raise LeadQualificationError(f"{URL}: webhooks leave this machine by https only. Send to https://...")
        keys = tuple(_key(text) for text in environ.get(SECRET, "").split())
        if not 1 <= len(keys) <= 2:
            raise LeadQualificationError(
                f"{SECRET} must hold the secret that signs webhooks, or two of them while it is changed. {_HOW}"
            )
        return cls(
            url,
            keys,
            _number(environ, FIRST_WAIT, cls.first_wait, 0.01, LONGEST_WAIT),
            int(_number(environ, ATTEMPTS, cls.attempts, 1, 100)),
        )


def sweep_minutes(environ: Mapping[str, str]) -> float:
    """Read the minutes between two sweeps, which score all open leads again: ``LEAD_SWEEP_MINUTES``; 0: never.

    Raises
    ------
    LeadQualificationError
        It is no such number.
    """
    return _number(environ, SWEEP, SWEEP_MINUTES, 0, 100_000)


_HOW = "Make one with: echo whsec_$(openssl rand -base64 32)"


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(PREFIX) or len(key) < SHORTEST_SECRET:
        raise LeadQualificationError(
            f"{SECRET}: a secret is {PREFIX} and at least {SHORTEST_SECRET} bytes in base64. {_HOW}"
        )
    return key


def _number(environ: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = environ.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise LeadQualificationError(
            f"{name} is {text!r}; a number from {least:g} to {most:g} is expected. Correct or unset it."
        )
    return value


def sign(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """Sign one delivery: HMAC-SHA256 over event id, seconds since 1970 and body, joined by dots.

    Examples
    --------
    >>> key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    content = b".".join((event_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def retry_wait(attempt: int, first_wait: float, jitter: float, asked: float = 0.0) -> float:
    """Give the seconds to wait after a failed attempt, the first one being 1.

    Parameters
    ----------
    attempt : int
        How many were made.
    first_wait : float
        After the first one.
    jitter : float
        In [0, 1): spreads the tries of many events.
    asked : float
        What the receiver asked for.

    Examples
    --------
    >>> [retry_wait(attempt, 5, 0.5) for attempt in (1, 2, 3, 40)]
    [5.0, 10.0, 20.0, 21600.0]
    >>> retry_wait(1, 5, 0.5, asked=120.0)
    120.0
    """
    wait = min(first_wait * 2.0 ** min(attempt - 1, 40), LONGEST_WAIT) * (0.5 + jitter)
    return max(wait, min(asked, LONGEST_WAIT))


class Sender:
    """Sends events to one receiver, on an event loop in a thread of its own: only there can all of a delivery have a deadline.

    Parameters
    ----------
    settings : WebhookSettings
        Where to, and the keys.
    """

    def __init__(self, settings: WebhookSettings) -> None:
        self.settings = settings
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, which may hold a token
        # A redirect would carry the signed body to an address that nobody named
        self.client = httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lead-webhooks", daemon=True)
        self._thread.start()

    def send(self, event_id: str, body: bytes, timestamp: int) -> tuple[str | None, float]:
        """Send one event, from any thread.

        Parameters
        ----------
        event_id : str
            Stays the same in all attempts; receivers know repeats by it.
        body : bytes
            JSON.
        timestamp : int
            Seconds since 1970.

        Returns
        -------
        error : str or None
            Why it was not taken, without its content; None: it was.
        asked : float
            For how many seconds the receiver wants to be left alone.
        """
        signatures = " ".join(sign(key, event_id, timestamp, body) for key in self.settings.keys)
        headers = {
            "content-type": "application/json",
            "user-agent": "lead-qualification",
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures,
        }
        return asyncio.run_coroutine_threadsafe(self._send(body, headers), self._loop).result()

    async def _send(self, body: bytes, headers: dict[str, str]) -> tuple[str | None, float]:
        try:
            # Its answer's body is of no interest, and could be endless
            async with (
                asyncio.timeout(DEADLINE),
                self.client.stream("POST", self.settings.url, content=body, headers=headers) as answer,
            ):
                if answer.is_success:
                    return None, 0.0
                after = answer.headers.get("retry-after", "")
                return f"status {answer.status_code}", float(after) if after.isdecimal() and len(after) < 8 else 0.0
        except (httpx.HTTPError, TimeoutError) as error:
            return type(error).__name__, 0.0

    def close(self) -> None:
        """Close the connections; what is still being sent is given up."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)  # each is cancelled, and its caller gets the error
        await self.client.aclose()

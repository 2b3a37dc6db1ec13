"""What an entry of the audit log says, and the keyed MAC that chains it to the entry before."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from features.timeline import from_micros
from models.audit_log.vocabulary import Action

__all__ = ["GENESIS", "MOST_LEADS", "AuditKey", "Entry", "line_of", "moment_text", "read_line"]

MOST_LEADS = 500
"""Pseudonyms in one entry; more leads take several, so that a line stays below 20 kB."""

MOST_TEXT = 200
GENESIS = "0" * 64
"""Stands for the MAC before a chain's first entry."""

_MAC_FIELD = ',"mac":"'
_MAC_LENGTH = len(_MAC_FIELD) + 64 + len('"}')

Detail = str | int | float | bool | None


def moment_text(at: int) -> str:
    """Write a moment so that texts sort as moments do.

    Examples
    --------
    >>> moment_text(0)
    '1970-01-01T00:00:00.000000Z'
    """
    return f"{from_micros(at):%Y-%m-%dT%H:%M:%S.%fZ}"


class AuditKey:
    """The key of the audit log, and the three keys derived from it: of entries, of heads, of pseudonyms.

    Parameters
    ----------
    key_id : str
        Stands beside what the key made; no secret.
    secret : bytes
        At least 16 bytes.
    """

    def __init__(self, key_id: str, secret: bytes) -> None:
        self.id = key_id

        def derived(purpose: bytes) -> bytes:
            return hmac.digest(secret, b"lead-qualification audit log: " + purpose, hashlib.sha256)

        self._entries, self._heads, self._ids = derived(b"entries"), derived(b"heads"), derived(b"pseudonyms")

    def mac(self, previous: str, body: bytes) -> str:
        """Authenticate an entry together with all before it: HMAC-SHA-256 (RFC 2104) over the MAC before and its bytes."""
        return hmac.digest(self._entries, previous.encode("ascii") + b"\n" + body, hashlib.sha256).hex()

    def sign(self, head: bytes) -> str:
        """Authenticate a head."""
        return hmac.digest(self._heads, head, hashlib.sha256).hex()

    def pseudonym(self, identifier: str) -> str:
        """Replace an id, or the name of a person who acted, by 32 hexadecimal digits; the same each time."""
        return hmac.digest(self._ids, identifier.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:32]


@dataclass(frozen=True)
class Entry:
    """One thing that was done.

    Attributes
    ----------
    at : int
        UTC microseconds.
    actor : str
        ``key:<id>`` of an API key, ``person:<pseudonym>``, ``command:<pseudonym>`` of the user of the operating system,
        ``local`` where no key is needed, ``service`` for what the service does by itself.
    action : str
        One of `models.audit_log.vocabulary.Action`.
    leads : sequence of str
        Pseudonyms; at most `MOST_LEADS`. Empty: it concerns no lead by name.
    details : mapping
        Numbers and codes, never what a person wrote.
    """

    at: int
    actor: str
    action: Action
    leads: Sequence[str] = ()
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no reader of the log would expect."""
        if self.action not in get_args(Action) or len(self.leads) > MOST_LEADS:
            raise ValueError(f"no entry of the audit log: action {self.action!r:.40}, {len(self.leads)} leads")

    def body(self, number: int) -> dict[str, Any]:
        """Give what stands in the log, but the MAC."""
        details = {name: value[:MOST_TEXT] if isinstance(value, str) else value for name, value in self.details.items()}
        body: dict[str, Any] = {
            "number": number,
            "at": moment_text(self.at),
            "actor": self.actor,
            "action": self.action,
        }
        return {
            **body,
            **({"leads": list(self.leads)} if self.leads else {}),
            **({"details": details} if details else {}),
        }


def line_of(entry: Entry, number: int, previous: str, key: AuditKey) -> tuple[bytes, str]:
    """Write an entry as one line of JSON, and give its MAC.

    Parameters
    ----------
    entry : Entry
    number : int
        Of the entry in its chain, from 1.
    previous : str
        MAC of the entry before; `GENESIS` before the first.
    key : AuditKey
    """
    body = json.dumps(entry.body(number), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    mac = key.mac(previous, body)
    return b'%b%b%b"}\n' % (body[:-1], _MAC_FIELD.encode(), mac.encode("ascii")), mac


def read_line(line: bytes, number: int, previous: str, key: AuditKey) -> tuple[dict[str, Any], str] | None:
    """Read a line that is authentic at its place; None: it is not the one that was written there.

    Parameters
    ----------
    line : bytes
        Without its end.
    number, previous, key
        As for `line_of`.

    Examples
    --------
    >>> key = AuditKey("k1", b"a key of sixteen")
    >>> line, mac = line_of(Entry(0, "service", "scored"), 1, GENESIS, key)
    >>> read_line(line[:-1], 1, GENESIS, key)[0]["action"], read_line(line[:-1].replace(b"scored", b"viewed"), 1, GENESIS, key)
    ('scored', None)
    """
    body, tail = line[:-_MAC_LENGTH] + b"}", line[-_MAC_LENGTH:].decode("ascii", "replace")
    mac = key.mac(previous, body)
    if not hmac.compare_digest(tail.encode(), f'{_MAC_FIELD}{mac}"}}'.encode()):
        return None
    entry: dict[str, Any] = json.loads(body)
    return (entry, mac) if entry.get("number") == number else None

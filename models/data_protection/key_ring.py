"""The keys of pseudonyms, one ring per purpose. Old keys stay: what they made must be found again."""

import base64
import binascii
import contextlib
import datetime as dt
import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import LeadQualificationError
from models.data_protection.folder import privacy_folder
from models.data_protection.private_file import replace_private_file

__all__ = [
    "KEY_FILE",
    "PRIVACY_KEYS",
    "PURPOSES",
    "Key",
    "KeyRing",
    "changing_keys",
    "keys_file",
    "new_key",
    "pseudonym_key",
    "read_keys",
]

PRIVACY_KEYS = "LEAD_PRIVACY_KEYS"
KEY_FILE = "keys.json"
FORMAT = 1
SECRET_BYTES = 32

PURPOSES = ("pseudonyms", "suppression", "log")
"""Pseudonyms in tables; whom the suppression list names; whom the audit log and receipts name. No two can be joined."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret.

    Attributes
    ----------
    id : str
        8 hexadecimal digits; no secret. It stands beside what the key made.
    secret : bytes
        32 random bytes.
    created_at : datetime
        With a time zone.
    """

    id: str
    secret: bytes
    created_at: dt.datetime

    def mac(self, text: str) -> str:
        """Give the HMAC-SHA256 (RFC 2104) of a text's UTF-8 as 64 hexadecimal digits."""
        return hmac.new(self.secret, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one purpose.

    Attributes
    ----------
    purpose : str
        Of `PURPOSES`.
    keys : tuple of Key
        Newest first, at least one. The newest makes, all of them recognise.
    """

    purpose: str
    keys: tuple[Key, ...]

    @property
    def newest(self) -> Key:
        """The key that new pseudonyms are made with."""
        return self.keys[0]

    def macs(self, text: str) -> dict[str, str]:
        """Give the text's HMAC under each key, by the key's id, the newest key's first."""
        return {key.id: key.mac(text) for key in self.keys}


def keys_file(root: Path) -> Path:
    """Say where the keys are: the file that ``LEAD_PRIVACY_KEYS`` names, else ``keys.json`` in `privacy_folder`."""
    named = os.environ.get(PRIVACY_KEYS)
    return Path(named).absolute() if named else privacy_folder(root) / KEY_FILE


def new_key(now: dt.datetime) -> Key:
    """Draw a key from the machine's random numbers."""
    return Key(secrets.token_hex(4), secrets.token_bytes(SECRET_BYTES), now)


def read_keys(path: Path) -> Mapping[str, KeyRing]:
    """Read the file.

    Returns
    -------
    mapping of str to KeyRing
        By purpose, all of them.

    Raises
    ------
    LeadQualificationError
        It is not there, others can read it, or it is not what `python -m pipeline.privacy keys` writes.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise LeadQualificationError(
                    f"{path} can be read by others; expected is mode 0600. Run `chmod 600 {path}`."
                )
            content = json.loads(file.read())
    except FileNotFoundError:
        raise LeadQualificationError(
            f"there are no keys at {path}. Make them once: python -m pipeline.privacy keys. Where they are elsewhere, name "
            f"the file in {PRIVACY_KEYS}."
        ) from None
    except (OSError, ValueError) as error:
        raise LeadQualificationError(
            f"{path} can't be read as keys ({type(error).__name__}). Restore it from a backup: new keys would not know old "
            "objections."
        ) from error
    return _parse(content, path)


def pseudonym_key(root: Path) -> Key | None:
    """Give the newest key of the purpose `pseudonyms`; None: there are no keys yet."""
    path = keys_file(root)
    return read_keys(path)["pseudonyms"].newest if path.exists() else None


@contextlib.contextmanager
def changing_keys(path: Path) -> Iterator[dict[str, KeyRing]]:
    """Let the block change the rings, one process at a time; the file is replaced as a whole if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        os.chmod(lock.fileno(), 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        rings = dict(read_keys(path)) if path.exists() else {}
        yield rings
        _write(path, rings)


def _write(path: Path, rings: Mapping[str, KeyRing]) -> None:
    content = {"format": FORMAT, "keys": {purpose: [_plain(key) for key in rings[purpose].keys] for purpose in rings}}
    _parse(content, path)  # what can't be read again is not written
    replace_private_file(path, json.dumps(content, indent=1) + "\n")


def _plain(key: Key) -> dict[str, str]:
    secret = base64.b64encode(key.secret).decode("ascii")
    return {"id": key.id, "secret": secret, "created_at": key.created_at.isoformat()}


def _parse(content: Any, path: Path) -> Mapping[str, KeyRing]:
    lists = content.get("keys") if isinstance(content, dict) and content.get("format") == FORMAT else None
    if not isinstance(lists, dict) or set(lists) != set(PURPOSES) or not all(lists.values()):
        raise LeadQualificationError(
            f"{path} is no file of keys; expected is format {FORMAT} with keys for {', '.join(PURPOSES)}. "
            "`python -m pipeline.privacy keys` writes it; restore it from a backup."
        )
    try:
        rings = {purpose: KeyRing(purpose, tuple(map(_read_key, lists[purpose]))) for purpose in PURPOSES}
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        # Not the error's own words: they could hold a part of a secret
        raise LeadQualificationError(
            f"{path} holds a key that can't be read. Restore the file from a backup."
        ) from error
    secrets_seen = [key.secret for ring in rings.values() for key in ring.keys]
    if len(set(secrets_seen)) < len(secrets_seen):
        raise LeadQualificationError(f"{path}: two purposes share a key. Each needs its own; make one with --rotate.")
    return rings


def _read_key(item: Mapping[str, str]) -> Key:
    secret, created_at = base64.b64decode(item["secret"], validate=True), dt.datetime.fromisoformat(item["created_at"])
    if len(secret) != SECRET_BYTES or created_at.tzinfo is None or len(bytes.fromhex(item["id"])) != 4:
        raise ValueError
    return Key(item["id"], secret, created_at)

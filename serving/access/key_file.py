"""The file of API keys: what of a key is kept, which is never the key itself, and how the file is read and replaced."""

import contextlib
import dataclasses
import datetime as dt
import fcntl
import hashlib
import json
import os
import re
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import LeadQualificationError
from models.data_protection.private_file import replace_private_file
from serving.contract.model_names import is_model_name
from serving.contract.scopes import KEY_SCOPES

__all__ = [
    "API_KEYS",
    "LEADS_PER_MINUTE",
    "REQUESTS_PER_MINUTE",
    "Key",
    "changing",
    "digest",
    "key_id_of",
    "keys_file",
    "new_key",
    "read_keys",
]

API_KEYS = "LEAD_API_KEYS"
FORMAT = 1
MOST_KEYS = 1_000
MOST_PER_MINUTE = 10**9

REQUESTS_PER_MINUTE, LEADS_PER_MINUTE = 6_000, 60_000
"""What a key may do where its entry says nothing."""

_LETTERS = string.ascii_letters + string.digits
_SECRET_LENGTH = 43  # of 62 letters: 256 bits
_SHAPE = re.compile(r"lq_([0-9a-f]{12})_[A-Za-z0-9]{43}")
_ID = re.compile(r"[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f]{1,100}")


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of one key.

    Attributes
    ----------
    id : str
        12 hexadecimal digits, also in the key itself; no secret.
    name : str
        Of the client; several keys may share it.
    scopes : tuple of str
        Of `serving.contract.scopes.KEY_SCOPES`.
    sha256 : str
        Of the whole key.
    created_at, expires_at, revoked_at : datetime or None
        With a time zone; None: not.
    requests_per_minute, leads_per_minute : int or None
        None: the default.
    models : tuple of str or None
        The models that it may ask, by their names in the service; None: all.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    sha256: str
    created_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    revoked_at: dt.datetime | None = None
    requests_per_minute: int | None = None
    leads_per_minute: int | None = None
    models: tuple[str, ...] | None = None

    def state(self, now: dt.datetime) -> str:
        """Say whether it is ``valid``, ``expired`` or ``revoked``; it is expired from `expires_at` on.

        Examples
        --------
        >>> now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        >>> Key("0" * 12, "crm", ("score",), "0" * 64, expires_at=now).state(now)
        'expired'
        """
        if self.revoked_at is not None and self.revoked_at <= now:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


def digest(text: str) -> str:
    """Hash a key as it is kept: plain SHA-256, enough for 256 random bits, which nobody can guess one by one."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> tuple[str, str]:
    """Draw a key; return its id and the whole key, which stands nowhere else.

    Examples
    --------
    >>> id, key = new_key()
    >>> key_id_of(key) == id, len(key)
    (True, 59)
    """
    key_id = secrets.token_hex(6)
    return key_id, f"lq_{key_id}_{''.join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))}"


def key_id_of(text: str) -> str | None:
    """Read the id in a key; None: it is not shaped like one of ours."""
    matched = _SHAPE.fullmatch(text)
    return matched and matched.group(1)


def keys_file(root: Path, environ: Mapping[str, str]) -> Path:
    """Say where the keys are: ``LEAD_API_KEYS``, else ``api_keys.json`` beside `data/`."""
    return Path(environ.get(API_KEYS) or root / "api_keys.json")


def read_keys(path: Path) -> tuple[Key, ...]:
    """Read the file.

    Raises
    ------
    LeadQualificationError
        It is not there, can be written by others, or is not what `serving.keys` writes.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o022:
                raise LeadQualificationError(
                    f"{path} can be written by others; expected is mode 0600. chmod 600 {path}"
                )
            content = json.loads(file.read())
    except FileNotFoundError:
        hint = f"Set {API_KEYS}, or make it: python -m serving.keys create --scope score --name crm"
        raise LeadQualificationError(f"there is no file of API keys at {path}. {hint}") from None
    except (OSError, ValueError) as error:
        raise LeadQualificationError(f"{path} can't be read as a file of API keys ({error}). Restore it.") from error
    return _parse(content, path)


def _parse(content: Any, path: Path) -> tuple[Key, ...]:
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("keys"), list):
        text = f'{path} is not a file of API keys; expected is {{"format": {FORMAT}, "keys": [...]}}.'
        raise LeadQualificationError(f"{text} python -m serving.keys writes it.")
    keys = tuple(_read_key(item, f"{path}: keys[{number}]") for number, item in enumerate(content["keys"]))
    if len(keys) > MOST_KEYS:
        raise LeadQualificationError(
            f"{path} holds {len(keys):,} keys; allowed are {MOST_KEYS:,}. Remove revoked ones."
        )
    if len({key.id for key in keys}) < len(keys):
        raise LeadQualificationError(f"{path} holds one key id twice. Remove one of the two.")
    return keys


@contextlib.contextmanager
def changing(path: Path) -> Iterator[list[Key]]:
    """Let the block change the list of keys, one process at a time; the file is replaced at once, if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("a") as lock:
        os.chmod(lock.fileno(), 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = list(read_keys(path)) if path.exists() else []
        yield keys
        _write(path, keys)


def _write(path: Path, keys: Sequence[Key]) -> None:
    content = json.dumps({"format": FORMAT, "keys": [_plain(key) for key in keys]}, indent=1)
    _parse(json.loads(content), path)  # what can't be read again is not written
    replace_private_file(path, content + "\n")


def _plain(key: Key) -> dict[str, Any]:
    """Write an entry; what is not set stays out."""
    items = dataclasses.asdict(key).items()
    return {n: v.isoformat() if isinstance(v, dt.datetime) else v for n, v in items if v is not None}


def _read_key(item: Any, where: str) -> Key:
    fields = {field.name for field in dataclasses.fields(Key)}
    if not isinstance(item, dict) or not set(item) <= fields:
        raise LeadQualificationError(f"{where} is no entry of a key; known fields are {', '.join(sorted(fields))}.")
    scopes = item.get("scopes")
    if not isinstance(scopes, list) or not scopes or not all(scope in KEY_SCOPES for scope in scopes):
        raise LeadQualificationError(
            f"{where}.scopes is {scopes!r}; allowed are {', '.join(KEY_SCOPES)}, at least one."
        )
    for name, pattern in (("id", _ID), ("sha256", _HASH), ("name", _NAME)):
        if not isinstance(item.get(name), str) or not pattern.fullmatch(item[name]):
            text = f"{where}.{name} is {str(item.get(name))[:20]!r}, which does not match {pattern.pattern}."
            raise LeadQualificationError(f"{text} python -m serving.keys writes such files.")
    moments = {name: _moment(item.get(name), f"{where}.{name}") for name in ("created_at", "expires_at", "revoked_at")}
    for name in ("requests_per_minute", "leads_per_minute"):
        most = item.get(name)
        if most is not None and (type(most) is not int or not 1 <= most <= MOST_PER_MINUTE):
            raise LeadQualificationError(
                f"{where}.{name} is {most!r}; a number from 1 to {MOST_PER_MINUTE:,} is expected."
            )
    models = item.get("models")
    if models is not None:
        if not isinstance(models, list) or not models or not all(map(_is_model, models)):
            raise LeadQualificationError(
                f"{where}.models is {models!r:.100}; names of models are expected, at least one, or nothing for all."
            )
        models = tuple(models)
    return Key(**{**item, **moments, "scopes": tuple(scopes), "models": models})


def _is_model(value: Any) -> bool:
    return isinstance(value, str) and is_model_name(value)


def _moment(value: Any, where: str) -> dt.datetime | None:
    if value is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise LeadQualificationError(
            f"{where} is {value!r}; a time with an offset, such as 2026-01-05T10:00:00Z, is expected."
        )
    return moment

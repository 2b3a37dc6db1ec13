"""Command `keys`: make, list, rotate and revoke the API keys of the service. A key is shown once, when it is made.

Running services take up a change within a second.
"""

import argparse
import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

from features.errors import LeadQualificationError
from serving.access.key_file import (
    LEADS_PER_MINUTE,
    REQUESTS_PER_MINUTE,
    Key,
    changing,
    digest,
    keys_file,
    new_key,
    read_keys,
)
from serving.contract.model_names import MODEL_PATTERN, is_model_name
from serving.contract.scopes import KEY_SCOPES

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving.keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key; prints it once")
    create.add_argument("--scope", action="append", required=True, choices=KEY_SCOPES, help="may be given twice")
    create.add_argument("--name", required=True, help="of the client, such as crm")
    create.add_argument(
        "--models", nargs="+", type=_model, metavar="MODEL", help="it may ask, as LEAD_MODELS names them (default: all)"
    )
    create.add_argument("--days", type=_positive, help="until it expires (default: never)")
    create.add_argument("--requests-per-minute", type=_positive, help=f"default: {REQUESTS_PER_MINUTE:,}")
    create.add_argument("--leads-per-minute", type=_positive, help=f"leads scored; default: {LEADS_PER_MINUTE:,}")
    commands.add_parser("list", help="list all keys, without their secrets")
    rotate = commands.add_parser("rotate", help="make a key like another one, which expires some hours later")
    rotate.add_argument("key_id", help="of the old key, as in list")
    rotate.add_argument("--hours", type=_positive, default=24, help="that the old one stays valid (default: 24)")
    rotate.add_argument("--days", type=_positive, help="until the new one expires (default: never)")
    revoke = commands.add_parser("revoke", help="end a key now")
    revoke.add_argument("key_id", help="as in list")
    return parser.parse_args(given)


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError("a number from 1 to 1,000,000 is expected")
    return number


def _model(text: str) -> str:
    if not is_model_name(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a model, which matches {MODEL_PATTERN}")
    return text


def main(given: list[str] | None = None) -> None:
    """Change or show the file of ``LEAD_API_KEYS``."""
    arguments, now = _arguments(given), dt.datetime.now(dt.UTC).replace(microsecond=0)
    path = keys_file(ROOT, os.environ)
    try:
        if arguments.command == "list":
            _list(read_keys(path), now)
            return
        with changing(path) as keys:
            if arguments.command == "revoke":
                place = _find(keys, arguments.key_id)
                keys[place] = replace(keys[place], revoked_at=now)
                text, key = f"{keys[place].id} ({keys[place].name}) is revoked", None
            elif arguments.command == "rotate":
                place = _find(keys, arguments.key_id)
                made, key, old = *_rotated(keys[place], now, arguments.days), keys[place]
                end = now + dt.timedelta(hours=arguments.hours)
                keys[place] = replace(old, expires_at=min(end, old.expires_at or end))
                keys.append(made)
                text = f"{made.id} ({made.name}) takes the place of {old.id}, which expires at {keys[place].expires_at}"
            else:
                made, key = _made(arguments, now)
                keys.append(made)
                limit = "" if made.models is None else f", of the models {', '.join(made.models)} alone"
                text = f"{made.id} ({made.name}) may {', '.join(made.scopes)}{limit}"
    except OSError as error:
        raise SystemExit(f"{path} can't be changed ({error}). Run this where it may be written.") from None
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    _say(f"keys: {text}; {path}")
    if key is not None:
        _say("keys: this is the only time that the key is shown. Send it as: Authorization: Bearer <key>")
        _say(key)


def _made(arguments: argparse.Namespace, now: dt.datetime) -> tuple[Key, str]:
    key_id, key = new_key()
    scopes = tuple(scope for scope in KEY_SCOPES if scope in arguments.scope)
    limits = (arguments.requests_per_minute, arguments.leads_per_minute)
    models = None if arguments.models is None else tuple(dict.fromkeys(arguments.models))
    return Key(key_id, arguments.name, scopes, digest(key), now, _end(now, arguments.days), None, *limits, models), key


def _rotated(old: Key, now: dt.datetime, days: int | None) -> tuple[Key, str]:
    if old.state(now) == "revoked":
        raise LeadQualificationError(f"{old.id} is revoked, so it can't be rotated. Make a new key by create.")
    key_id, key = new_key()
    return replace(old, id=key_id, sha256=digest(key), created_at=now, expires_at=_end(now, days)), key


def _end(now: dt.datetime, days: int | None) -> dt.datetime | None:
    return None if days is None else now + dt.timedelta(days=days)


def _find(keys: list[Key], key_id: str) -> int:
    for place, key in enumerate(keys):
        if key.id == key_id:
            return place
    raise LeadQualificationError(f"there is no key with the id {key_id[:20]!r}. python -m serving.keys list shows all.")


def _list(keys: tuple[Key, ...], now: dt.datetime) -> None:
    for key in keys:
        end = key.expires_at.isoformat() if key.expires_at else "never"
        limits = f"{key.requests_per_minute or REQUESTS_PER_MINUTE}/{key.leads_per_minute or LEADS_PER_MINUTE}"
        models = "" if key.models is None else f"  models {','.join(key.models)}"
        scopes = ",".join(key.scopes)
        _say(f"{key.id}  {key.state(now):7}  {scopes:11}  {limits} a minute  expires {end}  {key.name}{models}")
    _say(f"keys: {sum(key.state(now) == 'valid' for key in keys)} of {len(keys)} are valid")


def _say(text: str) -> None:
    print(text)  # noqa: T201 its output


if __name__ == "__main__":
    main()

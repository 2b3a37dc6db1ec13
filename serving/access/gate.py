"""Whether this service needs keys, decided once where it starts and once in each worker, and the guard where it does."""

import datetime as dt
import logging
import os
from pathlib import Path

from features.errors import LeadQualificationError
from serving.access.bind_address import REQUIRE_KEYS, is_loopback, keys_needed, listening_on
from serving.access.guard import Guard
from serving.access.key_file import keys_file, read_keys
from serving.access.rate_limits import RateLimits
from serving.access.user_header import user_header

__all__ = ["make_guard", "prepare", "will_listen_on"]

LIMITS = "LEAD_RATE_LIMITS_FILE"  # from the process that starts the workers to its workers
_log = logging.getLogger("bentoml.lead_qualification.keys")


class _Start:
    """What `python -m serving` was given; None behind a bare ``bentoml serve``."""

    host: str | None = None


def will_listen_on(host: str) -> None:
    """Set the address that the workers of this process will listen on, before they start.

    Parameters
    ----------
    host : str
        An IP address.
    """
    _Start.host = host


def prepare(root: Path, place: Path) -> None:
    """Refuse to start where keys are needed and can't be read, and name the file in which the workers count requests.

    Where the address is not known, as behind ``bentoml serve``, each worker decides by its own sockets.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    place : Path
        A folder of this service alone.

    Raises
    ------
    LeadQualificationError
        There is no file of keys, or it is damaged; or the setting can't be understood.
    """
    host = _Start.host
    needed = keys_needed(os.environ, [] if host is None else [host])
    if host is not None:
        user_header(os.environ, [host])
    os.environ[LIMITS] = str(place / "rate_limits")
    if host is None:
        _log.info("The workers see themselves where they listen: beyond loopback they ask for API keys.")
        return
    if not needed:
        if not is_loopback(host):
            _log.warning(
                "%s is never, and %s is no loopback address: whoever reaches it may do all.", REQUIRE_KEYS, host
            )
        return
    try:
        keys = read_keys(keys_file(root, os.environ))
    except LeadQualificationError as error:
        where = f"callers need API keys, since it listens on {host} ({REQUIRE_KEYS}=never switches them off)"
        raise LeadQualificationError(f"{where}, and {error}") from None
    valid = sum(key.state(dt.datetime.now(dt.UTC)) == "valid" for key in keys)
    _log.log(logging.INFO if valid else logging.WARNING, "Callers need API keys; %d of %d are valid.", valid, len(keys))


def make_guard(root: Path) -> Guard | None:
    """Make the guard of a worker; None: callers need no key.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    """
    if not keys_needed(os.environ, listening_on()):
        return None
    shared = os.environ.get(LIMITS)
    return Guard(keys_file(root, os.environ), RateLimits(Path(shared) if shared else None))

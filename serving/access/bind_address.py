"""Where the service listens, and so whether callers need a key.

A caller's address says nothing: behind a proxy on the same machine every caller comes from loopback. What counts is the address
that the service itself was bound to.
"""

import ipaddress
import os
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence

from features.errors import ParameterError

__all__ = ["REQUIRE_KEYS", "is_loopback", "keys_needed", "listening_on"]

REQUIRE_KEYS = "LEAD_REQUIRE_KEYS"
CHOICES = ("auto", "always", "never")


def keys_needed(environ: Mapping[str, str], hosts: Sequence[str]) -> bool:
    """Say whether callers need a key.

    Parameters
    ----------
    environ : mapping
        ``LEAD_REQUIRE_KEYS``: ``always``, ``never`` or, the default, ``auto``: unless only this machine can connect.
    hosts : sequence of str
        The addresses listened on; none: not known, so a key is needed.

    Raises
    ------
    ParameterError
        The setting is none of these.

    Examples
    --------
    >>> [keys_needed({}, hosts) for hosts in (["127.0.0.1"], ["0.0.0.0"], ["127.0.0.1", "10.0.0.5"], [])]
    [False, True, True, True]
    >>> keys_needed({"LEAD_REQUIRE_KEYS": "always"}, ["127.0.0.1"]), keys_needed({"LEAD_REQUIRE_KEYS": "never"}, ["::"])
    (True, False)
    """
    choice = environ.get(REQUIRE_KEYS) or "auto"
    if choice not in CHOICES:
        raise ParameterError(f"{REQUIRE_KEYS} is {choice!r}; allowed are {', '.join(CHOICES)}. Correct or unset it.")
    return not hosts or not all(map(is_loopback, hosts)) if choice == "auto" else choice == "always"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.9", "::1", "::ffff:127.0.0.1", "localhost", "0.0.0.0", "::", "10.0.0.1")]
    [True, True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def listening_on() -> list[str]:
    """List the addresses that this process listens on, by its open sockets; a Unix socket by its path."""
    addresses = []
    for opened in _sockets():
        address = opened.getsockname()
        addresses.append(str(address if opened.family == socket.AF_UNIX else address[0]))
    return addresses


def _sockets() -> Iterator[socket.socket]:
    """Go through this process's listening sockets: a copy of each, that is closed after its turn."""
    for name in os.listdir("/dev/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            copy = os.dup(int(name))
        except OSError:  # the one that listed them, or one closed meanwhile
            continue
        with socket.socket(fileno=copy) as listener:
            if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield listener

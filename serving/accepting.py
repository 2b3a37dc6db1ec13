"""The socket that all workers accept connections from: keeping new ones out without dropping those that are already in."""

import ctypes
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator

__all__ = ["keep_out", "let_in", "listening", "sockets"]

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # of Linux' asm-generic/socket.h, which Python does not name

# Classic BPF over the TCP header: is SYN (2) among the flags, byte 13? Then take nothing of the packet, else all of it
_NO_SYN = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x45, 0, 1, 2),  # one of these bits: next, else skip one
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF_FFFF),
)


def sockets() -> Iterator[tuple[int, socket.socket]]:
    """Go through this process's listening sockets: descriptor, and a copy that is closed after its turn."""
    for name in os.listdir("/dev/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            copy = os.dup(int(name))
        except OSError:  # the one that listed them, or one closed meanwhile
            continue
        with socket.socket(fileno=copy) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield int(name), one


def listening() -> list[int]:
    """Find the descriptors of this process's sockets that listen for TCP connections."""
    return [
        descriptor
        for descriptor, one in sockets()
        if one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM
    ]


def keep_out(descriptor: int) -> None:
    """Let no new connection begin; those that began are still to be accepted.

    Whoever tries meanwhile is not turned away: the request to connect is left unanswered, and sent again by the caller's system
    after a second, to whoever listens then. Closing the socket instead would reset the connections that wait in its queue.
    On other systems than Linux nothing happens.

    Parameters
    ----------
    descriptor : int
        Of a listening socket; all processes that share it are meant.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    _set(descriptor, SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(program)))


def let_in(descriptor: int) -> None:
    """Undo `keep_out`, whichever process called it; nothing happens where nobody did."""
    if sys.platform != "linux":
        return
    try:
        _set(descriptor, SO_DETACH_FILTER, struct.pack("i", 0))
    except FileNotFoundError:  # there is no filter
        return


def _set(descriptor: int, option: int, value: bytes) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as one:
        one.setsockopt(socket.SOL_SOCKET, option, value)

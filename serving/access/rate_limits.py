"""How much each key may do: token buckets that all workers of one service share.

A bucket holds one minute's worth, and fills up evenly. Leads are counted once a request's body was read, so a request that asks
for more than is left is answered, and the key waits afterwards until it has made up for it.

The buckets stand in one small file that the workers map into memory. A worker locks it for the few steps of arithmetic. Where
the lock can't be had within some milliseconds, since the system stopped the worker that holds it, the request is let through,
and counted with the key's next one: counting must not be able to hang.
"""

import contextlib
import fcntl
import math
import mmap
import os
import struct
import time
from pathlib import Path

__all__ = ["RateLimits"]

_SLOT = struct.Struct("=16sddd")  # key id, requests used, leads used, when, in seconds of the monotonic clock
_SLOTS = 4_096
_NEIGHBOURS = 8
_ATTEMPTS, _SLEEPS = 20, 20
_SLEEP_SECONDS = 5e-5  # lets a holder that was interrupted go on
_SIZE = _SLOT.size * _SLOTS


class RateLimits:
    """Counts what each key used.

    Parameters
    ----------
    path : Path, optional
        The file that the workers share; None: this process counts alone.

    Examples
    --------
    >>> limits = RateLimits()
    >>> [limits.take("0" * 12, 1, 0, 0.0, requests_per_minute=2, leads_per_minute=10) for _ in range(3)]
    [0.0, 0.0, 30.0]
    >>> limits.take("0" * 12, 1, 0, 30.0, requests_per_minute=2, leads_per_minute=10)
    0.0
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: int | None = None
        self._owed: dict[str, tuple[int, int]] = {}  # key id to requests and leads not counted yet
        if path is None:
            self._map = mmap.mmap(-1, _SIZE)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, _SIZE)
            self._map = mmap.mmap(self._file, _SIZE)

    def take(
        self, key_id: str, requests: int, leads: int, now: float, *, requests_per_minute: int, leads_per_minute: int
    ) -> float:
        """Use up requests and leads.

        Parameters
        ----------
        key_id : str
            Whose.
        requests, leads : int
            How many; `requests` 0: what is counted afterwards, which is never refused.
        now : float
            Seconds of the monotonic clock, which the processes of one machine share.
        requests_per_minute, leads_per_minute : int
            What the key may do.

        Returns
        -------
        float
            0: go on. Else nothing was used, and so many seconds are to be waited.
        """
        if not self._locked():
            owed_requests, owed_leads = self._owed.get(key_id, (0, 0))
            self._owed[key_id] = (owed_requests + requests, owed_leads + leads)
            return 0.0
        try:
            name = key_id.encode("ascii")
            place = self._place(name)
            owner, used_requests, used_leads, used_at = _SLOT.unpack_from(self._map, place)
            if owner.rstrip(b"\0") != name:
                used_requests = used_leads = 0.0
                used_at = now
            minutes = max(now - used_at, 0.0) / 60.0
            owed_requests, owed_leads = self._owed.pop(key_id, (0, 0))
            used_requests = max(used_requests - minutes * requests_per_minute, 0.0) + owed_requests
            used_leads = max(used_leads - minutes * leads_per_minute, 0.0) + owed_leads
            wait = 0.0
            if requests:
                too_many = max(used_requests + requests - requests_per_minute, 0.0) / requests_per_minute
                # Something must be left; how many leads there are, only the body says
                too_much = max(used_leads + (leads > 0) - leads_per_minute, 0.0) / leads_per_minute if leads else 0.0
                wait = 60.0 * max(too_many, too_much)
            if wait < 1e-6:  # rounding, less than a clock's tick
                wait, used_requests, used_leads = 0.0, used_requests + requests, used_leads + leads
            _SLOT.pack_into(self._map, place, name, used_requests, used_leads, max(now, used_at))
            return wait
        finally:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _locked(self) -> bool:
        if self._file is None:
            return True
        for attempt in range(_ATTEMPTS + _SLEEPS):
            if attempt >= _ATTEMPTS:
                time.sleep(_SLEEP_SECONDS)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
        return False

    def _place(self, name: bytes) -> int:
        """Find the key's slot, or the one of its neighbours that was used longest ago."""
        start, oldest, least_used = int(name, 16), math.inf, 0
        for step in range(_NEIGHBOURS):
            place = (start + step) % _SLOTS * _SLOT.size
            owner, _, _, used_at = _SLOT.unpack_from(self._map, place)
            if owner[: len(name)] == name:
                return place
            if used_at < oldest:
                oldest, least_used = used_at, place
        return least_used

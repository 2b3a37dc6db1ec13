"""The memory of a worker while it answers many requests."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.serving.processes import Running, run_wrk

__all__ = ["Memory", "memory_over"]

CONNECTIONS = 64
AT_A_TIME = 5.0  # seconds


@dataclass(frozen=True)
class Memory:
    """Resident memory of the largest worker, in MiB, after so many requests of the whole service."""

    requests: list[int]
    mib: list[float]
    errors: int

    @property
    def slope(self) -> float:
        """MiB per 100,000 requests over the second half, by least squares."""
        half = len(self.mib) // 2
        if len(self.mib) - half < 2:
            return float("nan")
        return float(np.polyfit(np.array(self.requests[half:]) / 1e5, self.mib[half:], 1)[0])

    def sentence(self) -> str:
        """Say it."""
        return (
            f"memory of a worker: {self.mib[0]:.0f} MiB before, {self.mib[-1]:.0f} MiB after {self.requests[-1]:,} requests, "
            f"{self.errors} errors; slope over the second half {self.slope:+.1f} MiB per 100,000 requests"
        )


def memory_over(running: Running, script: Path, requests: int) -> Memory:
    """Load a service with at least so many requests over 64 connections, and look at its workers in between."""
    counts, mib, errors = [0], [max(running.workers().values())], 0
    while counts[-1] < requests:
        figures = run_wrk(running, script, CONNECTIONS, AT_A_TIME)
        errors += figures.errors
        counts.append(counts[-1] + figures.requests)
        mib.append(max(running.workers().values()))
    return Memory(counts, mib, errors)

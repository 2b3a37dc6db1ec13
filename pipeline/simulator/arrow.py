"""From codes and seconds to the columns of an export: ids, ISO times, names."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.simulator.clocks import BoolArray, IntArray
from pipeline.simulator.handovers import NEVER

__all__ = ["identifiers", "iso", "named", "timestamps"]

# Odd, so that multiplying modulo a power of two never meets the same number twice: ids tell nothing about their order.
_SCRAMBLE = 0x9E3779B1


def identifiers(prefix: str, numbers: IntArray, bits: int = 32) -> pa.Array:
    """Make opaque ids: equal numbers give equal ids, different ones different ids.

    Parameters
    ----------
    prefix : str
        Put before each.
    numbers : int64[n]
        In [0, 2**bits).
    bits : int
        At most 40.

    Examples
    --------
    >>> identifiers("L-", np.array([0, 1])).to_pylist()
    ['L-1000000000', 'L-3654435761']
    """
    mixed = (numbers.astype(np.uint64) * np.uint64(_SCRAMBLE)) % np.uint64(2**bits) + np.uint64(10 ** (bits // 4 + 1))
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(mixed), pa.string()), "")


def timestamps(seconds: IntArray, start: int) -> pa.Array:
    """Convert seconds since the start to timestamps in UTC; NEVER is missing.

    Parameters
    ----------
    seconds : int64[n]
    start : int
        The simulation's start in seconds since 1970.
    """
    never = seconds >= NEVER
    return pa.array((np.where(never, 0, seconds) + start) * 1_000_000, mask=never).cast(pa.timestamp("us", "UTC"))


def iso(seconds: IntArray, start: int) -> pa.Array:
    """Write seconds since the start as ISO text with a Z; NEVER is missing.

    Examples
    --------
    >>> iso(np.array([61, NEVER]), 0).to_pylist()
    ['1970-01-01T00:01:01Z', None]
    """
    never = seconds >= NEVER
    text = pa.array(np.where(never, 0, seconds) + start, mask=never).cast(pa.timestamp("s")).cast(pa.string())
    return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "Z", "")


def named(codes: npt.NDArray[np.integer], names: Sequence[str], missing: BoolArray | None = None) -> pa.Array:
    """Replace codes by names; -1, and where `missing` is true, is missing."""
    absent = codes < 0 if missing is None else (codes < 0) | missing
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=absent), pa.array(names, pa.string()))

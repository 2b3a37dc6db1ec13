"""Reading a bundle's files without trust: regular files of a bounded size, text, and JSON without liberties."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

from features.errors import BundleError

__all__ = ["LARGEST", "finite_numbers", "is_number", "parse_object", "read_text", "whole_number"]

_KIB = 1024
LARGEST = {
    "model.txt": 64 * _KIB**2,
    "ladder.json": 16 * _KIB**2,
    "spread.txt": 64 * _KIB**2,
    "calibration.json": 32 * _KIB**2,
    "tiers.json": 64 * _KIB,
    "catalog.json": 8 * _KIB**2,
    "metadata.json": 4 * _KIB**2,
    "reference.json": 32 * _KIB**2,
    "timing.json": 4 * _KIB**2,
    "timing_now.txt": 64 * _KIB**2,
    **{f"timing_wait_{7 * step}.txt": 64 * _KIB**2 for step in range(1, 5)},
    "checksums.json": 64 * _KIB,
    "provenance.json": 64 * _KIB,
}
"""Bytes that each file may have; far above what training writes."""

DIGITS = 400  # more than any double needs


def read_text(path: Path) -> bytes:
    """Read a file of a bundle, UTF-8 and not larger than it may be.

    Returns
    -------
    bytes
        That decode as UTF-8.

    Raises
    ------
    BundleError
        It is missing, no regular file, too large, or not UTF-8.
    """
    most = LARGEST[path.name]
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever, a device never end
            raise BundleError(f"{path}: not a regular file. Fetch the bundle again.")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise BundleError(
            f"{path}: it can't be read ({os.strerror(error.errno or 0)}); the bundle is incomplete. Fetch it again, or run "
            "`dvc repro train`."
        ) from error
    if len(content) > most:
        raise BundleError(f"{path}: larger than {most:,} bytes, which no {path.name} is. Fetch the bundle again.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{path}: not UTF-8 at byte {error.start}. Fetch the bundle again.") from error
    return content


def parse_object(text: str, name: str) -> dict[str, Any]:
    """Parse a JSON object: no key twice, every number finite, no bottomless nesting.

    Parameters
    ----------
    text : str
        Of a bounded size.
    name : str
        For messages.

    Raises
    ------
    BundleError
        It is something else.

    Examples
    --------
    >>> parse_object('{"a": 1e999}', "tiers.json")
    Traceback (most recent call last):
    ...
    features.errors.BundleError: tiers.json: not JSON (a number is not finite). Fetch the bundle again.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite, parse_int=_whole
        )
    except (ValueError, RecursionError) as error:
        problem = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
        raise BundleError(f"{name}: not JSON ({problem}). Fetch the bundle again.") from error
    if not isinstance(value, dict):
        raise BundleError(f"{name}: not a JSON object. Fetch the bundle again.")
    return value


def is_number(value: Any, low: float = -math.inf, high: float = math.inf) -> bool:
    """Tell whether a JSON value is a number in [low, high]; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def finite_numbers(value: Any, name: str, largest: float) -> tuple[float, ...]:
    """Take a JSON list of numbers.

    Raises
    ------
    ValueError
        It is something else, or a number's size is above `largest`.
    """
    if not isinstance(value, list) or not all(is_number(item, -largest, largest) for item in value):
        raise ValueError(f"{name} is not a list of numbers within +-{largest:g}")
    return tuple(float(item) for item in value)


def whole_number(value: Any, name: str, low: int, high: int) -> int:
    """Take a JSON whole number in [low, high].

    Raises
    ------
    ValueError
        It is something else.
    """
    if not isinstance(value, int) or not is_number(value, low, high):
        raise ValueError(f"{name} is not a whole number from {low:,} to {high:,}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _not_finite(text: str) -> NoReturn:
    raise ValueError("a number is not finite")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number has more than {DIGITS} digits")
    return int(text)

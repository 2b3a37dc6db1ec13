"""JSON without the liberties that parsers take: no duplicate keys, no NaN or Infinity, no bottomless nesting.

A large body is parsed only when its structure is one that a request may have, so that parsing costs no more than that of the
largest valid one. A small one is parsed as it is, and an error names its field.
"""

import json
import math
from typing import Any, NoReturn

from models.data_protection.identifiers import redacted
from serving.contract.body_shape import LONGEST_NUMBER, check_shape, not_finite, not_json, too_deep
from serving.contract.errors import RequestError
from serving.contract.limits import MAX_BODY_BYTES, UNCHECKED_BYTES

__all__ = ["parse_json", "too_large"]

LONGEST_SHOWN = 60


def parse_json(body: bytes) -> Any:
    """Parse a request's body.

    Parameters
    ----------
    body : bytes
        UTF-8, at most `MAX_BODY_BYTES`.

    Returns
    -------
    object
        Plain values; every number is finite.

    Raises
    ------
    RequestError
        400 with code ``invalid_json``, ``duplicate_key``, ``not_finite``, ``too_deep`` or ``too_complex``; 413 with code
        ``too_large``.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> parse_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    serving.contract.errors.RequestError: the key 'a' stands twice in one object; which value counts is not defined.
    """
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    if len(body) > UNCHECKED_BYTES:
        check_shape(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            400, "invalid_json", f"the body is not UTF-8: byte {error.start} is not valid.", hint="Encode it as UTF-8."
        ) from None
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite, parse_int=_integer
        )
    except RecursionError:
        raise too_deep() from None
    except json.JSONDecodeError as error:
        got = "the body is empty" if not text.strip() else f"{error.msg} at line {error.lineno} column {error.colno}"
        raise not_json(got) from None


def too_large() -> RequestError:
    """Make the error for a body beyond the limit."""
    return RequestError(
        413,
        "too_large",
        f"the body is larger than {MAX_BODY_BYTES} bytes.",
        hint="Send fewer leads per request, or only the touchpoints of the observation window.",
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise RequestError(
            400,
            "duplicate_key",
            f"the key {_short(redacted(twice, None))} stands twice in one object; which value counts is not defined.",
            field=redacted(twice[:LONGEST_SHOWN], None),
            hint="Send each key once.",
        )
    return value


def _not_finite(text: str) -> NoReturn:
    raise not_finite(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _not_finite(text)
    return value


def _integer(text: str) -> int | float:
    if len(text) > LONGEST_NUMBER:
        _not_finite(text)
    return int(text)


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")

"""Typed attributes of leads and accounts, and their columns: numbers, yes or no, categories."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NoReturn

import numpy as np

from features.errors import JourneyError, ParameterError

__all__ = ["AttributeSpec", "AttributeValues", "encode", "fit_categories"]

AttributeValues = Mapping[str, Sequence[Any]]
"""Attribute name to its values, one per snapshot row."""

_EXPECTED = {"number": "a number", "boolean": "true or false", "category": "text"}
_LARGEST = 2.0**128 - 2.0**103  # from here on a number rounds to infinity in single precision
_FAST_NUMBERS = {float, type(None)}


@dataclass(frozen=True)
class AttributeSpec:
    """One attribute: whose it is, its type, when it is known, and for a category its known values.

    Attributes
    ----------
    entity : {"lead", "account"}
        Whose attribute it is.
    name : str
        Unique over both entities.
    type : {"number", "category", "boolean"}
        Numbers must be numbers and booleans booleans; text is never turned into either.
    known_at : {"creation", "mql", "export", "after"}
        When the value is known; those known `after` the outcome never become features.
    categories : tuple of str
        Known values, in code order; empty unless the type is category.
    """

    entity: Literal["lead", "account"]
    name: str
    type: Literal["number", "category", "boolean"]
    known_at: Literal["creation", "mql", "export", "after"]
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the declaration."""
        if not isinstance(self.name, str):
            raise ParameterError("attribute: its name is not text. Correct the source's table `attributes`.")
        for field, allowed in (
            ("entity", ("lead", "account")),
            ("type", ("number", "category", "boolean")),
            ("known_at", ("creation", "mql", "export", "after")),
        ):
            value = getattr(self, field)
            if value not in allowed:
                raise ParameterError(
                    f"attribute {self.name!r}: {field} is {value!r}; allowed: {', '.join(allowed)}. "
                    "Correct the source's table `attributes`."
                )
        if self.type != "category" and self.categories:
            raise ParameterError(f"attribute {self.name!r}: a {self.type} has no categories; remove them.")

    @cached_property
    def codes(self) -> dict[str, int]:
        """Category to code."""
        return {category: code for code, category in enumerate(self.categories)}

    @property
    def expected(self) -> str:
        """What values must be, in words."""
        return _EXPECTED[self.type]

    def takes(self, value: Any) -> bool:
        """Tell whether `encode` can read a plain value as this type; a missing one it can.

        Parameters
        ----------
        value : object
            As a JSON parser yields it.

        Examples
        --------
        >>> spec = AttributeSpec("account", "employees", "number", "creation")
        >>> [spec.takes(value) for value in (420, None, "420", True, 10**39)]
        [True, True, False, False, False]
        """
        if self.type == "category":
            return isinstance(value, str) or _is_missing(value)
        if self.type == "boolean":
            return isinstance(value, (bool, np.bool_)) or _is_missing(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return _is_missing(value)
        return not abs(value) >= _LARGEST  # NaN is missing


def fit_categories(column: Sequence[Any], min_rows: int) -> tuple[str, ...]:
    """List the categories that are frequent enough to have a code of their own.

    Parameters
    ----------
    column : sequence
        Text; None, NaN and "" are missing. Training rows only.
    min_rows : int
        A category in fewer rows is left to the code of unknown ones.

    Returns
    -------
    tuple of str
        In the order of their UTF-8 bytes, so that the codes do not depend on the order of the rows.

    Examples
    --------
    >>> fit_categories(["retail", "energy", "retail", None, "energy", "space"], min_rows=2)
    ('energy', 'retail')
    """
    counts = Counter(value for value in column if isinstance(value, str) and value)
    return tuple(sorted(value for value, rows in counts.items() if rows >= min_rows))


def encode(
    values: AttributeValues,
    specs: Sequence[AttributeSpec],
    rows: int | None = None,
    lead_of: Callable[[int], str] | None = None,
) -> tuple[np.ndarray, list[list[tuple[str, str]]]]:
    """Turn attribute values into feature columns.

    Parameters
    ----------
    values : mapping of str to sequence
        Attribute to its values, one per row. An attribute that is not there is missing in every row; one that `specs` does not
        name is ignored.
    specs : sequence of AttributeSpec
        The columns, in order.
    rows : int, optional
        Number of rows; needed only when `values` may be empty.
    lead_of : callable, optional
        Row to lead_id, for messages.

    Returns
    -------
    matrix : ndarray of float32 [rows, specs]
        number: the value; boolean: 0 or 1; category: its code 0..n-1, or n for one that is unknown or rare. Missing (None,
        NaN, for categories also "") is NaN.
    unknown : list of list of (attribute, value)
        Per row, the categories that have no code of their own.

    Raises
    ------
    JourneyError
        If a value has the wrong type or is infinite; names the lead and the attribute.

    Examples
    --------
    >>> industry = AttributeSpec("account", "industry", "category", "creation", ("energy", "retail"))
    >>> matrix, unknown = encode({"industry": ["retail", "", "circus"]}, [industry])
    >>> matrix[:, 0].tolist(), unknown
    ([1.0, nan, 2.0], [[], [], [('industry', 'circus')]])
    """
    count = rows if rows is not None else max((len(column) for column in values.values()), default=0)
    matrix = np.full((count, len(specs)), np.nan, dtype=np.float32)
    unknown: list[list[tuple[str, str]]] = [[] for _ in range(count)]
    for j, spec in enumerate(specs):
        column = values.get(spec.name)
        if column is None:
            continue
        if len(column) != count:
            raise JourneyError(
                f"attribute {spec.name!r}: {len(column)} values for {count} rows. Give one value per snapshot.",
                field=f"attributes.{spec.name}",
            )
        if spec.type == "category":
            matrix[:, j] = _categories(column, spec, unknown, lead_of)
        elif spec.type == "boolean":
            matrix[:, j] = [_boolean(value, spec, row, lead_of) for row, value in enumerate(column)]
        else:
            matrix[:, j] = _numbers(column, spec, lead_of)
    return matrix, unknown


def _is_missing(value: Any) -> bool:
    # pandas' own missing value, pandas.NA, is the only one that is neither None nor unequal to itself
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def _categories(
    column: Sequence[Any],
    spec: AttributeSpec,
    unknown: list[list[tuple[str, str]]],
    lead_of: Callable[[int], str] | None,
) -> list[float]:
    codes, other = spec.codes, len(spec.categories)
    out = []
    for row, value in enumerate(column):
        if isinstance(value, str):
            code: float = codes.get(value, other)
            if code == other:
                if value:
                    unknown[row].append((spec.name, value))
                else:
                    code = math.nan
            out.append(code)
        elif _is_missing(value):
            out.append(math.nan)
        else:
            _reject(value, spec, row, lead_of)
    return out


def _boolean(value: Any, spec: AttributeSpec, row: int, lead_of: Callable[[int], str] | None) -> float:
    if isinstance(value, (bool, np.bool_)):
        return float(value)
    if not _is_missing(value):
        _reject(value, spec, row, lead_of)
    return math.nan


def _numbers(column: Sequence[Any], spec: AttributeSpec, lead_of: Callable[[int], str] | None) -> np.ndarray:
    if set(map(type, column)) <= _FAST_NUMBERS:
        wide = np.array(column, dtype=np.float64)  # None becomes NaN
    else:
        wide = np.array([_number(value, spec, row, lead_of) for row, value in enumerate(column)], dtype=np.float64)
    with np.errstate(over="ignore"):
        out = wide.astype(np.float32)
    if np.isinf(out).any():
        row = int(np.flatnonzero(np.isinf(out))[0])
        raise JourneyError(
            f"attribute {spec.name!r} of {_where(row, lead_of)}: {column[row]!r} is not finite in single precision. "
            "Allowed are numbers within +-3.4e38. Leave it out if it is not known.",
            field=f"attributes.{spec.name}",
            hint="Send a finite number, or leave it out.",
        )
    return out


def _number(value: Any, spec: AttributeSpec, row: int, lead_of: Callable[[int], str] | None) -> float:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if not _is_missing(value):
        _reject(value, spec, row, lead_of)
    return math.nan


def _where(row: int, lead_of: Callable[[int], str] | None) -> str:
    return f"row {row}" if lead_of is None else f"lead {lead_of(row)!r}"


def _reject(value: Any, spec: AttributeSpec, row: int, lead_of: Callable[[int], str] | None) -> NoReturn:
    expected = spec.expected
    short = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    raise JourneyError(
        f"attribute {spec.name!r} of {_where(row, lead_of)}: expected {expected}, got {short}. "
        "Send the right type, or leave it out if it is not known.",
        field=f"attributes.{spec.name}",
        hint=f"Send {expected}, or leave it out.",
    )

"""A model that is a sum over columns, served beside the trees or instead of them: plain numbers in JSON.

A number adds ``coefficient x (value - mean)``, a category a constant of its own; a missing value, or a category that training
did not see, adds a constant too. The base value is what a mean row gets, so a row's contributions are exact.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import log1p

from models.bundle_files import finite_numbers, is_number, whole_number
from models.fitting.classifier import check_columns

__all__ = ["AdditiveModel", "CategoryTerm", "NumberTerm", "combined"]

MOST_TERMS = 20_000
MOST_CODES = 100_000
LARGEST = 1e6
"""Of any number that is stored."""


@dataclass(frozen=True, slots=True)
class NumberTerm:
    """What a number adds: ``coefficient x (x - mean) + known``, or ``missing``.

    Attributes
    ----------
    column : int
        Of the matrix.
    logged : bool
        x is ln(1 + value), of a negative value 0; else the value.
    low, high : float
        x is held within.
    mean, coefficient, known, missing : float
    """

    column: int
    logged: bool
    low: float
    high: float
    mean: float
    coefficient: float
    known: float
    missing: float

    def values(self, column: np.ndarray) -> np.ndarray:
        """Give what each value of the column adds; float64."""
        x = column.astype(np.float64)
        absent = np.isnan(x)
        x = np.where(absent, self.mean, x)
        if self.logged:
            x = log1p(np.maximum(x, 0.0))  # SciPy's, unlike NumPy's, gives one row the same bits as many
        added = self.coefficient * (np.minimum(np.maximum(x, self.low), self.high) - self.mean) + self.known
        return np.where(absent, self.missing, added)


@dataclass(frozen=True, slots=True)
class CategoryTerm:
    """What a category adds, by its code; `other` where it is missing or has no entry."""

    column: int
    effects: tuple[float, ...]
    other: float

    def values(self, column: np.ndarray) -> np.ndarray:
        """Give what each value of the column adds; float64."""
        table = np.append(np.array(self.effects, dtype=np.float64), self.other)
        last = len(self.effects)
        seen = (column >= 0) & (column < last)  # a missing value is neither
        return np.asarray(table[np.where(seen, column, last).astype(np.int64)])


@dataclass(frozen=True, eq=False)
class AdditiveModel:
    """A sum over columns.

    Attributes
    ----------
    names : tuple of str
        Feature names in column order.
    base : float
        Log-odds of a mean row.
    numbers, categories : tuple
        At most one term per column.
    """

    names: tuple[str, ...]
    base: float
    numbers: tuple[NumberTerm, ...]
    categories: tuple[CategoryTerm, ...]

    @property
    def terms(self) -> list[NumberTerm | CategoryTerm]:
        """All terms, numbers first."""
        return [*self.numbers, *self.categories]

    def predict_log_odds(self, matrix: np.ndarray) -> np.ndarray:
        """Give log-odds; one per row, no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In the order of `names`; NaN is missing.

        Raises
        ------
        DataError
            The matrix has another number of columns.
        """
        check_columns(matrix, self.names, "additive model")
        out = np.full(len(matrix), self.base)
        for term in self.terms:
            out += term.values(matrix[:, term.column])
        return out

    def contributions(self, matrix: np.ndarray) -> np.ndarray:
        """Split log-odds over features; ndarray of float64 [rows, features + 1], the last column is the base value."""
        check_columns(matrix, self.names, "additive model")
        out = np.zeros((len(matrix), len(self.names) + 1))
        for term in self.terms:
            out[:, term.column] = term.values(matrix[:, term.column])
        out[:, -1] = self.base
        return out

    def sizes(self) -> dict[str, float]:
        """Say how much each column can move log-odds: the range of what it adds."""
        sizes = {}
        for number in self.numbers:
            ends = [number.coefficient * (end - number.mean) + number.known for end in (number.low, number.high)]
            sizes[self.names[number.column]] = max(*ends, number.missing) - min(*ends, number.missing)
        for term in self.categories:
            sizes[self.names[term.column]] = max(*term.effects, term.other) - min(*term.effects, term.other)
        return sizes

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain JSON values, names left out."""
        return {
            "base": self.base,
            "numbers": [asdict(term) for term in self.numbers],
            "categories": [asdict(term) for term in self.categories],
        }

    @classmethod
    def from_dict(cls, raw: Any, names: Sequence[str]) -> "AdditiveModel":
        """Read what `as_dict` made, taking nothing for granted.

        Raises
        ------
        ValueError
            It is something else.
        """
        if not isinstance(raw, dict) or set(raw) != {"base", "numbers", "categories"}:
            raise ValueError("it does not hold base, numbers and categories")
        if not is_number(raw["base"], -LARGEST, LARGEST):
            raise ValueError(f"base is not a number within +-{LARGEST:g}")
        numbers = tuple(_number_term(item, len(names)) for item in _list(raw["numbers"], "numbers"))
        categories = tuple(_category_term(item, len(names)) for item in _list(raw["categories"], "categories"))
        columns = [*(term.column for term in numbers), *(term.column for term in categories)]
        if len(set(columns)) < len(columns):
            raise ValueError("a column stands twice")
        if sum(len(term.effects) for term in categories) > MOST_CODES:
            raise ValueError(f"more than {MOST_CODES:,} categories")
        return cls(tuple(names), float(raw["base"]), numbers, categories)


def combined(parts: Sequence[tuple[float, AdditiveModel]], constant: float) -> AdditiveModel:
    """Add up models times their weights, and a constant; terms of one number must look at it alike.

    Raises
    ------
    ValueError
        Two models have terms of a column that differ in more than what they add.
    """
    numbers: dict[int, NumberTerm] = {}
    categories: dict[int, CategoryTerm] = {}
    for weight, model in parts:
        constant += weight * model.base
        for number in model.numbers:
            beside = numbers.get(number.column, replace(number, coefficient=0.0, known=0.0, missing=0.0))
            scale = [(one.logged, one.low, one.high, one.mean) for one in (number, beside)]
            if scale[0] != scale[1]:
                raise ValueError(f"column {number.column}: two models have different terms of it")
            numbers[number.column] = replace(
                number,
                coefficient=weight * number.coefficient + beside.coefficient,
                known=weight * number.known + beside.known,
                missing=weight * number.missing + beside.missing,
            )
        for term in model.categories:
            other = categories.get(term.column, CategoryTerm(term.column, (), 0.0))
            length = max(len(term.effects), len(other.effects))
            mine, theirs = ([*one.effects, *[one.other] * (length - len(one.effects))] for one in (term, other))
            effects = tuple(weight * a + b for a, b in zip(mine, theirs, strict=True))
            categories[term.column] = CategoryTerm(term.column, effects, weight * term.other + other.other)
    names = parts[0][1].names
    return AdditiveModel(names, constant, tuple(numbers.values()), tuple(categories.values()))


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_TERMS:
        raise ValueError(f"{name} is not a list of at most {MOST_TERMS:,} terms")
    return value


def _number_term(item: Any, columns: int) -> NumberTerm:
    fields = ("low", "high", "mean", "coefficient", "known", "missing")
    if not isinstance(item, dict) or set(item) != {"column", "logged", *fields}:
        raise ValueError("a term of numbers has other fields than it must have")
    if not isinstance(item["logged"], bool):
        raise ValueError("logged is neither true nor false")
    values = finite_numbers([item[name] for name in fields], "a term of numbers", LARGEST)
    if values[0] > values[1]:
        raise ValueError("low is above high")
    return NumberTerm(whole_number(item["column"], "column", 0, columns - 1), item["logged"], *values)


def _category_term(item: Any, columns: int) -> CategoryTerm:
    if not isinstance(item, dict) or set(item) != {"column", "effects", "other"}:
        raise ValueError("a term of categories has other fields than it must have")
    effects = finite_numbers(item["effects"], "effects", LARGEST)
    (other,) = finite_numbers([item["other"]], "other", LARGEST)
    return CategoryTerm(whole_number(item["column"], "column", 0, columns - 1), effects, other)

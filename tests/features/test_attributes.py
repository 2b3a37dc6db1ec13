"""Attributes as columns."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from features.attributes import AttributeSpec, encode, fit_categories
from features.errors import JourneyError

EMPLOYEES = AttributeSpec("account", "employees", "number", "creation")
BUDGET = AttributeSpec("lead", "has_budget", "boolean", "mql")
INDUSTRY = AttributeSpec("account", "industry", "category", "creation", ("energy", "retail"))


def column(spec: AttributeSpec, values: list) -> np.ndarray:
    matrix, _ = encode({spec.name: values}, [spec])
    assert matrix.dtype == np.float32
    return matrix[:, 0]


@pytest.mark.parametrize(
    ("spec", "value", "encoded"),
    [
        (EMPLOYEES, 12, 12),
        (EMPLOYEES, -0.1, np.float32(-0.1)),
        (EMPLOYEES, np.int32(3), 3),
        (EMPLOYEES, np.float64(2.5), 2.5),
        (BUDGET, True, 1),
        (BUDGET, np.False_, 0),
        (INDUSTRY, "energy", 0),
        (INDUSTRY, "retail", 1),
        (INDUSTRY, "Retail", 2),
        (INDUSTRY, "circus", 2),
        (INDUSTRY, "", np.nan),
        *[(spec, missing, np.nan) for spec in (EMPLOYEES, BUDGET, INDUSTRY) for missing in (None, np.nan, pd.NA)],
    ],
)
def test_encodes(spec: AttributeSpec, value: object, encoded: float) -> None:
    np.testing.assert_array_equal(column(spec, [value]), np.array([encoded], dtype=np.float32))


@pytest.mark.parametrize("wrong", ["5", "", True, dt.date(2026, 1, 1), [1], b"1"])
def test_numbers_are_numbers(wrong: object) -> None:
    with pytest.raises(JourneyError, match="expected a number, got"):
        column(EMPLOYEES, [1.0, wrong])


@pytest.mark.parametrize("wrong", ["true", 1, 0.0])
def test_booleans_are_booleans(wrong: object) -> None:
    with pytest.raises(JourneyError, match="expected true or false, got"):
        column(BUDGET, [wrong])


@pytest.mark.parametrize("wrong", [1, 2.5, True])
def test_categories_are_text(wrong: object) -> None:
    with pytest.raises(JourneyError, match="expected text, got"):
        column(INDUSTRY, [wrong])


@pytest.mark.parametrize("wrong", [float("inf"), -float("inf"), 1e39, 10**400])
def test_numbers_are_finite_in_single_precision(wrong: object) -> None:
    with pytest.raises(JourneyError, match="is not finite in single precision"):
        column(EMPLOYEES, [1.0, wrong])


def test_every_way_to_encode_a_number_gives_the_same() -> None:
    plain = [0.1, None, 3.0, float("nan"), 1e-45, 16777217.0]
    mixed = [np.float64(0.1), pd.NA, 3, None, np.float64(1e-45), 16777217]
    assert column(EMPLOYEES, plain).tobytes() == column(EMPLOYEES, mixed).tobytes()
    one_by_one = np.concatenate([column(EMPLOYEES, [value]) for value in plain])
    assert column(EMPLOYEES, plain).tobytes() == one_by_one.tobytes()


def test_unknown_categories_are_reported_per_row() -> None:
    values = {"industry": ["circus", "retail", None], "employees": [1.0, 2.0, 3.0]}
    _, unknown = encode(values, [EMPLOYEES, INDUSTRY])
    assert unknown == [[("industry", "circus")], [], []]


def test_absent_attribute_is_missing_and_others_are_not_looked_at() -> None:
    matrix, _ = encode({"shoe_size": ["what"]}, [EMPLOYEES, INDUSTRY], rows=1)
    assert np.isnan(matrix).all()


def test_categories_do_not_depend_on_row_order() -> None:
    values = ["b", "a", "Z", "é", "b", "a", "é", None, "", float("nan"), "rare", "Z"]
    assert fit_categories(values, 2) == fit_categories(values[::-1], 2) == ("Z", "a", "b", "é")

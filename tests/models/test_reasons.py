"""From contributions to reasons: parts that add up, one reason per topic, words that fit the sign."""

import numpy as np
import pytest

from features.catalog import Catalog
from models.reasons import parts, top_reasons


@pytest.fixture
def contributions(small_catalog: Catalog) -> np.ndarray:
    row = np.zeros(len(small_catalog) + 1)
    for name, value in {
        "count__pricing__7d": 0.5,
        "count__pricing__28d": 0.4,
        "days_since_last__pricing": -0.2,
        "count__webinar__7d": -0.3,
        "decayed_count__webinar__7d": -0.1,
        "days_since_last__created": 0.25,
        "attribute__industry": 0.6,
        "attribute__newsletter": -0.05,
    }.items():
        row[small_catalog.positions[name]] = value
    row[-1] = -1.5
    return row


@pytest.fixture
def values(small_catalog: Catalog) -> np.ndarray:
    row = np.zeros(len(small_catalog), dtype=np.float32)
    row[small_catalog.positions["count__pricing__7d"]] = 3
    row[small_catalog.positions["attribute__industry"]] = 1
    return row


def test_fit_and_engagement_and_base_value_sum_to_the_log_odds(
    contributions: np.ndarray, small_catalog: Catalog
) -> None:
    fit, engagement, base = (float(part[0]) for part in parts(contributions[None, :], small_catalog))
    assert fit == pytest.approx(0.6 - 0.05)
    assert engagement == pytest.approx(0.5 + 0.4 - 0.2 - 0.3 - 0.1 + 0.25)
    assert base == -1.5
    assert fit + engagement + base == pytest.approx(contributions.sum())


def test_parts_of_one_row_have_the_bits_they_have_among_many(small_catalog: Catalog) -> None:
    many = np.random.default_rng(1).normal(size=(50, len(small_catalog) + 1))
    together = parts(many, small_catalog)
    for row in range(50):
        alone = parts(many[row : row + 1], small_catalog)
        assert [part[0] for part in alone] == [part[row] for part in together]


def test_parts_without_one_of_the_groups_are_zero(small_catalog: Catalog) -> None:
    no_rows = parts(np.zeros((0, len(small_catalog) + 1)), small_catalog)
    assert [part.shape for part in no_rows] == [(0,), (0,), (0,)]


def test_features_of_one_selector_are_one_reason(
    contributions: np.ndarray, values: np.ndarray, small_catalog: Catalog
) -> None:
    reasons = top_reasons(contributions, values, small_catalog, 10, "en")
    assert [(reason.feature, round(reason.contribution, 9)) for reason in reasons] == [
        ("count__pricing__7d", 0.7),
        ("attribute__industry", 0.6),
        ("count__webinar__7d", -0.4),
        ("days_since_last__created", 0.25),
        ("attribute__newsletter", -0.05),
    ]


def test_the_words_are_those_of_the_member_that_pulls_most_in_the_same_direction(
    values: np.ndarray, small_catalog: Catalog
) -> None:
    row = np.zeros(len(small_catalog) + 1)
    row[small_catalog.positions["count__pricing__7d"]] = 0.5
    row[small_catalog.positions["count__pricing__28d"]] = -0.4
    row[small_catalog.positions["days_since_last__pricing"]] = -0.3
    (reason,) = top_reasons(row, values, small_catalog, 3, "en")
    assert (reason.feature, round(reason.contribution, 9)) == ("count__pricing__28d", -0.2)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_no_more_reasons_than_asked_for(
    contributions: np.ndarray, values: np.ndarray, small_catalog: Catalog, count: int
) -> None:
    assert len(top_reasons(contributions, values, small_catalog, count, "en")) == count


def test_what_moved_nothing_is_no_reason(values: np.ndarray, small_catalog: Catalog) -> None:
    assert top_reasons(np.zeros(len(small_catalog) + 1), values, small_catalog, 10, "en") == []


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["3 views of the pricing page in the last 7 days", "industry: retail"]),
        ("de", ["3 Aufrufe der Preisseite in den letzten 7 Tagen", "industry: retail"]),
    ],
)
def test_reasons_speak_the_language_asked_for(
    contributions: np.ndarray, values: np.ndarray, small_catalog: Catalog, language: str, texts: list[str]
) -> None:
    assert [reason.text for reason in top_reasons(contributions, values, small_catalog, 2, language)] == texts

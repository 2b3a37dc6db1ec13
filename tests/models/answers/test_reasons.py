"""From contributions to reasons: parts that add up, one reason per topic, words that fit the sign."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalog import Catalog, build_catalog
from features.compute import compute_features
from features.polarity import polarity
from models.answers.reasons import Reason, fit_and_engagement, top_reasons
from models.answers.requests import LeadRequest, build_inputs
from models.fitting.boosting import train
from models.params import TrainParams


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
    fit, engagement, base = (float(part[0]) for part in fit_and_engagement(contributions[None, :], small_catalog))
    assert fit == pytest.approx(0.6 - 0.05)
    assert engagement == pytest.approx(0.5 + 0.4 - 0.2 - 0.3 - 0.1 + 0.25)
    assert base == -1.5
    assert fit + engagement + base == pytest.approx(contributions.sum())


def test_parts_of_one_row_have_the_bits_they_have_among_many(small_catalog: Catalog) -> None:
    many = np.random.default_rng(1).normal(size=(50, len(small_catalog) + 1))
    together = fit_and_engagement(many, small_catalog)
    for row in range(50):
        alone = fit_and_engagement(many[row : row + 1], small_catalog)
        assert [part[0] for part in alone] == [part[row] for part in together]


def test_parts_without_one_of_the_groups_are_zero(small_catalog: Catalog) -> None:
    no_rows = fit_and_engagement(np.zeros((0, len(small_catalog) + 1)), small_catalog)
    assert [part.shape for part in no_rows] == [(0,), (0,), (0,)]


def test_a_catalog_of_attributes_alone_has_reasons(small_catalog: Catalog) -> None:
    params = small_catalog.params.model_copy(update={"groups": ("attributes",)})
    catalog = build_catalog(params, list(small_catalog.attributes))
    width = len(catalog.names)
    found = top_reasons(np.append(np.ones(width), -1.0), np.ones(width, dtype=np.float32), catalog, 3, "en")
    assert found
    assert all(reason.contribution > 0 for reason in found)
    fit, engagement, base = fit_and_engagement(np.append(np.ones(width), -1.0)[None], catalog)
    assert (fit.tolist(), engagement.tolist(), base.tolist()) == ([width], [0.0], [-1.0])


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


def test_selectors_with_the_same_words_are_one_reason(values: np.ndarray, small_catalog: Catalog) -> None:
    selectors = dict(small_catalog.params.selectors)
    pricing = selectors["pricing"]
    selectors["pricing_again"] = pricing.model_copy(update={"campaign": ("*",)})
    catalog = build_catalog(
        small_catalog.params.model_copy(update={"selectors": selectors}), list(small_catalog.attributes)
    )
    row, moved = np.zeros(len(catalog), dtype=np.float32), np.zeros(len(catalog) + 1)
    for name, amount in (("count__pricing__7d", 0.5), ("count__pricing_again__7d", 0.25)):
        row[catalog.positions[name]] = 3.0
        moved[catalog.positions[name]] = amount
    row[catalog.positions["count__pricing__28d"]] = 4.0  # the two did not pick the same touchpoints
    (reason,) = top_reasons(moved, row, catalog, 3, "en")
    assert reason.contribution == 0.75


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
        ("de", ["3 Aufrufe der Preisseite in den letzten 7 Tagen", "Branche: retail"]),
    ],
)
def test_reasons_speak_the_language_asked_for(
    contributions: np.ndarray, values: np.ndarray, small_catalog: Catalog, language: str, texts: list[str]
) -> None:
    assert [reason.text for reason in top_reasons(contributions, values, small_catalog, 2, language)] == texts


def _row(catalog: Catalog, given: dict[str, float], fill: float = 0.0) -> np.ndarray:
    row = np.full(len(catalog) + 1, fill)
    for name, value in given.items():
        row[catalog.positions[name]] = value
    return row


def _found(
    catalog: Catalog, contributions: dict[str, float], values: dict[str, float], count: int = 10
) -> list[Reason]:
    matrix_row = _row(catalog, values)[:-1].astype(np.float32)
    return top_reasons(_row(catalog, contributions), matrix_row, catalog, count, "en")


def test_a_minus_is_said_by_the_member_that_sounds_like_one(small_catalog: Catalog) -> None:
    pulls = {"count__pricing__7d": -0.3, "count__pricing__28d": -0.35, "days_since_last__pricing": -0.3}
    values = {"count__pricing__28d": 3.0, "days_since_last__pricing": 13.0}
    (reason,) = _found(small_catalog, pulls, values)
    assert (reason.text, reason.contribution) == (
        "no views of the pricing page in the last 7 days",
        pytest.approx(-0.95),
    )


def test_what_sounds_like_the_opposite_says_which_way_it_counts(small_catalog: Catalog) -> None:
    (reason,) = _found(small_catalog, {"count__webinar__28d": -0.2}, {"count__webinar__28d": 3.0})
    assert reason.text == "3 webinars in the last 28 days (counts against it here)"
    (reason,) = _found(small_catalog, {"count__webinar__28d": 0.2}, {})
    assert reason.text == "no webinars in the last 28 days (counts for it here)"


@pytest.mark.parametrize("language", ["en", "de"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_no_reason_sounds_like_the_opposite_of_its_sign(
    big_catalog: Catalog, draw_values: Callable[..., np.ndarray], language: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = draw_values(random)
    contributions = np.append(random.normal(size=len(big_catalog)) * (random.random(len(big_catalog)) < 0.2), -1.0)
    reasons = top_reasons(contributions, values, big_catalog, 10_000, language)
    corrected = {"en": "here)", "de": "(spricht hier"}[language]
    for reason in reasons:
        feature = big_catalog.features[big_catalog.positions[reason.feature]]
        sounds = polarity(feature, float(values[big_catalog.positions[reason.feature]]))
        assert reason.text.strip() == reason.text != ""
        assert "nan" not in reason.text.replace("finance", "")
        assert (sounds * reason.contribution < 0) == (corrected in reason.text) or _BUT[language] in reason.text
    # all topics together are the log-odds, less the base value
    assert sum(reason.contribution for reason in reasons) == pytest.approx(contributions[:-1].sum(), abs=1e-9)


_BUT = {"en": ", but ", "de": ", aber "}


def test_a_topic_with_two_sides_does_not_vanish(small_catalog: Catalog) -> None:
    pulls = {"count__webinar__28d": 0.5, "days_since_last__webinar": -0.45, "attribute__industry": 0.3}
    values = {"count__webinar__28d": 4.0, "days_since_last__webinar": 43.0, "attribute__industry": 1.0}
    first, second = _found(small_catalog, pulls, values, 2)
    assert first.text == "4 webinars in the last 28 days, but webinars: the latest 43 days ago"
    assert first.contribution == pytest.approx(0.05)
    assert second.feature == "attribute__industry"


def test_members_that_say_the_same_with_opposite_signs_are_one_small_reason(small_catalog: Catalog) -> None:
    pulls = {"count__webinar__7d": 0.5, "count__webinar__28d": -0.45, "attribute__industry": 0.3}
    values = {"count__webinar__7d": 4.0, "count__webinar__28d": 4.0, "attribute__industry": 1.0}
    first, second = _found(small_catalog, pulls, values)
    assert first.feature == "attribute__industry"
    assert (second.feature, second.text) == ("count__webinar__7d", "4 webinars in the last 7 days")


@pytest.fixture(scope="module")
def doubled(small_catalog: Catalog) -> Catalog:
    """The same catalog with every selector twice, under another name."""
    selectors = dict(small_catalog.params.selectors)
    again = {f"{name}_again": rule for name, rule in selectors.items() if name != "all"}
    params = small_catalog.params.model_copy(update={"selectors": {**selectors, **again}})
    return build_catalog(params, list(small_catalog.attributes))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_a_duplicate_changes_no_topic_and_shows_nothing_twice(
    small_catalog: Catalog, doubled: Catalog, parsed: list[LeadRequest], seed: int
) -> None:
    """However a model shares an effect among columns that are equal, with whatever signs."""
    random = np.random.default_rng(seed)
    lead = parsed[int(random.integers(len(parsed)))]
    single, twice = (
        compute_features(*build_inputs([lead], of)[:2], of, build_inputs([lead], of)[2])[0]
        for of in (small_catalog, doubled)
    )
    pulls = np.append(random.normal(size=len(small_catalog)), -1.0)
    shared = np.zeros(len(doubled) + 1)
    for column, name in enumerate(doubled.names):
        operation, selector, *rest = name.split("__")
        twin = "__".join([operation, f"{selector}_again", *rest])
        first = small_catalog.positions["__".join([operation, selector.removesuffix("_again"), *rest])]
        own = pulls[first]
        noise = np.random.default_rng([seed, first]).normal()
        if twin in doubled.positions:
            shared[column] = own / 2 + noise
        elif selector.endswith("_again"):
            shared[column] = own / 2 - noise
        else:
            shared[column] = own

    def amounts(catalog: Catalog, row: np.ndarray, values: np.ndarray) -> list[float]:
        return sorted(reason.contribution for reason in top_reasons(row, values, catalog, 1_000, "en"))

    before, after = amounts(small_catalog, pulls, single), amounts(doubled, shared, twice)
    np.testing.assert_allclose(after, before, atol=1e-9)


def test_selectors_that_picked_the_same_touchpoints_of_a_lead_are_one_reason(small_catalog: Catalog) -> None:
    columns = [name for name in small_catalog.names if "__pricing" in name]
    values = dict.fromkeys(columns, 2.0) | {name.replace("__pricing", "__webinar"): 2.0 for name in columns}
    pulls = {"count__pricing__7d": 0.5, "count__webinar__7d": -0.3}
    (reason,) = _found(small_catalog, pulls, values)
    assert (reason.feature, reason.contribution) == ("count__pricing__7d", pytest.approx(0.2))
    apart = _found(small_catalog, pulls, {**values, "count__webinar__7d": 1.0})
    assert [one.contribution for one in apart] == [0.5, -0.3]
    nothing = _found(small_catalog, pulls, {})  # no views and no webinars are two things
    assert [one.contribution for one in nothing] == [0.5, -0.3]


def test_stages_reached_at_one_moment_are_one_reason(small_catalog: Catalog) -> None:
    created, mql = (small_catalog.positions[f"days_since_last__{name}"] for name in ("created", "stage_mql"))
    row, told = np.full(len(small_catalog), np.nan, dtype=np.float32), np.zeros(len(small_catalog) + 1)
    told[created], told[mql] = 0.3, 0.5
    row[created], row[mql] = 2.0, 1.0
    assert len(top_reasons(told, row, small_catalog, 5, "en")) == 2
    row[created] = 1.0
    [reason] = top_reasons(told, row, small_catalog, 5, "en")
    assert (reason.feature, reason.contribution) == ("days_since_last__stage_mql", pytest.approx(0.8))


def test_a_model_trained_with_a_duplicate_gives_nearly_the_same_reasons(
    small_catalog: Catalog, doubled: Catalog, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    matrix, labels = rows
    columns = [small_catalog.positions[name.replace("_again", "")] for name in doubled.names]
    params = TrainParams(num_threads=1, learning_rate=0.1, max_rounds=40, min_data_in_leaf=10, feature_fraction=0.7)

    def topic_of_pricing(catalog: Catalog, data: np.ndarray) -> np.ndarray:
        found = train(data, labels, np.ones(len(labels)), params, catalog.names, catalog.categorical).contributions(
            data
        )
        return np.array(
            [
                sum(found[row, column] for column, f in enumerate(catalog.features) if f.selector.startswith("pricing"))
                for row in range(len(data))
            ]
        )

    once, twice = topic_of_pricing(small_catalog, matrix), topic_of_pricing(doubled, matrix[:, columns])
    strong = np.abs(once) > 0.5
    assert strong.sum() > 50
    assert (np.sign(once) == np.sign(twice))[strong].all()
    assert np.corrcoef(once, twice)[0, 1] > 0.97

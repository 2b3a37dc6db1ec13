"""Population stability: by hand, without false alarms in small months, and quick to see a real change."""

import numpy as np
import pytest

from features.errors import BundleError
from models.monitoring.drift import feature_drift, score_drift, score_shift
from models.monitoring.reference import Bins, Reference, fit_reference
from models.monitoring.stability import expected_psi, stability_index


def reference_of(values: np.ndarray, categories: int = 0) -> Reference:
    columns = values.astype(np.float32)[:, None]
    return fit_reference(
        columns, np.linspace(0.0, 1.0, 500), [0] if categories else [], [categories] if categories else []
    )


def drift_of(reference: Reference, values: np.ndarray, groups: np.ndarray | None = None):
    groups = np.arange(len(values)) if groups is None else groups
    return feature_drift(reference.features, values.astype(np.float32)[:, None], groups, 200, 1)[0]


def test_the_index_is_what_the_books_say() -> None:
    before, now = np.array([6000, 3000, 1000]), np.array([50_000.0, 30_000.0, 20_000.0])
    by_hand = (0.5 - 0.6) * np.log(0.5 / 0.6) + (0.2 - 0.1) * np.log(0.2 / 0.1)
    assert stability_index(before, now) == pytest.approx(by_hand, abs=2e-4)


def test_a_bin_that_was_always_empty_adds_nothing_and_one_that_fills_adds_much() -> None:
    before = np.array([500, 500, 0])
    assert stability_index(before, np.array([50.0, 50.0, 0.0])) < 0.003
    filled = stability_index(before, np.array([45.0, 45.0, 10.0]))
    assert 0.25 < filled < np.inf


def test_bins_are_half_open_and_missing_values_have_their_own() -> None:
    values = np.concatenate([np.zeros(700), np.arange(1, 301), [np.nan] * 100])
    bins = reference_of(values).features[0]
    assert bins.edges[0] == 1.0, "a value that fills most has its own bin, and so has the rest"
    assert bins.counts.sum() == 1100
    assert bins.counts[0] == 700
    assert bins.counts[-1] == 100
    assert bins.codes(np.array([0.999, 1.0, np.nan], np.float32)).tolist() == [0, 1, len(bins.counts) - 1]


@pytest.mark.parametrize("values", [np.full(50, 3.0), np.full(50, np.nan)])
def test_a_column_without_variety_has_one_bin(values: np.ndarray) -> None:
    reference = reference_of(values)
    assert np.count_nonzero(reference.features[0].counts) == 1
    assert abs(drift_of(reference, values).value) < 0.05


def test_what_was_always_the_same_and_changes_is_seen() -> None:
    reference = reference_of(np.full(500, 3.0))
    for later in (2.0, 4.0, np.nan):
        assert drift_of(reference, np.where(np.arange(100) < 30, later, 3.0)).low > 0.25


def test_a_category_has_a_bin_per_code_and_one_for_unknown_ones() -> None:
    reference = reference_of(np.repeat([0.0, 1.0, 2.0], [600, 300, 100]), categories=4)
    assert reference.features[0].counts.tolist() == [600, 300, 100, 0, 0]
    drift = drift_of(reference, np.repeat([0.0, 3.0], [60, 40]))
    assert drift.low > 0.25


def test_small_months_without_drift_raise_no_alarm() -> None:
    """Two leads of an account are alike, so chance adds more than the formula for independent rows knows."""
    random = np.random.default_rng(3)
    reference = reference_of(random.normal(size=10_000))
    groups = np.repeat(np.arange(60), 2)
    found = []
    for _ in range(120):
        values = np.repeat(random.normal(size=60), 2) + 0.1 * random.normal(size=120)
        found.append(drift_of(reference, values, groups))
    raw, corrected = np.mean([drift.psi for drift in found]), np.mean([drift.value for drift in found])
    assert raw > 1.4 * expected_psi(10, 10_000, 120), "counted as it stands the index looks unstable"
    assert abs(corrected) < 0.03
    assert sum(drift.low > 0.1 for drift in found) <= 1


def test_a_real_shift_is_seen_in_a_small_month() -> None:
    random = np.random.default_rng(4)
    reference = reference_of(random.normal(size=10_000))
    drift = drift_of(reference, random.normal(loc=1.0, size=200))
    assert drift.low > 0.25
    assert drift.low < drift.value < drift.high
    assert drift.value < drift.psi


def test_other_columns_change_nothing() -> None:
    random = np.random.default_rng(5)
    matrix = random.normal(size=(300, 60)).astype(np.float32)
    reference = fit_reference(matrix, np.linspace(0, 1, 100), [], [])
    later = matrix[:100] + 0.5
    together = feature_drift(reference.features, later, np.arange(100), 50, 1)
    alone = feature_drift(reference.features[37:38], later[:, 37:38], np.arange(100), 50, 1)
    assert together[37].value == pytest.approx(alone[0].value, abs=1e-6)


def test_scores_that_moved_are_told_in_points() -> None:
    before = np.random.default_rng(6).beta(2, 8, size=4000)
    reference = fit_reference(np.zeros((1, 0), np.float32), before, [], [])
    shift, distance = score_shift(reference, np.clip(before + 0.1, 0, 1))
    assert shift == pytest.approx(0.1, abs=1e-3)
    assert distance == pytest.approx(0.1, abs=1e-3)
    assert score_drift(reference, before + 0.1, np.arange(4000), 50, 1).low > 0.25
    assert abs(score_drift(reference, before, np.arange(4000), 50, 1).value) < 0.01


def test_a_reference_survives_its_text_to_the_bit() -> None:
    random = np.random.default_rng(7)
    matrix = np.column_stack([random.normal(size=500), random.integers(0, 3, 500)]).astype(np.float32)
    matrix[::7, 0] = np.nan
    reference = fit_reference(matrix, random.random(200), [1], [4])
    again = Reference.from_json(reference.to_json())
    assert again.to_json() == reference.to_json()
    for one, two in zip(
        (*reference.features, reference.probability), (*again.features, again.probability), strict=True
    ):
        assert one.edges.tobytes() == two.edges.tobytes()
        assert one.counts.tolist() == two.counts.tolist()


@pytest.mark.parametrize("text", ["{}", "[]", '{"features": [{"edges": [1], "counts": [1]}], "probability": {}}'])
def test_something_else_is_no_reference(text: str) -> None:
    with pytest.raises(BundleError, match=r"reference\.json: not a reference .*Fetch the bundle again"):
        Reference.from_json(text)


def test_counts_that_do_not_fit_are_refused() -> None:
    text = Reference((), Bins(np.array([1.0], np.float32), np.array([1, 2, 3])), np.zeros(200)).to_json()
    with pytest.raises(BundleError, match="2 counts for 1 edges"):
        Reference.from_json(text.replace("[1, 2, 3]", "[1, 2]"))

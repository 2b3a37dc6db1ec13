"""The verdict on a forward signal: each rule can fail alone, and shuffled labels never pass."""

import numpy as np
import pytest

from models.params import EvaluateParams, PublishParams
from models.quality.signal import Signal, forward_signal, permutation_p

ROWS = 2400
RANDOM = np.random.default_rng(8)
TRUTH = RANDOM.beta(1.5, 4.0, ROWS)
LABELS = (RANDOM.random(ROWS) < TRUTH).astype(float)
GROUPS = np.array([f"account:{i // 2}" for i in range(ROWS)])
MONTHS = np.arange(ROWS) * 6 // ROWS
PUBLISH = PublishParams(permutations=199)


def verdict(
    probabilities: np.ndarray,
    labels: np.ndarray = LABELS,
    others: dict[str, tuple[np.ndarray, bool]] | None = None,
    months: np.ndarray = MONTHS,
    publish: PublishParams = PUBLISH,
) -> Signal:
    base = np.full(len(labels), labels.mean())
    return forward_signal(
        labels,
        GROUPS[: len(labels)],
        months[: len(labels)],
        probabilities[: len(labels)],
        {"base_rate": (base, True), **(others or {})},
        publish,
        EvaluateParams(bootstrap=200),
    )


def test_the_truth_is_a_signal() -> None:
    found = verdict(TRUTH)
    assert found.code == "forward_signal"
    assert found.p_value == pytest.approx(1 / 200)
    assert found.skill["low"] is not None
    assert found.skill["low"] > 0.0
    assert found.sentence["en"].startswith("Forward signal: on later leads the skill over the base rate is 0.")
    assert found.sentence["de"].startswith(
        "Vorhersagekraft auch bei neueren Leads: Der Gewinn gegenüber der Basisrate beträgt 0,"
    )


def test_shuffled_labels_are_not() -> None:
    shuffled = np.random.default_rng(1).permutation(LABELS)
    found = verdict(TRUTH, shuffled)
    assert found.code == "no_forward_signal"
    assert "0 is not below the interval" in found.sentence["en"]
    assert "permuted within month" in found.sentence["en"]
    assert "vertauschte Labels" in found.sentence["de"]


def test_permuted_labels_pass_as_often_as_the_level_says() -> None:
    random = np.random.default_rng(2)
    chances = [
        permutation_p(random.permutation(LABELS[:300]), GROUPS[:300], MONTHS[:300] * 0, TRUTH[:300], 99, seed)
        for seed in range(200)
    ]
    assert np.mean(np.array(chances) <= 0.1) == pytest.approx(0.1, abs=0.06)
    assert min(chances) >= 1 / 100


def test_a_base_rate_that_moves_is_no_signal_about_leads() -> None:
    random = np.random.default_rng(3)
    monthly = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])[MONTHS]
    labels = (random.random(ROWS) < monthly).astype(float)
    found = verdict(monthly, labels)
    assert found.auc["low"] is not None
    assert found.auc["low"] > 0.6, "between months it ranks well"
    assert found.code == "no_forward_signal"
    assert "within month" in found.sentence["en"]
    assert "skill over the base rate" not in found.sentence["en"]


def test_labels_alike_within_accounts_do_not_make_chance_look_rare() -> None:
    random = np.random.default_rng(4)
    passed = 0
    for seed in range(60):
        effect = np.repeat(random.random(150) < 0.3, 2).astype(float)  # both rows of an account have one label
        score = np.repeat(random.random(150), 2)
        passed += permutation_p(effect, GROUPS[:300], np.zeros(300, int), score, 99, seed) <= 0.1
    assert passed / 60 == pytest.approx(0.1, abs=0.1)


def test_a_simpler_model_that_does_as_well_is_advised() -> None:
    noisy = np.clip(TRUTH * RANDOM.lognormal(0.0, 0.2, ROWS), 0.01, 0.95)
    found = verdict(noisy, others={"logistic_regression": (TRUTH, True), "points": (40 * TRUTH, False)})
    assert found.code == "use_the_simpler_model"
    assert found.simpler == "logistic_regression"
    assert "logistic regression is at least as good" in found.sentence["en"]
    better = verdict(TRUTH, others={"logistic_regression": (noisy, True)})
    assert better.code == "forward_signal"
    assert better.simpler_gain is not None
    assert better.simpler_gain["value"] is not None
    assert better.simpler_gain["value"] > 0.0


def test_the_auc_has_a_floor_of_its_own() -> None:
    found = verdict(TRUTH, publish=PublishParams(permutations=99, min_auc=0.9))
    assert found.code == "weak_signal"
    assert found.sentence["en"].startswith(
        "Too weak a signal: labels permuted within month do as well with p = 0.010 only, but "
    )
    assert "the lower bound is below 0.9" in found.sentence["en"]
    assert found.sentence["de"].startswith("Zu schwache Vorhersagekraft: ")


def test_few_positives_are_said() -> None:
    found = verdict(TRUTH, LABELS[:60])
    assert found.code == "too_little_data"
    assert ": worse than the base rate" not in found.sentence["en"]
    worse = verdict(1.0 - TRUTH, LABELS[:60])
    assert worse.code == "too_little_data"
    assert "that of the base rate" in worse.sentence["en"]
    assert worse.sentence["en"].endswith("worse than the base rate, not promoted.")
    assert worse.sentence["de"].endswith("schlechter als die Basisrate, nicht befördert.")
    assert found.p_value is None
    assert "50 are needed" in found.sentence["en"]
    assert "Zu wenig Daten" in found.sentence["de"]


def test_few_negatives_are_said_as_few_positives_are() -> None:
    asked = PublishParams(permutations=99, min_positives=int(LABELS[:60].sum()) + 1)
    found = verdict(1.0 - TRUTH, 1.0 - LABELS[:60], publish=asked)
    assert found.code == "too_little_data"
    assert found.sentence["en"].startswith(
        f"Too little data to tell: {int(LABELS[:60].sum())} negatives in 60 later rows; "
    )
    assert f"{int(LABELS[:60].sum())} negative unter 60" in found.sentence["de"]

"""The gate: each rule can fail on its own, and says why."""

import json

import numpy as np
import pytest

from features.errors import ParameterError
from models.params import EvaluateParams, PublishParams
from models.quality.gate import GateDecision, decide_promotion

ROWS = 1500
RANDOM = np.random.default_rng(4)
TRUTH = RANDOM.beta(1.0, 3.0, ROWS)
LABELS = (RANDOM.random(ROWS) < TRUTH).astype(float)
GROUPS = np.arange(ROWS) // 2
BASE = np.full(ROWS, 0.25)
NOISE = np.clip(TRUTH * RANDOM.lognormal(0.0, 1.0, ROWS), 0.01, 0.9)
POINTS = 40 * NOISE


def gate(
    challenger: np.ndarray, champion: np.ndarray | None, rows: int = ROWS, **baselines: tuple[np.ndarray, bool]
) -> GateDecision:
    cut = {name: (values[:rows], kind) for name, (values, kind) in ({"base_rate": (BASE, True)} | baselines).items()}
    return decide_promotion(
        LABELS[:rows],
        GROUPS[:rows],
        challenger[:rows],
        None if champion is None else champion[:rows],
        cut,
        PublishParams(margin=0.002, min_positives=50, permutations=99),
        EvaluateParams(bootstrap=200),
        np.arange(rows) // 500,
    )


def results(decision: GateDecision) -> dict[str, bool]:
    return {check.name: check.passed for check in decision.checks}


def test_better_challenger_is_promoted() -> None:
    decision = gate(TRUTH, NOISE, points=(POINTS, False), odoo_formula=(NOISE, True))
    assert decision.promote
    assert results(decision) == {
        "positives": True,
        "champion": True,
        "base_rate": True,
        "points": True,
        "odoo_formula": True,
        "signal": True,
    }
    assert decision.verdict == "Promoted: all 6 checks passed."


def test_worse_challenger_is_not() -> None:
    decision = gate(NOISE, TRUTH)
    assert not decision.promote
    assert list(results(decision).items())[:2] == [("positives", True), ("champion", False)]
    assert "Worse than the champion: log-loss gain -" in decision.verdict
    assert "; the lower bound must be above -0.0020." in decision.verdict


def test_equal_challenger_passes_by_the_margin() -> None:
    decision = gate(TRUTH, TRUTH)
    assert decision.promote
    assert decision.checks[1].figures == {"value": 0.0, "low": 0.0, "high": 0.0, "bound": -0.002}
    assert decision.checks[1].sentence.startswith("Not to be told apart from the champion: log-loss gain +0.0000")


def test_without_a_champion_the_baselines_decide() -> None:
    decision = gate(TRUTH, None)
    assert decision.promote
    assert results(decision) == {"positives": True, "base_rate": True, "signal": True}
    assert decision.verdict.endswith("there was no champion.")
    assert decision.checks[1].sentence.startswith("Better than the base rate: log-loss gain +")
    assert not gate(BASE, None).promote, "no better than the base rate"


def test_significantly_worse_than_a_baseline() -> None:
    assert results(gate(NOISE, None, logistic_regression=(TRUTH, True)))["logistic_regression"] is False
    decision = gate(NOISE, None, points=(TRUTH * 30, False))
    assert results(decision)["points"] is False
    assert "Worse than the baseline points: AUC gain -" in decision.verdict
    assert results(gate(TRUTH, None, points=(TRUTH * 30, False)))["points"] is True, "equal is not worse"


def test_too_few_positives_stop_everything() -> None:
    decision = gate(TRUTH, NOISE, rows=100)
    assert not decision.promote
    assert [check.name for check in decision.checks] == ["positives", "base_rate"]
    few = int(LABELS[:100].sum())
    assert f"{few} positives and {100 - few} negatives in rows" in decision.verdict
    assert "at least 50" in decision.verdict


def test_too_few_negatives_stop_everything() -> None:
    few = int(LABELS[:200].sum())
    decision = decide_promotion(
        1.0 - LABELS[:200],
        GROUPS[:200],
        1.0 - TRUTH[:200],
        None,
        {"base_rate": (np.full(200, 1.0 - few / 200), True)},
        PublishParams(min_positives=few + 1, permutations=99),
        EvaluateParams(bootstrap=100),
        np.arange(200) // 50,
    )
    assert not decision.promote
    assert (
        f"{200 - few} positives and {few} negatives in rows that no model has seen: too few negatives (at least "
        in decision.verdict
    )


def test_with_few_positives_worse_than_the_base_rate_is_said() -> None:
    decision = gate(1.0 - TRUTH, NOISE, rows=100)
    assert not decision.promote
    assert not decision.checks[1].passed
    assert "Worse than the base rate: log-loss gain -" in decision.verdict
    assert "Worse than the base rate" not in gate(TRUTH, NOISE, rows=100).verdict


def test_no_rows_are_too_few() -> None:
    assert not gate(TRUTH, NOISE, rows=0).promote


def test_decision_is_plain_data() -> None:
    found = json.loads(json.dumps(gate(TRUTH, NOISE).as_dict()))
    assert found["promote"] is True
    assert [check["name"] for check in found["checks"]] == ["positives", "champion", "base_rate", "signal"]


def test_base_rate_is_needed() -> None:
    with pytest.raises(
        ParameterError, match=r"baselines are \['points'\]; 'base_rate', as a probability, must be among"
    ):
        decide_promotion(
            LABELS,
            GROUPS,
            TRUTH,
            None,
            {"points": (POINTS, False)},
            PublishParams(),
            EvaluateParams(bootstrap=20),
            np.zeros(ROWS),
        )

"""The table of the model benchmark, with literal numbers; the gap to the truth; draws against training size."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bench.models.learning_curve import CURVE, curve_table, draw_leads, draws_of, positive_leads, sizes
from bench.models.picture import picture_png
from bench.models.sets import Columns, ModelSet, from_table
from bench.models.table import judge_set, markdown, rich_table, verdict
from bench.models.truth import expected_log_loss, gap, gap_table
from models.params import EvaluateParams, SplitParams

PARAMS = EvaluateParams(bootstrap=50)
ROOT = Path(__file__).resolve().parents[2]
LABELS = np.tile([1.0, 0.0, 0.0, 0.0], 50)
GROUPS = np.array([f"account:{i}" for i in range(200)], dtype=object)


@pytest.mark.parametrize(
    ("high", "words"), [(-0.5, "within 0.01"), (0.01, "within 0.01"), (0.010001, "undecided"), (0.4, "undecided")]
)
def test_the_verdict_is_of_the_upper_bound(high, words) -> None:
    assert verdict({"value": -1.0, "low": -2.0, "high": high}) == words


def test_the_deficit_is_against_the_best_other_contender() -> None:
    scores = {
        "product": np.where(LABELS == 1, 0.5, 0.2),
        "logistic_regression": np.full(200, 0.25),
        "odoo_formula": np.where(LABELS == 1, 0.8, 0.2),
        "points": LABELS * 1000.0,
    }
    judged = judge_set(LABELS, GROUPS, 20, PARAMS, scores)
    deficit = judged["deficit"]
    assert deficit["against"] == "odoo_formula"
    assert deficit["value"] == pytest.approx(0.25 * np.log(0.8 / 0.5))
    assert deficit["low"] <= deficit["value"] <= deficit["high"]
    assert judged["metrics"]["points"]["log_loss"] is None
    assert judged["metrics"]["product"]["log_loss"]["value"] == pytest.approx(-0.25 * np.log(0.5) - 0.75 * np.log(0.8))
    assert (judged["rows"], judged["positives"], judged["capacity"]) == (200, 50, 20)


def test_the_table_says_every_number_once() -> None:
    metric = {"value": 0.5, "low": 0.4, "high": 0.6}
    names = ("auc", "average_precision", "brier", "log_loss", "ece", "lift_at_capacity")
    product = dict.fromkeys(names, metric)
    points = {**product, "brier": None, "log_loss": None, "ece": None}
    result = {
        "rows": 1_234,
        "positives": 56,
        "metrics": {"product": product, "points": points},
        "deficit": {"against": "automl", "value": -0.002, "low": -0.01, "high": 0.004},
    }
    lines = markdown({"somewhere": result}).split("\n")
    assert lines[2] == (
        "| somewhere (1,234, 56) | **product** | "
        + " | ".join(["0.500<br><sub>0.400..0.600</sub>"] * 6)
        + " | -0.0020 to FLAML<br>-0.0100..+0.0040: within 0.01 |"
    )
    assert lines[3].count("| - |") + lines[3].count(" - | - ") >= 1
    assert "points table" in lines[3]
    assert rich_table({"somewhere": result}, 60.0).row_count == 2


def test_the_gap_is_zero_for_the_truth_and_literal_elsewhere() -> None:
    truth = np.tile([0.2, 0.6], 100)
    assert gap(truth, truth, GROUPS, PARAMS) == {"value": 0.0, "low": 0.0, "high": 0.0}
    half = gap(truth, np.full(200, 0.5), GROUPS, PARAMS)
    least = -np.mean([0.2 * np.log(0.2) + 0.8 * np.log(0.8), 0.6 * np.log(0.6) + 0.4 * np.log(0.4)])
    assert half["value"] == pytest.approx(np.log(2) - least)
    assert half["low"] < half["value"] < half["high"]
    assert expected_log_loss(np.array([1.0]), np.array([0.0]))[0] == pytest.approx(15 * np.log(10))
    found = {
        "floor": least,
        "gaps": {"product": half},
        "times": 20,
        "leads": 400,
        "draws": 4,
        "small": half,
        "all": half,
    }
    assert gap_table(found).row_count == 3


@pytest.fixture
def some() -> ModelSet:
    frame = pd.DataFrame(
        {
            "lead_id": [f"L-{i // 2}" for i in range(200)],
            "account_id": None,
            "snapshot_at": pd.date_range("2024-01-01", periods=200, freq="D", tz="UTC"),
            "is_headline": np.arange(200) % 2 == 0,
            "label": LABELS.astype(np.int8),
            "slice": np.repeat(["train", "calibration", "test"], [100, 40, 60]),
        }
    )
    split = SplitParams(early_stopping_share=0.1, calibration_share=0.1)

    class Sections(SimpleNamespace):
        def model_copy(self, update):
            return Sections(**{**vars(self), **update})

    params = Sections(split=split)
    matrix = np.arange(200, dtype=np.float32)[:, None]
    return ModelSet("some", matrix, frame, Columns(("x",), ()), params, False, Path())


def test_a_draw_keeps_whole_leads_and_the_test(some) -> None:
    leads, ever = positive_leads(some)
    assert (len(leads), int(ever.sum())) == (70, 35)
    drawn = draw_leads(some, leads[:3])
    assert drawn.frame["slice"].value_counts().to_dict() == {"test": 30, "train": 6}
    assert drawn.params.split.cross_fit_folds == 5
    assert drawn.matrix[drawn.test].tolist() == some.matrix[some.test].tolist()


def test_sizes_end_with_all_and_small_ones_are_drawn_more_often() -> None:
    assert sizes(50) == (50,)
    assert sizes(2_500) == (50, 100, 200, 500, 1000, 2000, 2500)
    assert [draws_of(size, 2_500) for size in (50, 500, 2000, 2500)] == [5, 3, 2, 1]


def test_a_curve_names_draws_that_were_too_small() -> None:
    metric = {"value": 0.5, "low": 0.4, "high": 0.6}
    full = {name: {"auc": metric, "log_loss": metric} for name in CURVE}
    points = [{"positives": 50, "draws": 0, "unfitted": 5}, {"positives": 100, "draws": 5, "unfitted": 0, **full}]
    table = curve_table("some", points)
    assert table.row_count == 2
    assert "5 draws too small" in str(next(iter(table.columns[0].cells)))
    assert picture_png({"some": points}) == picture_png({"some": points})


def test_a_plain_table_is_cut_in_the_order_of_its_rows() -> None:
    table = pd.DataFrame({"amount": np.arange(100.0), "kind": ["a", None, "b", "a"] * 25})
    some = from_table(ROOT, "plain", table, np.tile([1, 0], 50), ROOT / "x.csv")
    assert (len(some.fitted), len(some.test)) == (70, 30)
    assert some.test.min() == 70
    assert some.columns == Columns(("amount", "kind"), (1,))
    assert some.matrix[:4, 1].tolist() == [0.0, -1.0, 1.0, 0.0]
    assert some.capacity == 3

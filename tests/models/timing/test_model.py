"""The models of hand-over timing: what the iteration learns, and that a bundle keeps it as text."""

import json
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError
from models.timing.model import Spread, Timing, read_timing
from tests.models.ripening_leads import NAMES, asked, fitted

FACTS = {
    "horizon_days": 60, "hold": 0.05, "hold_days": 28, "longest_wait_days": 30.0, "price": 0.2, "price_days": 8,
    "contact_cost": 0.0, "too_early_cost": 0.0, "explore_share": 0.0,
    "price_at": "2026-01-01T00:00:00+00:00", "slots_per_week": 5.0, "z": 1.645,
}  # fmt: skip


def timing() -> Timing:
    models = fitted()
    spreads = tuple(Spread.fit(values) for values in (models.f_queue, *models.w_queue))
    return Timing(models.now.model, tuple(step.model for step in models.later), spreads, FACTS)


def test_models_survive_as_text_to_the_bit(tmp_path: Path) -> None:
    for name, text in timing().texts().items():
        (tmp_path / name).write_text(text)
    again = read_timing(tmp_path, NAMES)
    assert again is not None
    for one, two in zip(timing().predict(asked()), again.predict(asked()), strict=True):
        assert np.array_equal(one, two)
    (tmp_path / "timing.json").write_text("null\n")
    assert read_timing(tmp_path, NAMES) is None


def test_one_row_has_the_same_bits_as_many() -> None:
    many = timing().predict(asked())
    for row in range(3):
        alone = timing().predict(asked()[row : row + 1])
        assert alone.now[0] == many.now[row]
        assert alone.later_low[1, 0] == many.later_low[1, row]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"spreads": []}, "spreads or facts are missing"),
        ({"facts": {**FACTS, "price": 2.0}}, "price are missing or out of range"),
        ({"facts": {k: v for k, v in FACTS.items() if k != "price_at"}}, "price_at"),
        ({"spreads": [{"edges": [1.0], "sd": [0.1]}] * 3}, "do not fit together"),
    ],
)
def test_altered_facts_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    texts = timing().texts()
    texts["timing.json"] = json.dumps({**json.loads(texts["timing.json"]), **change})
    with pytest.raises(BundleError, match=message):
        Timing.read(texts.__getitem__, NAMES)


def test_a_model_of_another_objective_is_refused() -> None:
    texts = timing().texts()
    texts["timing_wait_7.txt"] = texts["timing_wait_7.txt"].replace("objective=cross_entropy", "objective=gamma")
    with pytest.raises(BundleError, match=r"timing_wait_7\.txt: its objective is 'gamma'"):
        Timing.read(texts.__getitem__, NAMES)

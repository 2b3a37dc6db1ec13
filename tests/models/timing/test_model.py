"""The models of hand-over timing: what the iteration learns, and that a bundle keeps it as text."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError, DataError
from models.fitting.timing import FittedTiming, fit_timing, overlap
from models.fitting.timing_boosting import probability
from models.params import TrainParams
from models.timing.model import Spread, Timing, read_timing
from models.timing.rows import CALLED, CUT, STAYED, Calls, QueueWeeks

NAMES = ("ripe", "noise")
FACTS = {
    "horizon_days": 60, "hold": 0.05, "hold_days": 28, "longest_wait_days": 30.0, "price": 0.2, "price_days": 8,
    "contact_cost": 0.0, "too_early_cost": 0.0, "explore_share": 0.0,
    "price_at": "2026-01-01T00:00:00+00:00", "slots_per_week": 5.0, "z": 1.645,
}  # fmt: skip


def chance(ripe: np.ndarray) -> np.ndarray:
    return np.array([0.05, 0.45, 0.15])[ripe.astype(int)]


@cache
def rows() -> tuple[Calls, QueueWeeks]:
    """Green leads (0) become ripe (1) within a week, ripe ones overripe (2) for good; sales calls half of them a week."""
    rng = np.random.default_rng(4)
    leads, weeks = 1500, 4
    state = np.minimum(rng.integers(0, 3, leads)[:, None] + np.arange(weeks), 2)
    called_in = rng.geometric(0.5, leads) - 1
    calls_x, label, groups = [], [], []
    matrix, became, call, group = [], [], [], []
    for lead in range(leads):
        for week in range(min(weeks, called_in[lead] + 1)):
            matrix.append((state[lead, week], rng.normal()))
            group.append(f"A{lead}")
            last = week == called_in[lead]
            became.append(CALLED if last else (STAYED if week + 1 < weeks else CUT))
            call.append(len(label) if last else -1)
            if last:
                calls_x.append((state[lead, week], rng.normal()))
                label.append(float(rng.random() < chance(state[lead, week : week + 1])[0]))
                groups.append(f"A{lead}")
    became_ = np.array(became, np.int8)
    calls = Calls(np.array(calls_x, np.float32), np.array(label), np.array(groups, dtype=object))
    queue = QueueWeeks(
        np.array(matrix, np.float32),
        became_,
        np.where(became_ == STAYED, np.arange(len(became)) + 1, -1),
        np.array(call),
        np.full(len(became), np.nan),
        np.array(group, dtype=object),
    )
    return calls, queue


@cache
def fitted(censoring: str = "weights") -> FittedTiming:
    params = TrainParams(num_leaves=4, min_data_in_leaf=30, feature_fraction=1.0, lambda_l2=0.0)
    return fit_timing(*rows(), NAMES, (), params, censoring=censoring)


def timing() -> Timing:
    models = fitted()
    spreads = tuple(Spread.fit(values) for values in (models.f_queue, *models.w_queue))
    return Timing(models.now.model, tuple(step.model for step in models.later), spreads, FACTS)


def asked() -> np.ndarray:
    return np.array([[0, 0], [1, 0], [2, 0]], np.float32)


def test_the_chance_now_and_later_follow_what_leads_become() -> None:
    chances = timing().predict(asked())
    assert chances.now == pytest.approx([0.05, 0.45, 0.15], abs=0.1)
    assert chances.later[0] == pytest.approx([0.45, 0.15, 0.15], abs=0.12)  # green ones ripen, ripe ones rot
    assert chances.later[1] == pytest.approx([0.15, 0.15, 0.15], abs=0.08)
    assert (chances.now_low < chances.now).all()
    assert (chances.later_high > chances.later).all()


def test_leads_called_within_the_week_may_count_with_their_chance_at_the_call() -> None:
    models = fitted("at_call")
    base = models.now.model.predict_log_odds(asked())
    later = probability(base + models.later[0].model.predict_log_odds(asked()))
    # Half of the green leads are called while green: what waiting promises lies between the two.
    assert 0.12 < later[0] < 0.40


def test_what_was_learned_of_an_account_does_not_enter_its_own_targets() -> None:
    models, (calls, queue) = fitted(), rows()
    folds = {}
    for fold, group in ((models.fold_calls, calls.group), (models.fold_queue, queue.group)):
        for name, number in zip(group, fold, strict=True):
            assert folds.setdefault(name, number) == number
    assert len(set(folds.values())) == 4


def test_overlap_counts_what_weeks_without_a_call_stand_for() -> None:
    found = overlap(rows()[1], fitted().stay)
    assert 0.4 < found["called_within_week"] < 0.6
    assert found["rarely_spared"] == 0.0
    assert 1.5 < found["largest_weight"] < 4.0


def test_without_a_known_outcome_there_is_nothing_to_learn() -> None:
    calls, queue = rows()
    with pytest.raises(DataError, match="0 first contacts with a known outcome"):
        fit_timing(replace(calls, label=np.full(len(calls.label), np.nan)), queue, NAMES, (), TrainParams())


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

"""The models of hand-over timing: what the iteration learns."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import DataError
from models.fitting.timing import fit_timing, overlap
from models.fitting.timing_boosting import probability
from models.params import TrainParams
from tests.models.ripening_leads import NAMES, asked, fitted, rows


def test_the_chance_now_and_later_follow_what_leads_become() -> None:
    models = fitted()
    base = models.now.model.predict_log_odds(asked())
    now, one, two = (
        probability(base + more) for more in (0.0, *(s.model.predict_log_odds(asked()) for s in models.later))
    )
    assert now == pytest.approx([0.05, 0.45, 0.15], abs=0.1)
    assert one == pytest.approx([0.45, 0.15, 0.15], abs=0.12)  # green ones ripen, ripe ones rot
    assert two == pytest.approx([0.15, 0.15, 0.15], abs=0.08)


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

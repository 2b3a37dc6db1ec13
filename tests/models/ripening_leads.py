"""Leads that ripen within a week and go off after: what the models of hand-over timing are tested on."""

from functools import cache

import numpy as np

from models.fitting.timing import FittedTiming, fit_timing
from models.params import TrainParams
from models.timing.rows import CALLED, CUT, STAYED, Calls, QueueWeeks

NAMES = ("ripe", "noise")


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


def asked() -> np.ndarray:
    return np.array([[0, 0], [1, 0], [2, 0]], np.float32)

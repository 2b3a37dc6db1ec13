"""The contenders: what each makes of who waits on a Monday."""

from collections.abc import Callable
from functools import partial

import numpy as np

from bench.timing.companies import Practice, Replayed
from bench.timing.replay import HOLD_DAYS, Policy
from bench.timing.table import ORACLE
from models.fitting.timing import Censoring, fit_timing
from models.fitting.timing_boosting import cross_fit, folds_of, probability
from models.params import TimingParams, TreeParams
from models.timing.policy import hold_back
from models.timing.rows import Calls

__all__ = [
    "DELAYS",
    "ONE_THRESHOLD",
    "ORACLE_VARIANTS",
    "contenders",
    "highest_probability_first",
    "latent_oracle",
    "oracle",
]

ONE_THRESHOLD = 0.05
"""Of policies whose threshold does not grow with the weeks waited."""
FOLDS = 4
DELAYS = (0.0, 7.0, 14.0)
ORACLE_VARIANTS: tuple[tuple[Censoring, float], ...] = (
    ("weights", 0.0),
    ("weights", 0.02),
    ("weights", 0.05),
    ("weights", 0.1),
    ("at_call", 0.02),
    ("at_call", 0.05),
    ("at_call", 0.1),
)
"""Of the informed oracle: how calls within the week are counted, and from what gain on it holds."""
UCB_WIDTH = 0.5
LEAST_POSITIVES = 20
"""Fewer positives make no model of a delay."""

Contender = Callable[[Replayed], Policy]
Predict = Callable[[np.ndarray], tuple[np.ndarray, list[np.ndarray]]]


def _nobody(company: Replayed) -> np.ndarray:
    return np.zeros(len(company.lead), dtype=bool)


def _held(now: np.ndarray, later: list[np.ndarray], hold: float) -> np.ndarray:
    return np.asarray(np.max(later, axis=0) > (1.0 + hold) * now)


def latent_oracle(company: Replayed) -> Policy:
    """Hold whoever is truly better off within four weeks; else call by the true probability."""
    now = company.ahead[:, 0]
    return Policy(now, _held(now, [company.ahead[:, 1:].max(axis=1)], ONE_THRESHOLD))


def _iterated(past: Practice, calls: Calls, censoring: Censoring, trees: TreeParams) -> Predict:
    catalog = past.fitted.catalog
    fitted = fit_timing(
        calls, past.rows.queue, catalog.names, catalog.categorical, trees, folds=FOLDS, censoring=censoring
    )

    def predict(matrix: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        base = fitted.now.model.predict_log_odds(matrix)
        return probability(base), [probability(base + s.model.predict_log_odds(matrix)) for s in fitted.later]

    return predict


def _by_f(predict: Predict, company: Replayed) -> Policy:
    return Policy(predict(company.matrix)[0], _nobody(company))


def _holding(predict: Predict, hold: float, company: Replayed) -> Policy:
    now, later = predict(company.matrix)
    return Policy(now, hold_back(now, np.stack(later), company.age_days, hold, HOLD_DAYS + 1.0))


def _holding_alike(predict: Predict, company: Replayed) -> Policy:
    now, later = predict(company.matrix)
    return Policy(now, _held(now, later, ONE_THRESHOLD))


def oracle(past: Practice, trees: TreeParams) -> dict[str, Contender]:
    """Fit the informed oracle: the same iteration with true probabilities as labels, in all its variants."""
    found: dict[str, Contender] = {}
    for censoring in ("weights", "at_call"):
        predict = _iterated(past, past.informed, censoring, trees)
        for of, hold in ORACLE_VARIANTS:
            if of == censoring:
                found[f"{ORACLE}{censoring}, hold {hold:g}"] = partial(_holding, predict, hold)
    return found


def _learned(
    past: Practice,
    trees: TreeParams,
    label: np.ndarray,
    looks: np.ndarray | None = None,
    extra: np.ndarray | None = None,
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a classifier on looks at the queue whose label is known; `extra` is one more column."""
    catalog, queue = past.fitted.catalog, past.rows.queue
    looks = np.arange(len(queue.group)) if looks is None else looks
    dealt = folds_of(queue.group, FOLDS, trees.seed)
    fold = np.array([dealt[str(name)] for name in queue.group])[looks]
    matrix, names = queue.matrix[looks], catalog.names
    if extra is not None:
        matrix, names = np.column_stack((matrix, extra.astype(np.float32))), (*names, "delay_days")
    known = ~np.isnan(label)
    weights = np.ones(int(known.sum()))
    model = cross_fit(matrix[known], label[known], weights, fold[known], names, catalog.categorical, trees).model
    return lambda rows: probability(model.predict_log_odds(rows))


def highest_probability_first(past: Practice, trees: TreeParams) -> Contender:
    """Rank by the product's probability of `sales_qualified` within 60 days, whenever sales calls."""
    model = _learned(past, trees, past.label_60d)
    return lambda company: Policy(model(company.matrix), _nobody(company))


def contenders(past: Practice, timing: TimingParams) -> dict[str, Contender]:
    """Fit every contender on one company's past practice; what the product does is said by `timing`."""
    trees = timing.trees
    calls, queue = past.rows.calls, past.rows.queue
    found: dict[str, Contender] = {
        "first come, first served": lambda company: Policy(company.age_days, _nobody(company)),
    }
    for censoring in ("weights", "at_call"):
        predict = _iterated(past, calls, censoring, trees)
        if censoring == "weights":
            found["rank by f"] = partial(_by_f, predict)

        found[f"iterated regression, {censoring}"] = partial(_holding, predict, timing.hold)
        found[f"iterated regression, {censoring}, one threshold"] = partial(_holding_alike, predict)

    first = _next_call(queue.next_week, queue.call)
    with_call = np.flatnonzero(first >= 0)
    contact_at = past.rows.contacts["snapshot_at"].astype("int64").to_numpy()
    look_at = past.rows.looks["snapshot_at"].astype("int64").to_numpy()
    delay = (contact_at[first[with_call]] - look_at[with_call]) / 86_400e6
    label = calls.label[first[with_call]]
    by_delay = _learned(past, trees, label, with_call, delay)

    def delayed(company: Replayed) -> Policy:
        now, *later = (
            by_delay(np.column_stack((company.matrix, np.full(len(company.matrix), days, np.float32))))
            for days in DELAYS
        )
        return Policy(now, _held(now, later, ONE_THRESHOLD))

    found["delay as a feature"] = delayed
    models = []
    for days in DELAYS:
        near = np.abs(delay - days) <= 3.5
        if np.nansum(label[near]) >= LEAST_POSITIVES:
            models.append(_learned(past, trees, label[near], with_call[near]))
    if len(models) > 1:

        def separate(company: Replayed) -> Policy:
            now, *later = (model(company.matrix) for model in models)
            return Policy(now, _held(now, later, ONE_THRESHOLD))

        found["a model per delay"] = separate
    found["LinUCB"] = _lin_ucb(calls)
    return found


def _next_call(next_week: np.ndarray, call: np.ndarray) -> np.ndarray:
    """Find the first contact that each look's lead came to while it was looked at; -1: none."""
    first = call.copy()
    for row in range(len(call) - 1, -1, -1):
        if first[row] < 0 and next_week[row] >= 0:
            first[row] = first[next_week[row]]
    return first


def _lin_ucb(calls: Calls) -> Contender:
    """Rank by the upper bound of a linear bandit that starts from past calls; it learns nothing more during the replay."""
    known = ~np.isnan(calls.label)
    filled = np.nan_to_num(calls.matrix[known].astype(np.float64))
    mean, spread = filled.mean(axis=0), filled.std(axis=0) + 1e-9

    def design(matrix: np.ndarray) -> np.ndarray:
        z = np.clip((np.nan_to_num(matrix.astype(np.float64)) - mean) / spread, -5.0, 5.0)
        return np.column_stack((np.ones(len(z)), z))

    x, y = design(calls.matrix[known]), calls.label[known]
    inverse = np.linalg.inv(x.T @ x + np.eye(x.shape[1]))
    theta = inverse @ (x.T @ y)

    def policy(company: Replayed) -> Policy:
        rows = design(company.matrix)
        width = np.sqrt(np.einsum("ij,jk,ik->i", rows, inverse, rows))
        return Policy(rows @ theta + UCB_WIDTH * width * y.std(), _nobody(company))

    return policy

"""Is there a signal that holds later in time? A pure verdict from labels and probabilities on rows that no model has seen."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.params import EvaluateParams, PublishParams
from models.presentation.signal_words import signal_sentence, too_little_sentence
from models.quality.metric_kernels import Ranked, row_log_loss
from models.quality.metrics import evaluate as measure
from models.quality.metrics import paired_auc_gain, paired_log_loss_gain

__all__ = ["CODES", "NO_SIGNAL", "Signal", "forward_signal", "permutation_p"]

Interval = dict[str, float | None]
CODES = ("forward_signal", "use_the_simpler_model", "weak_signal", "no_forward_signal", "too_little_data")
NO_SIGNAL = ("weak_signal", "no_forward_signal")  # what no model is promoted with
SIMPLER = ("logistic_regression", "points", "rfm", "odoo_formula")  # what a company could use instead of trees
LEVEL = 0.01


@dataclass(frozen=True)
class Signal:
    """What the later-in-time test says about a model.

    Attributes
    ----------
    code : str
        One of `CODES`.
    positives, rows : int
        Of the test.
    gain : dict
        Log-loss gain over the base rate, in nats per row, with its 95 % interval.
    skill : dict
        The same as a share of the base rate's log loss: 1 is perfect, 0 is the base rate.
    auc : dict
        With its 95 % interval.
    p_value : float or None
        Chance that labels permuted within month do as well; None: not computed.
    simpler : str or None
        The best of the simpler models.
    simpler_gain : dict or None
        Gain over it: in log loss, or in AUC where it gives no probability.
    sentence : dict
        The verdict in words, by language.
    """

    code: str
    positives: int
    rows: int
    gain: Interval
    skill: Interval
    auc: Interval
    p_value: float | None
    simpler: str | None
    simpler_gain: Interval | None
    sentence: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain dicts, for JSON."""
        return asdict(self)


def forward_signal(
    labels: np.ndarray,
    groups: np.ndarray,
    months: np.ndarray,
    probabilities: np.ndarray,
    others: Mapping[str, tuple[np.ndarray, bool]],
    publish: PublishParams,
    evaluate: EvaluateParams,
    weights: np.ndarray | None = None,
) -> Signal:
    """Judge whether a model's signal holds for later leads, and whether a simpler model would do.

    There is a signal only if all of these hold: the lower 95 % bound of the log-loss gain over the base rate is above 0; the
    lower 95 % bound of AUC is at least `publish.min_auc`; and labels permuted within month do as well with p <= 0.01, so that
    a base rate that moves from month to month is not taken for a signal about leads. With a signal, a simpler model is
    advised when the best of them is at least as good on these rows. With fewer positives than `publish.min_positives`, or
    fewer negatives, nothing is judged.

    Parameters
    ----------
    labels : ndarray
        0 or 1; matured rows later in time than all that the model learned from.
    groups : ndarray
        Account or lead of each row.
    months : ndarray of int64
        Month of each row, as `models.calibration.level_shift.month_blocks` names it.
    probabilities : ndarray of float64
        The model's.
    others : mapping of str to (ndarray of float64, bool)
        Values of baselines, and whether they are probabilities; ``base_rate`` must be among them.
    publish, evaluate
        Parameter sections.
    weights : ndarray of float64, optional
        Positive; None weighs all rows 1.
    """
    y = np.asarray(labels, dtype=np.float64)
    positives, rows = int((y == 1).sum()), len(y)
    nothing: Interval = {"value": None, "low": None, "high": None}
    w = np.ones(rows) if weights is None else weights
    base = others["base_rate"][0]
    if min(positives, rows - positives) < publish.min_positives:
        losses = (_log_loss(y, probabilities, w), _log_loss(y, base, w)) if rows else None
        sentence = too_little_sentence(positives, rows, publish.min_positives, losses)
        return Signal("too_little_data", positives, rows, nothing, nothing, nothing, None, None, None, sentence)
    gain = paired_log_loss_gain(y, probabilities, base, groups, w, evaluate)
    reference = _log_loss(y, base, w)
    skill = {key: None if value is None else value / reference for key, value in gain.items()}
    area = measure(y, probabilities, groups, w, 1, evaluate, is_probability=False)["auc"] or nothing
    p_value = permutation_p(y, groups, months, probabilities, publish.permutations, evaluate.seed)
    name, simpler_gain = _best_simpler(y, probabilities, others, groups, w, evaluate)
    failed = []
    if gain["low"] is None or gain["low"] <= 0.0:
        failed.append("skill")
    if area["low"] is None or area["low"] < publish.min_auc:
        failed.append("auc")
    if p_value > LEVEL:
        failed.append("permutations")
    if failed:
        # Better than chance and than the base rate, but not by as much as is asked: that is a signal, only too weak a one
        some = p_value <= LEVEL and (gain["value"] or 0.0) > 0.0
        code = "weak_signal" if some else "no_forward_signal"
    elif simpler_gain is not None and simpler_gain["value"] is not None and simpler_gain["value"] <= 0.0:
        code = "use_the_simpler_model"
    else:
        code = "forward_signal"
    sentence = signal_sentence(code, failed, skill, area, p_value, publish.min_auc, LEVEL, name, simpler_gain)
    return Signal(code, positives, rows, gain, skill, area, p_value, name, simpler_gain, sentence)


def _log_loss(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(w @ row_log_loss(y, p) / w.sum())


def permutation_p(
    labels: np.ndarray, groups: np.ndarray, months: np.ndarray, scores: np.ndarray, permutations: int, seed: int
) -> float:
    """Give the chance that labels permuted within month are ranked as well (by AUC) as the true ones.

    Rows of one group and month move together: their labels are exchanged as a whole with those of another group of as many
    rows in that month, so that labels stay as alike within groups as they are (Phipson and Smyth, Permutation P-values
    should never be zero, 2010, for the + 1).

    Parameters
    ----------
    labels, groups, months, scores : ndarray
        One entry per row.
    permutations, seed : int
        How many, and of the draws.

    Returns
    -------
    float
        In [1 / (permutations + 1), 1]; 1 where nothing can be exchanged.
    """
    random = np.random.default_rng(seed)
    _, block = np.unique(
        np.column_stack([np.unique(groups.astype(str), return_inverse=True)[1], months]), axis=0, return_inverse=True
    )
    order = np.lexsort((np.arange(len(labels)), block))  # rows of a block stand together
    size = np.bincount(block)
    first = np.concatenate(([0], np.cumsum(size)[:-1]))
    month = months[order][first]
    ranked = Ranked.of(labels[order], scores[order])
    position = np.empty(len(order), dtype=np.int64)
    position[ranked.order] = np.arange(len(order))
    one = np.ones((1, len(order)))

    def area(permuted: np.ndarray) -> float:
        return float(Ranked(ranked.order, ranked.ends, permuted[ranked.order]).metrics(one, 1.0)["auc"][0])

    observed = area(labels[order])
    sets = [np.flatnonzero((month == m) & (size == s)) for m, s in {(m, s) for m, s in zip(month, size, strict=True)}]
    places = [first[blocks][:, None] + np.arange(size[blocks[0]]) for blocks in sets]
    as_good = 0
    permuted = labels[order].copy()
    for _ in range(permutations):
        for rows in places:
            permuted[rows] = permuted[rows[random.permutation(len(rows))]]
        as_good += area(permuted) >= observed
    return (as_good + 1) / (permutations + 1)


def _best_simpler(
    y: np.ndarray,
    p: np.ndarray,
    others: Mapping[str, tuple[np.ndarray, bool]],
    groups: np.ndarray,
    w: np.ndarray,
    evaluate: EvaluateParams,
) -> tuple[str | None, Interval | None]:
    """Find the simpler model with the smallest log loss, else, where none gives a probability, with the largest AUC."""
    gains: list[tuple[float, str, Interval]] = []
    able = {name: others[name] for name in SIMPLER if name in others}
    with_probability = {name: pair for name, pair in able.items() if pair[1]}
    for name, (values, is_probability) in (with_probability or able).items():
        gain_over = paired_log_loss_gain if is_probability else paired_auc_gain
        gain = gain_over(y, p, values, groups, w, evaluate)
        if gain["value"] is not None:
            gains.append((gain["value"], name, gain))
    if not gains:
        return None, None
    _, name, gain = min(gains, key=lambda item: item[:2])
    return name, gain

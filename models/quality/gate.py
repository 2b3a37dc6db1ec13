"""The gate between a challenger and the champion: a pure decision from labels and probabilities on the same rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.errors import ParameterError
from models.params import EvaluateParams, PublishParams
from models.quality.metrics import paired_auc_gain, paired_log_loss_gain
from models.quality.signal import NO_SIGNAL, Signal, forward_signal

__all__ = ["Check", "GateDecision", "decide_promotion"]

Figures = dict[str, float | int | None]


@dataclass(frozen=True)
class Check:
    """One rule of the gate.

    Attributes
    ----------
    name : str
        ``positives``, ``champion``, or the name of the baseline.
    passed : bool
        Whether the challenger meets the rule.
    figures : dict
        The numbers it rests on.
    sentence : str
        The result in words.
    """

    name: str
    passed: bool
    figures: Figures
    sentence: str


@dataclass(frozen=True)
class GateDecision:
    """Whether the challenger becomes the champion, and why.

    Attributes
    ----------
    promote : bool
        True only if every check passed.
    verdict : str
        One sentence.
    checks : tuple of Check
        In the order in which they were made.
    """

    promote: bool
    verdict: str
    checks: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain dicts and lists, for JSON and for tags."""
        return asdict(self) | {"checks": [asdict(check) for check in self.checks]}


def decide_promotion(
    labels: np.ndarray,
    groups: np.ndarray,
    challenger: np.ndarray,
    champion: np.ndarray | None,
    baselines: Mapping[str, tuple[np.ndarray, bool]],
    publish: PublishParams,
    evaluate: EvaluateParams,
    months: np.ndarray,
    weights: np.ndarray | None = None,
) -> GateDecision:
    """Decide whether a challenger replaces the champion.

    It must (1) be judged on at least `publish.min_positives` positives, and as many negatives; (2) not be worse than the
    champion by more than `publish.margin`: the lower 95 % bound of its paired log-loss gain is above ``-margin``; (3) be
    significantly better than the base rate: the lower bound of the gain is above 0; (4) not be significantly worse than any
    baseline: no upper bound is below 0; (5) carry a signal that holds later in time, as `models.quality.signal.forward_signal`
    judges. A baseline that is a score without a probability is compared by AUC. Without a champion, (2) is left out. A
    comparison without an interval fails.

    Parameters
    ----------
    labels : ndarray
        0 or 1; matured rows that neither model used for training, tuning or calibration.
    groups : ndarray
        Account or lead of each row.
    challenger, champion : ndarray of float64
        Probabilities on these rows; champion None: there is none yet.
    baselines : mapping of str to (ndarray of float64, bool)
        Values per row, and whether they are probabilities. ``base_rate`` must be among them.
    publish, evaluate
        Parameter sections.
    months : ndarray of int64
        Month of each row, as `models.calibration.level_shift.month_blocks` names it.
    weights : ndarray of float64, optional
        Positive; None weighs all rows 1.

    Raises
    ------
    ParameterError
        There is no baseline ``base_rate``, or it is no probability.
    """
    if "base_rate" not in baselines or not baselines["base_rate"][1]:
        raise ParameterError(
            f"gate: baselines are {sorted(baselines)}; 'base_rate', as a probability, must be among them. Predict it as well"
        )
    positives = int((np.asarray(labels) == 1).sum())
    negatives = len(np.asarray(labels)) - positives
    enough = min(positives, negatives) >= publish.min_positives
    figures: Figures = {"positives": positives, "rows": positives + negatives, "min_positives": publish.min_positives}
    lacking = [
        kind for kind, count in (("positives", positives), ("negatives", negatives)) if count < publish.min_positives
    ]
    checks = [
        Check(
            "positives",
            enough,
            figures,
            f"{positives:,} positives and {negatives:,} negatives in rows that no model has seen: "
            f"{'too few ' + ' and '.join(lacking) if lacking else 'enough'} (at least {publish.min_positives:,} are needed).",
        )
    ]
    if not enough and positives and negatives:
        gain = paired_log_loss_gain(labels, challenger, baselines["base_rate"][0], groups, weights, evaluate)
        checks.append(_few("base_rate", gain))
    if enough:
        if champion is not None:
            gain = paired_log_loss_gain(labels, challenger, champion, groups, weights, evaluate)
            checks.append(_better("champion", "the champion", gain, -publish.margin))
        for name, (values, is_probability) in baselines.items():
            if is_probability:
                gain = paired_log_loss_gain(labels, challenger, values, groups, weights, evaluate)
            else:
                gain = paired_auc_gain(labels, challenger, values, groups, weights, evaluate)
            if name == "base_rate":
                checks.append(_better(name, "the base rate", gain, 0.0))
            else:
                checks.append(_not_worse(name, gain, "log loss" if is_probability else "AUC"))
        checks.append(
            _signal(forward_signal(labels, groups, months, challenger, baselines, publish, evaluate, weights))
        )
    failed = [check for check in checks if not check.passed]
    if failed:
        verdict = "Not promoted: " + " ".join(check.sentence for check in failed)
    else:
        verdict = f"Promoted: all {len(checks)} checks passed" + (
            "; there was no champion." if champion is None else "."
        )
    return GateDecision(not failed, verdict, tuple(checks))


def _figures(gain: dict[str, float | None]) -> str:
    if gain["low"] is None or gain["high"] is None or gain["value"] is None:
        return "could not be told"
    return f"{gain['value']:+.4f} (95 % interval {gain['low']:+.4f} to {gain['high']:+.4f})"


def _standing(gain: dict[str, float | None]) -> str:
    """Say which of two models is better, as far as the interval tells."""
    if gain["low"] is None or gain["high"] is None:
        return "Not compared with"
    if gain["low"] > 0.0:
        return "Better than"
    return "Worse than" if gain["high"] < 0.0 else "Not to be told apart from"


def _better(name: str, other: str, gain: dict[str, float | None], bound: float) -> Check:
    passed = gain["low"] is not None and gain["low"] > bound
    needed = "" if bound == 0.0 else f"; the lower bound must be above {bound:+.4f}"
    return Check(
        name, passed, {**gain, "bound": bound}, f"{_standing(gain)} {other}: log-loss gain {_figures(gain)}{needed}."
    )


def _few(name: str, gain: dict[str, float | None]) -> Check:
    worse = (gain["value"] or 0.0) < 0.0
    words = "Worse than the base rate" if worse else "Too few rows to tell whether it is better than the base rate"
    return Check(name, not worse, {**gain}, f"{words}: log-loss gain {_figures(gain)}.")


def _not_worse(name: str, gain: dict[str, float | None], metric: str) -> Check:
    passed = gain["high"] is not None and gain["high"] >= 0.0
    other = name.replace("_", " ")
    return Check(name, passed, {**gain}, f"{_standing(gain)} the baseline {other}: {metric} gain {_figures(gain)}.")


def _signal(signal: Signal) -> Check:
    figures: Figures = {
        "auc": signal.auc["value"],
        "auc_low": signal.auc["low"],
        "skill": signal.skill["value"],
        "skill_low": signal.skill["low"],
        "p_value": signal.p_value,
    }
    return Check("signal", signal.code not in NO_SIGNAL, figures, signal.sentence["en"])

"""The models of hand-over timing as a bundle keeps them: text and JSON, and the one function that predicts with them."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from features.errors import BundleError, JourneyError
from features.timeline import to_micros
from models.bundle_files import finite_numbers, is_number, parse_object, read_text
from models.fitting.classifier import Classifier
from models.timing.policy import hold_back
from models.trees.model_text import CROSS_ENTROPY

__all__ = ["FACTS", "MOST_ASSETS", "MOST_NEXT", "STEP_DAYS", "TIMING", "Chances", "Spread", "Timing", "read_timing"]

TIMING = "timing.json"
STEP_DAYS = 7
MOST_STEPS = 4
LARGEST_SPREAD = 20.0
MOST_ASSETS, MOST_NEXT = 300, 3
FACTS: dict[str, tuple[float, float]] = {
    "horizon_days": (1, 3_660),
    "hold": (0.0, 10.0),
    "hold_days": (0, 3_660),
    "longest_wait_days": (0.0, 36_600.0),
    "price_days": (0.0, 3_660),
    "price": (0.0, 1.0),
    "slots_per_week": (0.0, 1e9),
    "z": (0.0, 10.0),
    "contact_cost": (0.0, 1.0),
    "too_early_cost": (0.0, 1.0),
    "explore_share": (0.0, 0.5),
}
"""What `Timing.facts` must say, and within which bounds. `price_at` comes on top: the moment that the price is of."""


class Chances(NamedTuple):
    """Chances of first contacts, row for row.

    Attributes
    ----------
    now, now_low, now_high : ndarray of float64 [rows]
        P(qualified within the horizon | first contact now), and its interval.
    later, later_low, later_high : ndarray of float64 [steps, rows]
        The same if first contacted 7, 14, ... days later and not before.
    """

    now: np.ndarray
    now_low: np.ndarray
    now_high: np.ndarray
    later: np.ndarray
    later_low: np.ndarray
    later_high: np.ndarray


@dataclass(frozen=True)
class Spread:
    """How far log-odds would move with other training accounts, by their level.

    Attributes
    ----------
    edges : tuple of float
        Log-odds between neighbouring levels, ascending.
    sd : tuple of float
        Standard deviation of each level; one more than edges.
    """

    edges: tuple[float, ...]
    sd: tuple[float, ...]

    LEVELS = 10

    @classmethod
    def fit(cls, by_fold: np.ndarray) -> "Spread":
        """Measure it by leaving out one fold of accounts at a time (the delete-a-group jackknife).

        Parameters
        ----------
        by_fold : ndarray of float64 [folds, rows]
            Log-odds by each fold's model.
        """
        folds = len(by_fold)
        mean = by_fold.mean(axis=0)
        variance = (folds - 1) / folds * ((by_fold - mean) ** 2).sum(axis=0)
        edges = np.unique(np.quantile(mean, np.arange(1, cls.LEVELS) / cls.LEVELS))
        level = np.searchsorted(edges, mean, side="right")
        overall = float(variance.mean())
        sd = [
            float(np.sqrt(variance[level == k].mean() if (level == k).any() else overall))
            for k in range(len(edges) + 1)
        ]
        return cls(tuple(map(float, edges)), tuple(sd))

    def of(self, log_odds: np.ndarray) -> np.ndarray:
        """Give the standard deviation at each row's level."""
        return np.asarray(np.array(self.sd)[np.searchsorted(np.array(self.edges), log_odds, side="right")])

    @classmethod
    def from_json(cls, value: Any) -> "Spread":
        """Read it; raises ValueError where it is none."""
        edges = finite_numbers(value["edges"], "edges", 1e6)
        sd = finite_numbers(value["sd"], "sd", LARGEST_SPREAD)
        if len(sd) != len(edges) + 1 or min(sd) < 0.0 or list(edges) != sorted(edges):
            raise ValueError("edges and sd do not fit together")
        return cls(edges, sd)


@dataclass(frozen=True, eq=False)
class Timing:
    """Models of when to call.

    Attributes
    ----------
    now : Classifier
        Log-odds of a first contact now.
    later : tuple of Classifier
        What 7, 14, ... days of waiting add to them.
    spreads : tuple of Spread
        Of now, and of each wait.
    facts : mapping
        Numbers as `FACTS` lists them, and `price_at`, an ISO moment.
    next_content : mapping of str to tuple of str
        Asset that a lead looked at last to those that leads with the same one looked at next before they were qualified.
    """

    now: Classifier
    later: tuple[Classifier, ...]
    spreads: tuple[Spread, ...]
    facts: Mapping[str, Any]
    next_content: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def days(self) -> tuple[int, ...]:
        """Days of each wait."""
        return tuple(STEP_DAYS * (step + 1) for step in range(len(self.later)))

    @property
    def price_at(self) -> int:
        """The moment that the price of training is of, in UTC microseconds."""
        return to_micros(dt.datetime.fromisoformat(self.facts["price_at"]), "price_at")

    def predict(self, matrix: np.ndarray) -> Chances:
        """Give the chances of feature rows; no row depends on another.

        Parameters
        ----------
        matrix : ndarray of float32 [rows, features]
            In catalog order.
        """
        z = float(self.facts["z"])
        base = self.now.predict_log_odds(matrix)
        waits = [base + model.predict_log_odds(matrix) for model in self.later]
        levels = []
        for log_odds, spread in zip((base, *waits), self.spreads, strict=True):
            half = z * spread.of(log_odds)
            levels.append([1.0 / (1.0 + np.exp(-values)) for values in (log_odds, log_odds - half, log_odds + half)])
        now, *later = levels
        return Chances(*now, *(np.stack(values) for values in zip(*later, strict=True)))

    def holds(self, chances: Chances, age_days: np.ndarray) -> np.ndarray:
        """Tell which leads gain by waiting, see `policy.hold_back`.

        Parameters
        ----------
        chances : Chances
        age_days : ndarray of float64 [rows]
            Days since each lead was queued.
        """
        facts = self.facts
        return hold_back(
            chances.now,
            chances.later,
            age_days,
            facts["hold"],
            facts["hold_days"],
            facts["contact_cost"],
            facts["too_early_cost"],
        )

    def texts(self) -> dict[str, str]:
        """Give the files of the models, by name."""
        content = {
            "steps": len(self.later),
            "spreads": [{"edges": list(s.edges), "sd": list(s.sd)} for s in self.spreads],
            "facts": dict(self.facts),
            "next_content": {asset: list(following) for asset, following in self.next_content.items()},
        }
        files = {TIMING: json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"}
        for name, model in zip(_names(len(self.later)), (self.now, *self.later), strict=True):
            files[name] = model.to_text()
        return files

    @classmethod
    def read(cls, read: Callable[[str], str], names: Sequence[str]) -> "Timing | None":
        """Read the models; the texts are data, reading them runs no code.

        Parameters
        ----------
        read : callable
            Gives a file's text by its name.
        names : sequence of str
            The catalog's columns.

        Returns
        -------
        Timing or None
            None: the file says that there are no such models.

        Raises
        ------
        BundleError
            If a file is no such model.
        """
        text = read(TIMING)
        if text == "null\n":
            return None
        content = parse_object(text, TIMING)
        steps = content.get("steps")
        try:
            if type(steps) is not int or not 1 <= steps <= MOST_STEPS:
                raise ValueError(f"steps is {steps!r:.40}, expected 1 to {MOST_STEPS}")
            spreads = tuple(Spread.from_json(value) for value in content["spreads"])
            facts = content["facts"]
            wrong = [name for name, bounds in FACTS.items() if not is_number(facts.get(name), *bounds)]
            following = _next_content(content["next_content"])
            to_micros(dt.datetime.fromisoformat(facts["price_at"]), "price_at")
            if len(spreads) != steps + 1 or wrong:
                raise ValueError(f"spreads or {', '.join(wrong) or 'facts'} are missing or out of range")
        except (KeyError, TypeError, ValueError, AttributeError, JourneyError) as error:
            raise BundleError(f"{TIMING}: {error}. Fetch the bundle again, or train anew.") from error
        models = []
        for name in _names(steps):
            try:
                models.append(Classifier.from_text(read(name), names, CROSS_ENTROPY))
            except BundleError as error:
                raise BundleError(str(error).replace("model.txt", name)) from error
        return cls(models[0], tuple(models[1:]), spreads, facts, following)


def _next_content(value: Any) -> dict[str, tuple[str, ...]]:
    """Read it; raises ValueError where it is none."""
    if not isinstance(value, dict) or len(value) > MOST_ASSETS:
        raise ValueError(f"next_content is no object of at most {MOST_ASSETS} assets")
    for assets in value.values():
        if not isinstance(assets, list) or len(assets) > MOST_NEXT or not all(isinstance(item, str) for item in assets):
            raise ValueError(f"next_content holds something else than lists of at most {MOST_NEXT} assets")
    return {asset: tuple(assets) for asset, assets in value.items()}


def _names(steps: int) -> list[str]:
    return ["timing_now.txt", *(f"timing_wait_{STEP_DAYS * (step + 1)}.txt" for step in range(steps))]


def read_timing(folder: Path, names: Sequence[str]) -> Timing | None:
    """Read the models from the folder that the stage `timing` wrote; None: there are none."""
    return Timing.read(lambda name: read_text(folder / name).decode("utf-8"), names)

"""The test by segment, fairness, and how far the population moved, as the stage `segments` writes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.bundle import Bundle
from models.calibration.tiers import tier
from models.fitting.prior_correction import population_weights
from models.fitting.row_weights import row_groups
from models.monitoring.stability import population_stability
from models.params import EvaluateParams
from models.presentation.catalogues import LANGUAGES
from models.quality.fairness import fairness
from models.quality.segments import segments

__all__ = ["ALL", "measure_segments", "most_used", "population"]

ALL = "all"  # all rows as one segment
TOP = 12


def measure_segments(
    test: pd.DataFrame,
    by: Mapping[str, pd.Categorical],
    protected: Mapping[str, pd.Categorical],
    cutoffs: dict[str, float],
    capacity: int,
    min_positives: int,
    evaluate: EvaluateParams,
    rates: tuple[float, float | None] = (0.5, None),
) -> dict[str, Any]:
    """Measure the test's headline rows by segment, and compare how segments are treated.

    Parameters
    ----------
    test : DataFrame
        The test's headline rows of `predictions.parquet`.
    by, protected : mapping of str to Categorical
        Dimension to the value of each row of `test`: by what to cut, and between whose values treatment is compared.
    cutoffs : dict
        Of the tiers.
    capacity : int
        Rows that sales can work, of the test's headline rows.
    min_positives : int
        A segment with fewer positives, or negatives, is counted and not measured.
    evaluate : EvaluateParams
        Bootstrap settings.
    rates : pair of float
        Share of positives among the rows trained on, and in the population; None: the same, and all rows count the same.

    Returns
    -------
    dict
        ``min_positives``, ``all`` (rows as one segment), ``by`` and ``fairness``, as `models.quality.segments.segments` and
        `models.quality.fairness.fairness` return them, and how many gaps were looked at (``compared``), lie apart from
        0 (``apart``), and still do among so many (``flagged``).
    """
    labels = test["label"].to_numpy(dtype=np.float64)
    probability = test["probability"].to_numpy(dtype=np.float64)
    groups = row_groups(test)
    weights = population_weights(labels, *rates)
    measured = segments(labels, probability, groups, by, capacity, evaluate, min_positives, weights)
    whole: pd.Categorical[Any] = pd.Categorical([ALL] * len(test))
    overall = segments(labels, probability, groups, {ALL: whole}, capacity, evaluate, min_positives, weights)[ALL][0]
    tier_ab = np.isin(tier(probability, cutoffs), ("A", "B"))
    cells = [cell for found in measured.values() for cell in found if cell["measured"]]
    return {
        "min_positives": min_positives,
        "compared": len(cells),
        "apart": sum(cell["apart"] for cell in cells),
        "flagged": sum(cell["flagged"] for cell in cells),
        "all": overall,
        "by": measured,
        "fairness": fairness(
            labels, probability, groups, protected, capacity, tier_ab, evaluate, min_positives, weights
        ),
    }


def most_used(bundle: Bundle) -> list[str]:
    """Name the features that the model uses most, best first."""
    gains = bundle.classifier.importance()
    return sorted((name for name in gains if gains[name] > 0), key=lambda name: (-gains[name], name))[:TOP]


def population(predictions: pd.DataFrame, values: pd.DataFrame, bundle: Bundle) -> list[dict[str, Any]]:
    """Compare the test's headline rows with those of training: the probability, and the most used features.

    Parameters
    ----------
    predictions : DataFrame
        All rows of `predictions.parquet`.
    values : DataFrame
        lead_id, snapshot_at and the features of `most_used`, for at least those rows.
    bundle : Bundle
        Says which features are used most.

    Returns
    -------
    list of dict
        ``feature`` (``probability`` first), ``psi``, ``chance``, and the features' ``text_en`` and ``text_de``.
    """
    names = most_used(bundle)
    headline = predictions.loc[
        predictions["is_headline"] & predictions["slice"].isin(("train", "test")),
        ["lead_id", "snapshot_at", "slice", "probability"],
    ]
    rows = headline.merge(values, on=["lead_id", "snapshot_at"], how="left", validate="one_to_one")
    words = {feature.name: feature for feature in bundle.catalog.features}
    found = []
    for name in ("probability", *names):
        before, after = (rows.loc[rows["slice"] == part, name].to_numpy(dtype=np.float64) for part in ("train", "test"))
        text = {f"text_{code}": words[name].meaning(code) for code in LANGUAGES} if name in words else {}
        found.append({"feature": name, **population_stability(before, after), **text})
    return found

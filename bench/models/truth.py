"""How far from the truth: the simulator knows the probability that each test row really had.

The expected log loss of a probability ``p`` where the truth is ``t`` is ``-(t ln p + (1 - t) ln(1 - p))``. The truth's own is
the least that anyone can reach; what lies above it is the gap (the Kullback-Leibler divergence), free of the outcomes' luck.
"""

from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from bench.models.contenders import CONTENDERS, NOT_PROBABILITIES
from bench.models.learning_curve import draw_leads, positive_leads, predictions
from bench.models.sets import ModelSet
from features.errors import DataError
from models.fitting.row_weights import row_groups
from models.params import EvaluateParams
from models.quality.bootstrap import interval, resample_weights

__all__ = ["expected_log_loss", "gap", "gap_table", "truth_gap"]

TIMES = 20
DRAWS = 4
SEED = 29
CLIP = 1e-15


def expected_log_loss(truth: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Give the log loss that is to be expected of each row, in nats.

    Examples
    --------
    >>> expected_log_loss(np.array([0.5, 0.0]), np.array([0.5, 0.0])).round(4).tolist()
    [0.6931, 0.0]
    """
    p = np.clip(probability, CLIP, 1.0 - CLIP)
    return np.asarray(-(truth * np.log(p) + (1.0 - truth) * np.log1p(-p)))


def gap(
    truth: np.ndarray, probability: np.ndarray, groups: np.ndarray, params: EvaluateParams
) -> dict[str, float | None]:
    """Average what lies above the truth's own expected log loss, with its 95 % interval over groups."""
    above = expected_log_loss(truth, probability) - expected_log_loss(truth, truth)
    ones = np.ones(len(truth))
    blocks = [b @ above / b.sum(axis=1) for b in resample_weights(groups, ones, params.bootstrap, params.seed)]
    return interval(float(above.mean()), np.concatenate(blocks))


def read_truth(some: ModelSet) -> np.ndarray:
    """Find the true probability of every headline row of the test.

    Raises
    ------
    DataError
        A row has none.
    """
    column = f"true_probability_{some.params.labels.label_days}d"
    file = some.data / "truth" / "snapshot_truth.parquet"
    known = pd.read_parquet(file, columns=["lead_id", "snapshot_at", column])
    known["lead_id"] = known["lead_id"].astype(str)
    rows = some.frame.iloc[some.test][["lead_id", "snapshot_at"]].astype({"lead_id": str})
    found = rows.merge(known, on=["lead_id", "snapshot_at"], how="left", validate="one_to_one")[column].to_numpy()
    if np.isnan(found).any():
        raise DataError(f"{file}: {int(np.isnan(found).sum())} test rows have no true probability. Simulate again")
    return np.asarray(found, dtype=np.float64)


def truth_gap(some: ModelSet, scores: dict[str, np.ndarray]) -> dict[str, Any]:
    """Measure the gap of every contender, and of the product trained on a twentieth of the leads and on all of them.

    Returns
    -------
    dict
        floor: the truth's own expected log loss; gaps: contender to value, low, high; times, small, all, draws: the product's
        gap on one in `times` of the leads (mean over draws) and on all, both cross-fitted with the present parameters.
    """
    truth = read_truth(some)
    groups, params = row_groups(some.frame.iloc[some.test]), some.params.evaluate
    gaps = {name: gap(truth, p, groups, params) for name, p in scores.items() if name not in NOT_PROBABILITIES}
    leads, _ = positive_leads(some)
    small = []
    for draw in range(DRAWS):
        chosen = np.random.default_rng([SEED, draw]).choice(leads, len(leads) // TIMES, replace=False)
        small.append(gap(truth, predictions(draw_leads(some, chosen))["product"], groups, params))
    whole = gap(truth, predictions(draw_leads(some, leads))["product"], groups, params)
    return {
        "floor": float(expected_log_loss(truth, truth).mean()),
        "gaps": gaps,
        "times": TIMES,
        "draws": DRAWS,
        "leads": len(leads),
        "small": {end: float(np.mean([found[end] or 0.0 for found in small])) for end in ("value", "low", "high")},
        "all": whole,
    }


def gap_table(found: dict[str, Any]) -> Table:
    """Lay out the gaps; one row per contender and per size."""
    table = Table(title=f"simulator: expected log loss above the truth's own {found['floor']:.4f}, 95 % intervals")
    table.add_column("")
    table.add_column("gap", justify="right")
    rows = [(CONTENDERS[name], values) for name, values in found["gaps"].items()]
    rows.append(
        (f"product, {found['leads'] // found['times']:,} leads, mean of {found['draws']} draws", found["small"])
    )
    rows.append((f"product, {found['times']}x that: {found['leads']:,} leads", found["all"]))
    for words, values in rows:
        table.add_row(words, f"{values['value']:.4f} ({values['low']:.4f}..{values['high']:.4f})")
    return table

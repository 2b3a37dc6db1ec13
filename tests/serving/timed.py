"""The small bundle with models of when to call: who read prices is ready and cools down, all others become so within a week."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from features.timeline import from_micros
from models.bundle import Bundle
from models.fitting.timing import fit_timing
from models.params import TrainParams
from models.timing.model import Spread, Timing
from models.timing.rows import STAYED, Calls, QueueWeeks
from tests.serving.running import make_leads, offline_matrix

__all__ = ["timed"]

READY, NOT_READY = 0.5, 0.1
FACTS: Mapping[str, Any] = {
    "horizon_days": 60, "hold": 0.05, "hold_days": 28, "longest_wait_days": 40.0, "price": 0.3, "price_days": 8,
    "slots_per_week": 2.0, "z": 1.0, "contact_cost": 0.0, "too_early_cost": 0.0, "explore_share": 0.0,
}  # fmt: skip


def timed(
    bundle: Bundle, price_at: int, next_content: Mapping[str, tuple[str, ...]] | None = None, **facts: Any
) -> Bundle:
    """Give the bundle models of timing, with the price of training as of a moment, and other facts than usual."""
    timing = replace(
        _timing(bundle),
        facts={**FACTS, "price_at": from_micros(price_at).isoformat(), **facts},
        next_content=next_content or {},
    )
    metadata = {**bundle.metadata, "risk_set": "mql", "expire_days": 180, "no_timing": None}
    return replace(bundle, timing=timing, metadata=metadata)


@cache
def _timing(bundle: Bundle) -> Timing:
    matrix = offline_matrix(make_leads(300, seed=8), bundle.catalog)
    ready = matrix[:, bundle.catalog.positions["count__pricing__28d"]] > 0
    names = np.array([f"A{row}" for row in range(len(matrix))], dtype=object)
    random = np.random.default_rng(3)
    label = (random.random(len(matrix)) < np.where(ready, READY, NOT_READY)).astype(float)
    ripe, green = np.flatnonzero(ready), np.flatnonzero(~ready)
    queue = QueueWeeks(
        matrix=matrix,
        became=np.full(len(matrix), STAYED, dtype=np.int8),
        next_week=np.where(ready, random.choice(green, len(matrix)), random.choice(ripe, len(matrix))),
        call=np.full(len(matrix), -1),
        value=np.full(len(matrix), np.nan),
        group=names,
    )
    train = TrainParams(num_threads=1, num_leaves=4, min_data_in_leaf=20, feature_fraction=1.0)
    catalog = bundle.catalog
    fitted = fit_timing(Calls(matrix, label, names), queue, catalog.names, catalog.categorical, train, folds=2)
    spreads = tuple(Spread((), (0.05,)) for _ in range(1 + len(fitted.later)))
    return Timing(fitted.now.model, tuple(step.model for step in fitted.later), spreads, FACTS)

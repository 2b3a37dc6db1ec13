"""From canonical tables of some whole accounts to scores: what every engine calls, wherever it got the tables from."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from models.bundle import Bundle
from models.scoring import Score, score
from pipeline.attribute_history import History
from pipeline.feature_rows import attributes_of, journeys_of, snapshots_of

__all__ = ["REASONS", "SCORES", "row_of", "score_rows"]

REASONS = 3

SCORES = pa.schema(
    [
        *((name, pa.string()) for name in ("lead_id", "snapshot_at")),
        *((name, pa.float64()) for name in ("probability", "low", "high")),
        ("tier", pa.string()),
        *((name, pa.float64()) for name in ("fit", "engagement")),
        *((name, pa.string()) for name in ("reasons", "not_scored")),
    ]
)
"""The columns of the answer; snapshot_at in ISO 8601, reasons joined by "; "."""


def score_rows(
    bundle: Bundle,
    tables: Mapping[str, pa.Table],
    lead_ids: list[str],
    snapshots: pd.DataFrame,
    recorded: History | None = None,
    language: str = "en",
) -> pa.Table:
    """Score leads with tiers and reasons; one row per snapshot, in their order.

    Parameters
    ----------
    bundle : Bundle
        The model.
    tables, lead_ids, snapshots, recorded
        As for `feature_rows`.
    language : {"en", "de"}
        Of the reasons.

    Returns
    -------
    Table
        As `SCORES`.
    """
    catalog = bundle.catalog
    journeys = journeys_of(tables, lead_ids, catalog.role_attribute, recorded)
    values = attributes_of(tables, snapshots, catalog, recorded)
    looks = snapshots_of(lead_ids, snapshots)
    scores = score(bundle, journeys, looks, values, n_reasons=REASONS, language=language)
    return pa.Table.from_pylist([row_of(item) for item in scores], SCORES)


def row_of(item: Score) -> dict[str, Any]:
    """Write one score as a row of `SCORES`."""
    return {
        "lead_id": item.lead_id,
        "snapshot_at": pd.Timestamp(item.snapshot_at, unit="us", tz="UTC").isoformat(),
        "probability": item.probability,
        "low": item.low,
        "high": item.high,
        "tier": item.tier,
        "fit": item.fit,
        "engagement": item.engagement,
        "reasons": "; ".join(reason.text for reason in item.reasons),
        "not_scored": item.not_scored,
    }

"""From a fitted product to the bundle that holds it, and to what it says of every row that it was made from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import Catalog
from models.answers.scoring import probabilities
from models.bundle import Bundle
from models.fitting.recipe import Product
from models.fitting.row_weights import sample_rate
from models.fitting.splits import FITTED
from models.monitoring.reference import fit_reference

__all__ = ["pack", "training_facts"]


def training_facts(frame: pd.DataFrame, product: Product) -> dict[str, Any]:
    """Say what rows a product was made from, and what it needed.

    Parameters
    ----------
    frame : DataFrame
        lead_id, snapshot_at, is_headline, slice, label.
    product : Product
        Fitted on them.
    """
    used = frame[frame["slice"].isin(FITTED)]
    return {
        "rows": len(used),
        "leads": int(used["lead_id"].nunique()),
        "positives": int(used["label"].sum()),
        "base_rate": sample_rate(frame),
        "capacity_cutoff": product.capacity_cutoff,
        "data_used_from": used["snapshot_at"].min().isoformat(),
        "data_used_until": used["snapshot_at"].max().isoformat(),
        "rounds": product.rounds,
        "ladder": product.ladder,
    }


def pack(
    product: Product, matrix: np.ndarray, frame: pd.DataFrame, catalog: Catalog, metadata: Mapping[str, Any]
) -> tuple[Bundle, dict[str, np.ndarray]]:
    """Make the bundle, with what the rows looked like, and predict every row with it.

    Parameters
    ----------
    product : Product
        From `models.fitting.recipe.fit_product`.
    matrix : ndarray of float32 [rows, features]
        In catalog order.
    frame : DataFrame
        Row for row: is_headline, slice.
    catalog : Catalog
        Of the columns.
    metadata : mapping
        Plain JSON values.

    Returns
    -------
    bundle : Bundle
    predictions : dict of str to ndarray of float64
        ``probability``, ``low``, ``high`` and ``raw_log_odds``.
    """
    bundle = Bundle(
        classifier=product.classifier,
        uncertainty=product.uncertainty,
        calibration=product.calibration,
        cutoffs=product.cutoffs,
        catalog=catalog,
        metadata=dict(metadata),
    )
    probability, low, high = probabilities(bundle, matrix)
    headline = frame["is_headline"].to_numpy(dtype=bool)
    unseen = (frame["slice"] == "test").to_numpy()
    known = [len(catalog.features[column].categories) + 1 for column in catalog.categorical]
    fitted = matrix[headline & frame["slice"].isin(FITTED).to_numpy()]
    reference = fit_reference(fitted, probability[headline & unseen], catalog.categorical, known)
    predictions = {
        "probability": probability.astype(np.float64),
        "low": low.astype(np.float64),
        "high": high.astype(np.float64),
        "raw_log_odds": product.classifier.predict_log_odds(matrix),
    }
    return replace(bundle, reference=reference), predictions

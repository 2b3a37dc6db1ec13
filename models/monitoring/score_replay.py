"""Computing logged scores again, bit by bit, from the feature vector that stands beside each of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.answers.scoring import probabilities
from models.bundle import Bundle
from models.calibration.tiers import tier
from models.monitoring.score_log import vector_hash

__all__ = ["Difference", "replay"]

FIGURES = ("probability", "low", "high")
WIDE = "too_little_data"


@dataclass(frozen=True)
class Difference:
    """One way in which a logged row is not what its vector and bundle give.

    Attributes
    ----------
    lead_id : str
        As the log has it.
    scored_at : str
        ISO 8601.
    field : str
        ``features``, a figure, ``tier`` or ``not_scored``.
    logged, computed : object
        As plain values; of figures the shortest text that gives the same float32.
    """

    lead_id: str
    scored_at: str
    field: str
    logged: Any
    computed: Any


def replay(bundle: Bundle, table: pa.Table) -> list[Difference]:
    """Compute rows of the score log again and compare every bit.

    Parameters
    ----------
    bundle : Bundle
        The one that the rows name.
    table : Table
        Rows of the log, all of this bundle.

    Returns
    -------
    list of Difference
        Empty: each row is what the bundle answers to its vector.
    """
    width = table.schema.field("features").type.list_size
    if width != len(bundle.catalog):
        rows = table.select(["lead_id", "scored_at"]).to_pylist()
        return [_difference(row, "features", f"{width} features", f"{len(bundle.catalog)} features") for row in rows]
    matrix = table["features"].combine_chunks().flatten().to_numpy().reshape(-1, width)
    computed = dict(zip(FIGURES, probabilities(bundle, matrix), strict=True))
    tiers = tier(computed["probability"], bundle.cutoffs)
    too_wide = computed["high"] - computed["low"] > bundle.calibration.widest
    found: list[Difference] = []
    for k, row in enumerate(table.drop_columns(["features"]).to_pylist()):
        digest = vector_hash(matrix[k])
        if row["features_sha256"] != digest:
            found.append(_difference(row, "features", row["features_sha256"], digest))
        found += _row(row, {name: computed[name][k] for name in FIGURES}, str(tiers[k]), bool(too_wide[k]))
    return found


def _row(row: dict[str, Any], figures: dict[str, np.float32], letter: str, too_wide: bool) -> list[Difference]:
    """Compare one row; a lead that was not scored for what it did has no figure to compare."""
    why = row["not_scored"]
    if why is not None or too_wide:
        expected = WIDE if too_wide else None
        same = why == expected or (why not in (None, WIDE))
        return [] if same else [_difference(row, "not_scored", why, expected)]
    found = [
        _difference(row, name, _shown(row[name]), _shown(value))
        for name, value in figures.items()
        if row[name] is None or np.float32(row[name]).tobytes() != value.tobytes()
    ]
    return found if row["tier"] == letter else [*found, _difference(row, "tier", row["tier"], letter)]


def _shown(value: Any) -> str | None:
    return None if value is None else str(np.float32(value))


def _difference(row: dict[str, Any], field: str, logged: Any, computed: Any) -> Difference:
    return Difference(str(row["lead_id"]), row["scored_at"].isoformat(), field, logged, computed)

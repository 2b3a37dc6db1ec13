"""Two made-up leads in the form that the logged model takes."""

import datetime as dt
import json
from typing import Any

import pandas as pd

from features.attributes import AttributeSpec
from features.catalog import Catalog

__all__ = ["example_frame"]

SNAPSHOT_AT = dt.datetime(2025, 3, 3, 9, 30, tzinfo=dt.UTC)


def example_frame(catalog: Catalog) -> pd.DataFrame:
    """Make leads with kinds, channels and categories that the catalog knows; one row per lead.

    Parameters
    ----------
    catalog : Catalog
        Of the model.

    Returns
    -------
    DataFrame
        lead_id, snapshot_at (ISO 8601 with offset), and as JSON text attributes, account_attributes, touchpoints,
        stage_changes. The same catalog gives the same rows.
    """
    kinds = catalog.known_kinds or ("page_view",)
    channels = catalog.known_channels or (None,)

    def moment(days: float) -> str:
        return (SNAPSHOT_AT - dt.timedelta(days=days)).isoformat()

    touchpoints: list[dict[str, Any]] = [
        {"occurred_at": moment(1.5 + 3 * i), "kind": kind, "channel": channels[i % len(channels)]}
        for i, kind in enumerate(kinds[:4])
    ]
    leads = [
        ("example-1", touchpoints[:1], [{"stage": "mql", "occurred_at": moment(1)}]),
        (
            "example-2",
            touchpoints,
            [{"stage": "inquiry", "occurred_at": moment(20)}, {"stage": "mql", "occurred_at": moment(2)}],
        ),
    ]
    return pd.DataFrame(
        [
            {
                "lead_id": lead_id,
                "snapshot_at": SNAPSHOT_AT.isoformat(),
                "attributes": json.dumps(_values(catalog.attributes, "lead")),
                "account_attributes": json.dumps(_values(catalog.attributes, "account")),
                "touchpoints": json.dumps(journey),
                "stage_changes": json.dumps(stages),
            }
            for lead_id, journey, stages in leads
        ]
    )


def _values(specs: tuple[AttributeSpec, ...], entity: str) -> dict[str, Any]:
    typical: dict[str, Any] = {"number": 1.0, "boolean": True}
    return {
        spec.name: typical.get(spec.type, spec.categories[0] if spec.categories else None)
        for spec in specs
        if spec.entity == entity
    }

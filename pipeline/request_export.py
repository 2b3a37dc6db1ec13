"""Leads of the canonical tables as the requests a CRM would send; the opposite way of the service's edge."""

from pathlib import Path
from typing import Any

import pandas as pd

from features.attributes import AttributeSpec
from pipeline.build_features import read_attribute_values
from pipeline.engines.batches import rows_of_leads
from pipeline.files import records
from pipeline.tables import read_table

__all__ = ["lead_requests"]

TOUCHPOINT_FIELDS = (
    "touchpoint_id",
    "occurred_at",
    "recorded_at",
    "kind",
    "channel",
    "asset",
    "campaign",
    "value",
    "by",
)


def lead_requests(canonical: Path, snapshots: pd.DataFrame, specs: tuple[AttributeSpec, ...]) -> list[dict[str, Any]]:
    """Write each snapshot as one entry of the `leads` of `POST /score`, with all the lead's touchpoints, later ones too.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    specs : tuple of AttributeSpec
        The attributes that the model takes, as its catalog lists them.

    Returns
    -------
    list of dict
        Ready for JSON; times are ISO 8601 in UTC; a missing value is left out.
    """
    lead_ids = sorted(set(snapshots["lead_id"]))
    touchpoints = _by_lead(canonical, "touchpoints", lead_ids)
    stages = _by_lead(canonical, "stage_changes", lead_ids)
    created = rows_of_leads(canonical / "leads.parquet", lead_ids).set_index("lead_id")["created_at"]
    declared = read_table(canonical / "attributes.parquet", "attributes").to_pandas()
    declared = declared[declared["attribute"].isin([spec.name for spec in specs])]
    values = read_attribute_values(canonical, snapshots, declared)
    of_lead = {spec.name for spec in specs if spec.entity == "lead"}

    requests = []
    attributes: list[dict[str, Any]] = records(values)
    for known_or_not, row in zip(attributes, records(snapshots), strict=True):
        known = {name: value for name, value in known_or_not.items() if not pd.isna(value)}
        request: dict[str, Any] = {
            "lead_id": row["lead_id"],
            "snapshot_at": _iso(row["snapshot_at"]),
            "created_at": _iso(created[row["lead_id"]]),
            "attributes": {name: _plain(value) for name, value in known.items() if name in of_lead},
            "touchpoints": [_record(item, TOUCHPOINT_FIELDS) for item in touchpoints.get(row["lead_id"], [])],
            "stage_changes": [
                _record(item, ("stage", "occurred_at", "recorded_at")) for item in stages.get(row["lead_id"], [])
            ],
        }
        if not pd.isna(row["account_id"]):
            request["account"] = {
                "account_id": row["account_id"],
                "attributes": {name: _plain(value) for name, value in known.items() if name not in of_lead},
            }
        requests.append(request)
    return requests


def _by_lead(canonical: Path, name: str, lead_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    path = canonical / f"{name}.parquet"
    if not path.exists():
        return {}
    rows = rows_of_leads(path, lead_ids)
    return {str(lead_id): records(group) for lead_id, group in rows.groupby("lead_id")}


def _record(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: _plain(row[field]) for field in fields if field in row and not pd.isna(row[field])}


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return _iso(value)
    return value.item() if hasattr(value, "item") else value


def _iso(moment: pd.Timestamp) -> str:
    return moment.isoformat().replace("+00:00", "Z")

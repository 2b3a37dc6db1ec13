"""Leads of the canonical tables as the requests a CRM would send; the opposite way of the service's edge."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from features.catalog import Catalog
from features.vocabulary import TOUCHPOINT_FIELDS
from pipeline.population.attribute_history import first_known, read_attribute_values
from pipeline.tables.duckdb import connect
from pipeline.tables.json_files import records
from pipeline.tables.parquet import read_table

__all__ = ["lead_requests"]

TOUCHPOINT_NAMES = tuple(field.name for field in TOUCHPOINT_FIELDS)
STAGE_FIELDS = ("stage", "occurred_at", "recorded_at")
ORDER_FIELDS = ("ordered_at", "amount", "product")


def lead_requests(canonical: Path, snapshots: pd.DataFrame, catalog: Catalog) -> list[dict[str, Any]]:
    """Write each snapshot as one entry of the `leads` of `POST /score`, with all the lead's touchpoints, later ones too.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    catalog : Catalog
        What the model takes: attributes, and where it looks at them colleagues and orders.

    Returns
    -------
    list of dict
        Ready for JSON; times are ISO 8601 in UTC; a missing value is left out.
    """
    groups, specs = catalog.params.groups, catalog.attributes
    people = _people(canonical, snapshots, catalog.role_attribute, colleagues="account" in groups)
    lead_ids = people["lead_id"].tolist()
    touchpoints = _by(canonical, "touchpoints", "lead_id", lead_ids)
    stages = _by(canonical, "stage_changes", "lead_id", lead_ids)
    accounts = sorted(set(snapshots["account_id"].dropna()))
    orders = _by(canonical, "orders", "account_id", accounts) if "orders" in groups else {}
    created = people.set_index("lead_id")["created_at"]
    members = {str(account): records(group) for account, group in people.groupby("account_id")}
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
            "touchpoints": [_record(item, TOUCHPOINT_NAMES) for item in touchpoints.get(row["lead_id"], [])],
            "stage_changes": [_record(item, STAGE_FIELDS) for item in stages.get(row["lead_id"], [])],
        }
        if not pd.isna(row["account_id"]):
            others = [person for person in members[row["account_id"]] if person["lead_id"] != row["lead_id"]]
            request["account"] = {
                "account_id": row["account_id"],
                "attributes": {name: _plain(value) for name, value in known.items() if name not in of_lead},
                "touchpoints": [
                    {**_record(item, TOUCHPOINT_NAMES), **_identity(person, row["snapshot_at"])}
                    for person in others
                    for item in touchpoints.get(person["lead_id"], [])
                ],
                "stage_changes": [
                    {**_record(item, STAGE_FIELDS), "lead_id": person["lead_id"]}
                    for person in others
                    for item in stages.get(person["lead_id"], [])
                ],
                "orders": [_record(item, ORDER_FIELDS) for item in orders.get(row["account_id"], [])],
            }
        requests.append(request)
    return requests


def _people(canonical: Path, snapshots: pd.DataFrame, role_attribute: str | None, colleagues: bool) -> pd.DataFrame:
    """List the leads of the snapshots, with their colleagues where wanted, and their roles where asked for."""
    leads = read_table(canonical / "leads.parquet", "leads")
    people = leads.select(["lead_id", "account_id", "created_at"]).to_pandas()
    if role_attribute is not None:
        path = canonical / "attribute_changes.parquet"
        changes = read_table(path, "attribute_changes") if path.exists() else None
        role, known_at = first_known(leads, changes, role_attribute)
        people = people.assign(role=role.to_pandas(), role_known_at=known_at.to_pandas())
    chosen = people["lead_id"].isin(snapshots["lead_id"])
    if colleagues:
        chosen |= people["account_id"].isin(snapshots["account_id"].dropna())
    return pd.DataFrame(people[chosen])


def _identity(person: dict[str, Any], at: pd.Timestamp) -> dict[str, Any]:
    """Say who a colleague is, as far as it was known."""
    role, known_at = person.get("role"), person.get("role_known_at")
    is_known = not pd.isna(role) and (pd.isna(known_at) or known_at < at)
    return {"lead_id": person["lead_id"], **({"role": role} if is_known else {})}


def _rows_with(path: Path, key: str, values: list[str]) -> pd.DataFrame:
    """Read the rows of a canonical table whose `key` is one of some values, as they stand in the file."""
    with connect() as connection:
        connection.register("chosen", pa.table({key: pa.array(values, pa.string())}))
        query = f'SELECT t.* FROM read_parquet(?) t SEMI JOIN chosen USING ("{key}")'
        return pd.DataFrame(connection.sql(query, params=[str(path)]).to_arrow_table().to_pandas())


def _by(canonical: Path, name: str, key: str, values: list[str]) -> dict[str, list[dict[str, Any]]]:
    path = canonical / f"{name}.parquet"
    if not path.exists():
        return {}
    rows = _rows_with(path, key, values)
    return {str(value): records(group) for value, group in rows.groupby(key)}


def _record(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: _plain(row[field]) for field in fields if field in row and not pd.isna(row[field])}


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return _iso(value)
    return value.item() if hasattr(value, "item") else value


def _iso(moment: pd.Timestamp) -> str:
    return moment.isoformat().replace("+00:00", "Z")

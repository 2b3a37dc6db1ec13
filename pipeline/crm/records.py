"""What a pull leaves for ingest: one Parquet file per canonical table, all text, merged by id; no direct identifiers."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ParameterError
from pipeline.params import CrmAttribute

__all__ = [
    "COLUMNS",
    "KEY_VARIABLE",
    "Rows",
    "clean_asset",
    "declared_attributes",
    "merge",
    "pseudonym",
    "refuse_identifiers",
]

KEY_VARIABLE = "LEAD_PSEUDONYM_KEY"
Rows = dict[str, list[dict[str, str | None]]]

# `id` is what a row is merged by. Leads and accounts have a column per attribute besides.
COLUMNS: dict[str, tuple[str, ...]] = {
    "leads": ("id", "account_id", "created_at", "contact_id", "opportunity_id", "crm_account_id"),
    "accounts": ("id",),
    "touchpoints": ("id", "lead_id", "occurred_at", "recorded_at", "kind", "channel", "asset", "campaign", "by"),
    "stage_changes": ("id", "lead_id", "stage", "occurred_at", "recorded_at", "reason", "owner"),
    "attribute_changes": ("id", "lead_id", "account_id", "attribute", "value", "occurred_at"),
    "orders": ("id", "account_id", "lead_id", "ordered_at", "amount"),
}

# Parts of field names that hold people's names, addresses, numbers or free text about them.
IDENTIFIERS = ("email", "firstname", "lastname", "fullname", "phone", "fax", "street", "address", "salutation", "ip_", "_ip",
               "birth", "twitter", "linkedin", "facebook", "description", "body", "subject", "message", "note")  # fmt: skip


def refuse_identifiers(attributes: Mapping[str, CrmAttribute], where: str) -> None:
    """Refuse attributes that would bring in who somebody is.

    Raises
    ------
    ParameterError
        If a field's name, or an attribute's, speaks of a direct identifier or of free text.
    """
    for name, attribute in attributes.items():
        low = f"{attribute.field} {name}".lower()
        found = [part for part in IDENTIFIERS if part in low] or (["name"] if attribute.field.lower() == "name" else [])
        if found:
            raise ParameterError(
                f"{where}.attributes.{name}: the field {attribute.field!r} looks like a direct identifier or free text "
                f"({found[0]}); such fields are never pulled. Remove it, or derive a category of it in the CRM."
            )


def pseudonym(text: str | None) -> str | None:
    """Replace text by a keyed hash (HMAC-SHA256, 128 bits, hex); None without a text, or without the key in the environment."""
    key = os.environ.get(KEY_VARIABLE)
    if not text or not key:
        return None
    return hmac.new(key.encode(), text.strip().casefold().encode(), hashlib.sha256).hexdigest()[:32]


def clean_asset(url: str | None) -> str | None:
    """Keep the path of an address; queries, fragments and parts that hold a mail address are people's business.

    Examples
    --------
    >>> clean_asset("https://acme.example/pricing/team?email=a@b.example#top")
    'pricing/team'
    >>> clean_asset("/unsubscribe/a%40b.example")
    'unsubscribe/-'
    """
    if not url:
        return None
    parts = urlsplit(url).path.strip("/").split("/")
    return "/".join("-" if "@" in part or "%40" in part else part for part in parts) or "/"


def declared_attributes(attributes: Mapping[str, CrmAttribute]) -> list[dict[str, str | None]]:
    """List the attributes as the view `attributes` wants them."""
    return [
        {"entity": item.entity, "attribute": name, "type": item.type, "known_at": item.known_at}
        for name, item in attributes.items()
    ]


def merge(
    folder: Path, rows: Rows, attributes: Mapping[str, CrmAttribute], began_at: str, keep: bool
) -> dict[str, int]:
    """Write the tables, each file replaced in one step; returns the rows that each now has.

    Parameters
    ----------
    folder : Path
        As `ingest.raw_dir`.
    rows : dict of str to list of dict
        By table; of rows with the same id the last one stays.
    attributes : mapping
        The declared attributes; they are the further columns of leads and accounts.
    began_at : str
        When the pull began, ISO 8601: what is known is known until then.
    keep : bool
        Whether rows of earlier pulls stay, unless one with their id came. A full pull drops them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for table, columns in COLUMNS.items():
        entity = {"leads": "lead", "accounts": "account"}.get(table)
        names = [*columns, *(name for name, item in attributes.items() if item.entity == entity)]
        path = folder / f"{table}.parquet"
        by_id: dict[Any, dict[str, Any]] = {}
        if keep and path.exists():
            by_id = {row["id"]: row for row in pq.read_table(path).to_pylist()}
        by_id |= {row["id"]: row for row in rows.get(table, [])}
        _write(path, by_id.values(), names)
        counts[table] = len(by_id)
    _write(folder / "attributes.parquet", declared_attributes(attributes), ["entity", "attribute", "type", "known_at"])
    _write(folder / "export.parquet", [{"exported_at": began_at, "clock": "real"}], ["exported_at", "clock"])
    return counts


def _write(path: Path, rows: Iterable[Mapping[str, Any]], names: list[str]) -> None:
    schema = pa.schema([(name, pa.string()) for name in names])
    temporary = path.with_suffix(".tmp")
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], schema), temporary)
    os.replace(temporary, path)

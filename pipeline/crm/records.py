"""The rows of a pull: one raw table per canonical table, all text; no direct identifiers, ids as the CRM has them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from features.errors import ParameterError
from pipeline.params import CrmAttribute

__all__ = [
    "COLUMNS",
    "KEY",
    "RETIRED_IDS",
    "RETIRED_ROWS",
    "Rows",
    "add_rows",
    "clean_asset",
    "declared_attributes",
    "refuse_identifiers",
    "value_text",
]

Rows = dict[str, list[dict[str, str | None]]]

# `id` names the record of the CRM that a row comes from; one record may say something of several leads. Leads and accounts
# have a column per attribute besides.
COLUMNS: dict[str, tuple[str, ...]] = {
    "leads": ("id", "account_id", "created_at", "contact_id", "opportunity_id", "crm_account_id"),
    "accounts": ("id",),
    "touchpoints": ("id", "lead_id", "occurred_at", "recorded_at", "kind", "channel", "asset", "campaign", "by"),
    "stage_changes": ("id", "lead_id", "stage", "occurred_at", "recorded_at", "reason", "owner"),
    # assigned: true, a person of the company has it from then on; false: nobody, or a queue
    "owner_changes": ("id", "lead_id", "assigned", "owner", "occurred_at"),
    "attribute_changes": ("id", "lead_id", "account_id", "attribute", "value", "occurred_at"),
    "orders": ("id", "account_id", "lead_id", "ordered_at", "amount"),
    # Since when changes of a field are known (the earliest moment stays), and whether leads from before are left out
    "history_begins": ("id", "began_at", "before"),
}
# By what a row is found again, as far as its table has it. Leads, accounts and orders: by the id alone.
KEY = ("id", "lead_id", "account_id")

# Two more tables that an adapter gives. Ids that stand for no record any more: `into` is the record that they were merged into,
# missing: deleted. And rows of the other tables that are no more, by table and id: their record was deleted.
RETIRED_IDS, RETIRED_ROWS = "retired_ids", "retired_rows"

# Numbers as text with separators; a plain one is none of these, whatever the style.
GROUPED = {
    ",": r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?",
    ".": r"[+-]?(\d{1,3}(\.\d{3})+(,\d+)?|\d+,\d+)",
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


def add_rows(tables: Rows, more: Rows) -> None:
    """Add rows to those that are there."""
    for table, rows in more.items():
        tables.setdefault(table, []).extend(rows)


def value_text(value: Any, kind: str, thousands: str = ",") -> str | None:
    """Write a value so that its history and its current value read the same: booleans as true and false, numbers plainly.

    What does not fit the type stays as it is: ingest counts it as missing, with its reason.

    Parameters
    ----------
    value : object
        As the CRM gives it: text, number, boolean, or None.
    kind : {"number", "category", "boolean"}
        The attribute's declared type.
    thousands : {",", "."}
        What separates thousands where a number is written as text; the other one is the decimal sign.

    Examples
    --------
    >>> value_text("True", "boolean"), value_text("1,250.50", "number"), value_text(420.0, "number"), value_text("", "category")
    ('true', '1250.50', '420', None)
    >>> value_text("1.250,50", "number", "."), value_text("0.5", "number", "."), value_text("many", "number")
    ('1250.50', '0.5', 'many')
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() else repr(value)
    text = str(value).strip()
    if kind == "boolean":
        return text.lower() if text.lower() in ("true", "false") else text
    if kind == "number" and re.fullmatch(GROUPED[thousands], text):
        plain = text.replace(thousands, "")
        return plain.replace(",", ".") if thousands == "." else plain
    return text or None


def declared_attributes(attributes: Mapping[str, CrmAttribute]) -> list[dict[str, str | None]]:
    """List the attributes as the view `attributes` wants them."""
    return [
        {"entity": item.entity, "attribute": name, "type": item.type, "known_at": item.known_at}
        for name, item in attributes.items()
    ]

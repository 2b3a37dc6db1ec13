"""HubSpot's answers as plain records. Pure; it knows the answers' shapes and imports no client."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.crm.records import clean_asset
from pipeline.params import CrmAttribute

__all__ = [
    "ENTITIES",
    "MERGED_IDS",
    "Record",
    "absent_fields",
    "event_of",
    "first_links",
    "has_more_links",
    "left_out",
    "merged_into",
    "next_cursor",
    "old_ids",
    "record_of",
]

Record = dict[str, Any]
MERGED_IDS = "hs_merged_object_ids"
ENTITIES = {"contacts": "lead", "companies": "account"}
NONE_THERE = "NO_ASSOCIATIONS_FOUND"


def record_of(item: Any, links: dict[str, list[str]]) -> Record:
    """Keep of a record {"id", "properties", "history": {property: [[value, moment], ..] oldest first}, "links"}."""
    history = {
        name: sorted(([entry.value, entry.timestamp.isoformat()] for entry in entries), key=lambda entry: entry[1])
        for name, entries in (item.properties_with_history or {}).items()
    }
    return {"id": str(item.id), "properties": item.properties or {}, "history": history, "links": links}


def event_of(item: Any, event_type: str) -> Record:
    """Keep of an occurrence of the events API who did what when, and the path of the page."""
    return {
        "id": str(item.id),
        "type": event_type,
        "lead_id": str(item.object_id),
        "occurred_at": item.occurred_at.isoformat(),
        "asset": clean_asset((item.properties or {}).get("hs_url")),
    }


def next_cursor(page: Any) -> str | None:
    """Give the cursor of the next page, or of a record's further associations; None: there is none."""
    paging = page.paging
    return str(paging.next.after) if paging and paging.next else None


def first_links(item: Any, other: str) -> list[str]:
    """List the associated ids that came with a record: the first 100."""
    answered = (item.associations or {}).get(other)
    return list(dict.fromkeys(str(link.id) for link in answered.results)) if answered else []


def has_more_links(item: Any, other: str) -> bool:
    """Tell whether a record has more associations than came with it."""
    answered = (item.associations or {}).get(other)
    return answered is not None and next_cursor(answered) is not None


def left_out(answer: Any, kind: str, other: str) -> list[str]:
    """Say of which records the associations could not be read; a record that has none is no error."""
    by_category: dict[str, int] = {}
    for item in getattr(answer, "errors", None) or []:
        category = str(item.sub_category or item.category)
        if NONE_THERE not in category:
            ids = [i for values in (item.context or {}).values() for i in values]
            by_category[category] = by_category.get(category, 0) + max(1, len(ids))
    return [
        f"{kind}: the associated {other} of {n:,} record(s) are left out, HubSpot answered {category}"
        for category, n in by_category.items()
    ]


def old_ids(properties: Mapping[str, Any]) -> list[str]:
    """List the ids that were merged into a record."""
    return [i.strip() for i in str(properties.get(MERGED_IDS) or "").split(";") if i.strip()]


def merged_into(items: Iterable[Any], asked: Sequence[str]) -> dict[str, str | None]:
    """Find which of the ids that were asked for stand for another record that was answered."""
    answered: dict[str, str | None] = {
        old: str(item.id) for item in items for old in old_ids(item.properties or {}) if old != str(item.id)
    }
    return {record_id: answered[record_id] for record_id in asked if record_id in answered}


def absent_fields(kind: str, items: Sequence[Any], attributes: Mapping[str, CrmAttribute]) -> dict[str, str]:
    """Name the attributes whose property HubSpot does not know: it leaves unknown ones out, and gives known ones as null."""
    if not items:
        return {}
    there = set(items[0].properties or {})
    return {
        name: item.field
        for name, item in attributes.items()
        if item.entity == ENTITIES.get(kind) and item.field not in there
    }

"""Warnings about attribute values that a served model can't read; they are stored, since another model may read them."""

from collections.abc import Iterator, Sequence
from typing import Any

from features.attributes import AttributeSpec
from features.catalog import Catalog

__all__ = ["type_warnings"]


def type_warnings(items: Sequence[Any], kind: str, catalog: Catalog) -> list[dict[str, Any]]:
    """List the attributes with a value of another type than the model takes, one entry each, with the field of the first.

    Parameters
    ----------
    items : sequence
        Entries as they were checked.
    kind : str
        One of `serving.contract.event_kinds.EVENT_KINDS`.
    catalog : Catalog
        Of a served model.

    Returns
    -------
    list of dict
        As `serving.contract.score.InputWarning`. Values are named by their type.
    """
    specs = {spec.name: spec for spec in catalog.attributes}
    role = catalog.role_attribute
    if role is not None and role not in specs:  # colleagues' scores read it
        specs[role] = AttributeSpec("lead", role, "category", "creation")
    wrong_values: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for position, item in enumerate(items):
        for place, name, value in _values(item):
            if name in specs and not specs[name].takes(value):
                wrong_values.setdefault((place, name), []).append((position, value))
    return [
        {
            "code": "attribute_type",
            "message": _message(specs[name], [value for _, value in wrong]),
            "field": f"{kind}[{wrong[0][0]}].{place}.{name}",
        }
        for (place, name), wrong in wrong_values.items()
    ]


def _values(item: Any) -> Iterator[tuple[str, str, Any]]:
    for place, entity in (("attributes", item), ("account.attributes", getattr(item, "account", None))):
        for name, value in (getattr(entity, "attributes", None) or {}).items():
            yield place, name, value


def _message(spec: AttributeSpec, values: Sequence[Any]) -> str:
    sent = " or ".join(sorted({_kind(value) for value in values}))
    return (
        f"the served model takes {spec.expected} ({spec.type}) as {spec.name!r}; {len(values)} entries sent {sent}. It is "
        f"stored as sent, and counts as unknown in scores. Send {spec.expected}, or null."
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false (boolean)"
    return (
        "text (category)" if isinstance(value, str) else "a number that is too large" if _is_huge(value) else "a number"
    )


def _is_huge(value: float) -> bool:
    return not AttributeSpec("lead", "", "number", "creation").takes(value)

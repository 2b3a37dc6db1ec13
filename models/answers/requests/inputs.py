"""From leads of a request to what features are computed from: journeys, snapshots and attribute values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from features.attributes import AttributeSpec
from features.catalog import Catalog
from features.compute import Snapshots
from features.errors import JourneyError
from features.journeys import Journeys, LeadJourney
from models.answers.requests.records import LeadRequest, Note

__all__ = ["build_inputs", "drop_unfit_values", "unread_attributes"]


def build_inputs(leads: Sequence[LeadRequest], catalog: Catalog) -> tuple[Journeys, Snapshots, dict[str, list[Any]]]:
    """Build the inputs of `models.answers.scoring.score`; one snapshot per entry, in their order.

    Parameters
    ----------
    leads : sequence of LeadRequest
        The same lead_id may come more than once: each entry is scored with its own journey, at its own moment.
    catalog : Catalog
        Says which attributes the model uses, and whether it uses colleagues and orders.

    Returns
    -------
    journeys : Journeys
        One lead per entry, then their colleagues; each entry is an account of its own.
    snapshots : Snapshots
        One row per entry.
    attributes : dict of str to list
        Attribute to values, None where an entry does not give it.

    Raises
    ------
    JourneyError
        If the values of a lead's touchpoints are too large to be summed.
    """
    try:
        # Under numbers, as one lead_id may come twice; the names come back below
        numbered = [_named(lead.journey, str(position), str(position)) for position, lead in enumerate(leads)]
        colleagues = [
            _named(other, f"{position}/{number}", str(position))
            for position, lead in enumerate(leads)
            for number, other in enumerate(lead.colleagues)
            if "account" in catalog.params.groups
        ]
        orders = {str(position): lead.orders for position, lead in enumerate(leads)}
        bought = orders if "orders" in catalog.params.groups else None
        journeys = Journeys.from_records([*numbered, *colleagues], bought)
    except JourneyError:
        for lead in leads:
            _check_alone(lead)
        raise
    others = journeys.lead_ids[len(leads) :]
    journeys = replace(journeys, lead_ids=(*(lead.journey.lead_id for lead in leads), *others))
    at = np.array([lead.snapshot_at for lead in leads], dtype=np.int64)
    attributes = {spec.name: [_value_of(lead, spec) for lead in leads] for spec in catalog.attributes}
    return journeys, Snapshots(np.arange(len(leads)), at), attributes


def _named(journey: LeadJourney, lead_id: str, account_id: str) -> LeadJourney:
    return journey._replace(lead_id=lead_id, account_id=account_id)


def _check_alone(lead: LeadRequest) -> None:
    for where, journey in ((lead.path, lead.journey), *((f"{lead.path}.account", one) for one in lead.colleagues)):
        try:
            Journeys.from_records([journey])
        except JourneyError as error:
            raise JourneyError(str(error), f"{where}.{error.field}", error.hint) from error
    accounts = {"": lead.orders}
    try:
        Journeys.from_records([lead.journey._replace(account_id="")], accounts)
    except JourneyError as error:
        raise JourneyError(str(error), f"{lead.path}.account.orders", error.hint) from error


def unread_attributes(lead: LeadRequest, catalog: Catalog) -> list[str]:
    """List, as paths within the lead, the attributes that the model does not take; for warnings."""
    taken = {spec.name for spec in catalog.attributes}
    return [
        *(f"attributes.{name}" for name in sorted(set(lead.attributes) - taken)),
        *(f"account.attributes.{name}" for name in sorted(set(lead.account_attributes) - taken)),
    ]


def drop_unfit_values(lead: LeadRequest, catalog: Catalog) -> LeadRequest:
    """Set attribute values of a type that the model can't read to None, and note it.

    Parameters
    ----------
    lead : LeadRequest
        As sent or stored.
    catalog : Catalog
        With the types.

    Returns
    -------
    LeadRequest
        `build_inputs` and scoring take it, whatever its attributes were.
    """
    names: dict[str, list[str]] = {"lead": [], "account": []}
    notes = []
    for spec in catalog.attributes:
        entity = _entity_of(lead, spec)
        if not spec.takes(_value_of(lead, spec)):
            names[entity].append(spec.name)
            path = f"attributes.{spec.name}" if entity == "lead" else f"account.attributes.{spec.name}"
            notes.append(Note("attribute_type", path, f"{spec.name}: {spec.type}"))
    if not notes:
        return lead
    return replace(
        lead,
        attributes={**lead.attributes, **dict.fromkeys(names["lead"])},
        account_attributes={**lead.account_attributes, **dict.fromkeys(names["account"])},
        notes=(*lead.notes, *notes),
    )


def _value_of(lead: LeadRequest, spec: AttributeSpec) -> Any:
    return (lead.attributes if _entity_of(lead, spec) == "lead" else lead.account_attributes).get(spec.name)


def _entity_of(lead: LeadRequest, spec: AttributeSpec) -> str:
    """Say whose attributes an attribute's value stands among: its own entity's, unless only the other one has it."""
    of_entity, of_other, other_entity = lead.attributes, lead.account_attributes, "account"
    if spec.entity == "account":
        of_entity, of_other, other_entity = of_other, of_entity, "lead"
    return other_entity if spec.name not in of_entity and spec.name in of_other else spec.entity

"""What is odd in the input but does not prevent a score: said in English and German, with the field it is about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from features.attributes import AttributeValues
from features.catalog import Catalog
from features.compute import Snapshots, ignored_touchpoints, unknown_categories, unknown_values
from features.journeys import Journeys
from features.timeline import from_micros
from models.request_fields import shown
from models.requests import LeadRequest, unread_attributes

__all__ = [
    "CODES",
    "LANGUAGES",
    "Warning",
    "future_snapshot",
    "journey_warnings",
    "request_warnings",
    "wide_interval",
]

LANGUAGES = ("en", "de")

_MESSAGES = {
    "unknown_kind": (
        "The kind {value} was not there in training; such touchpoints count among all touchpoints.",
        "Die Art {value} kam im Training nicht vor; solche Kontaktpunkte zählen bei allen Kontaktpunkten mit.",
    ),
    "unknown_channel": (
        "The channel {value} was not there in training; it counts as one more channel.",
        "Der Kanal {value} kam im Training nicht vor; er zählt als ein weiterer Kanal.",
    ),
    "unknown_category": (
        "The category {value} was rare or not there in training; it counts as “other”.",
        "Die Kategorie {value} war im Training selten oder kam nicht vor; sie zählt als „andere“.",
    ),
    "unknown_attribute": (
        "The model does not take this attribute; it was ignored.",
        "Das Modell kennt dieses Attribut nicht; es wurde nicht beachtet.",
    ),
    "attribute_type": (
        "The stored value is not of the type that the model takes ({value}); it counts as unknown.",
        "Der gespeicherte Wert hat nicht den Typ, den das Modell nimmt ({value}); er zählt als unbekannt.",
    ),
    "values_too_large": (
        "The values or amounts add up to more than can be summed; they count as unknown: {value}.",
        "Die Werte oder Beträge sind zusammen zu groß für eine Summe; sie zählen als unbekannt: {value}.",
    ),
    "touchpoints_cut": (
        "More is stored than one score reads; the newest were read: {value}.",
        "Es ist mehr gespeichert, als für eine Bewertung gelesen wird; gelesen wurden die neuesten: {value}.",
    ),
    "touchpoints_after_snapshot": (
        "Touchpoints, stage changes or creation at or after snapshot_at, or recorded then, were ignored: {value}.",
        "Kontaktpunkte, Stufenwechsel oder Anlage ab snapshot_at, auch später erfasste, wurden nicht beachtet: {value}.",
    ),
    "snapshot_in_future": (
        "snapshot_at is in the future ({value}): what happens until then is not known yet, and counts as if nothing did.",
        "snapshot_at liegt in der Zukunft ({value}): Was bis dahin geschieht, ist noch nicht bekannt und zählt als nichts.",
    ),
    "duplicates_ignored": (
        "Repeated touchpoints or stage changes were counted once: {value}.",
        "Wiederholte Kontaktpunkte oder Stufenwechsel wurden nur einmal gezählt: {value}.",
    ),
    "account_touchpoints_unused": (
        "Touchpoints of colleagues were sent, and this model does not look at them: {value}.",
        "Kontaktpunkte von Kollegen wurden mitgeschickt, aber dieses Modell betrachtet sie nicht: {value}.",
    ),
    "orders_unused": (
        "Orders were sent, and this model does not look at them: {value}.",
        "Bestellungen wurden mitgeschickt, aber dieses Modell betrachtet sie nicht: {value}.",
    ),
    "wide_interval": (
        "There is little data on such leads: the probability lies anywhere within {value}.",
        "Zu solchen Leads gibt es wenig Daten: Die Wahrscheinlichkeit liegt irgendwo zwischen {value}.",
    ),
}

CODES = tuple(_MESSAGES)
"""What a warning can be about."""


@dataclass(frozen=True, slots=True)
class Warning:
    """Something in the input that did not prevent a score.

    Attributes
    ----------
    code : str
        ``unknown_kind``, ``unknown_channel``, ``unknown_category``, ``unknown_attribute``, ``attribute_type``,
        ``values_too_large``, ``touchpoints_cut``, ``touchpoints_after_snapshot``, ``snapshot_in_future``,
        ``duplicates_ignored``, ``account_touchpoints_unused``, ``orders_unused`` or ``wide_interval``.
    message : str
        A sentence in the language asked for.
    field : str
        Path of the field: within the lead, or within the request where there is one.
    """

    code: str
    message: str
    field: str


def journey_warnings(
    journeys: Journeys, snapshots: Snapshots, attributes: AttributeValues, catalog: Catalog, language: str
) -> list[list[Warning]]:
    """List what is odd in each snapshot's journey and attributes; one list per snapshot.

    Parameters
    ----------
    journeys, snapshots, attributes, catalog
        As for `features.compute.compute_features`.
    language : {"en", "de"}
        Of the messages.
    """
    found: list[list[Warning]] = []
    of_lead = unknown_values(journeys, catalog)
    categories = unknown_categories(attributes, catalog, len(snapshots))
    entity = {spec.name: spec.entity for spec in catalog.attributes}
    ignored = ignored_touchpoints(journeys, snapshots).tolist()
    for row, lead in enumerate(snapshots.lead_index.tolist()):
        mine = [
            _warning(f"unknown_{name}", f"touchpoints.{name}", shown(value), language) for name, value in of_lead[lead]
        ]
        for name, value in categories[row]:
            path = f"attributes.{name}" if entity[name] == "lead" else f"account.attributes.{name}"
            mine.append(_warning("unknown_category", path, shown(value), language))
        if ignored[row]:
            mine.append(_warning("touchpoints_after_snapshot", "touchpoints", str(ignored[row]), language))
        found.append(mine)
    return found


def request_warnings(
    warnings: Sequence[Warning], lead: LeadRequest, catalog: Catalog, language: str
) -> tuple[Warning, ...]:
    """Add what only the request shows to a lead's warnings, and make the paths those of the request.

    Parameters
    ----------
    warnings : sequence of Warning
        Those of `journey_warnings` for this lead.
    lead : LeadRequest
        As sent.
    catalog : Catalog
        Says which attributes the model takes.
    language : {"en", "de"}
        Of the messages.
    """
    more = [_warning("unknown_attribute", path, "", language) for path in unread_attributes(lead, catalog)]
    groups = catalog.params.groups
    others = sum(len(colleague.touchpoints) for colleague in lead.colleagues)
    if others and "account" not in groups:
        more.append(_warning("account_touchpoints_unused", "account.touchpoints", str(others), language))
    if lead.orders and "orders" not in groups:
        more.append(_warning("orders_unused", "account.orders", str(len(lead.orders)), language))
    more += [_warning(note.code, note.field, note.value, language) for note in lead.notes]
    found = [replace(item, field=f"{lead.path}.{item.field}") for item in (*warnings, *more)]
    if lead.repeats:
        found.append(_warning("duplicates_ignored", lead.path, str(lead.repeats), language))
    return tuple(found)


def future_snapshot(path: str, snapshot_at: int, language: str) -> Warning:
    """Say that a lead was scored at a moment yet to come.

    Parameters
    ----------
    path : str
        Of the field.
    snapshot_at : int
        UTC microseconds.
    language : {"en", "de"}
        Of the message.
    """
    return _warning("snapshot_in_future", path, from_micros(snapshot_at).isoformat(), language)


def wide_interval(low: float, high: float, language: str) -> Warning:
    """Say that a probability's interval is wide.

    Parameters
    ----------
    low, high : float
        Its ends, in [0, 1].
    language : {"en", "de"}
        Of the message.
    """
    ends = (f"{100 * low:.0f} % to {100 * high:.0f} %", f"{100 * low:.0f} % und {100 * high:.0f} %")
    return _warning("wide_interval", "probability", ends[LANGUAGES.index(language)], language)


def _warning(code: str, field: str, value: str, language: str) -> Warning:
    return Warning(code, _MESSAGES[code][LANGUAGES.index(language)].format(value=value), field)

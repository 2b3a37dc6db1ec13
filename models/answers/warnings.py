"""Warnings about the input that do not prevent a score, with the field that each is about."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from features.attributes import AttributeValues
from features.catalog import Catalog
from features.compute import Snapshots
from features.journeys import Journeys
from features.timeline import from_micros
from features.unseen import ignored_touchpoints, unknown_categories, unknown_values
from models.answers.requests import LeadRequest, unread_attributes
from models.answers.requests.fields import shown
from models.presentation.catalogues import n_, words
from models.presentation.numbers import percent

__all__ = [
    "CODES",
    "OLD_SLOT_PRICE",
    "InputWarning",
    "codes_of",
    "future_snapshot",
    "input_warning",
    "journey_warnings",
    "request_warnings",
    "short_codes",
    "warning_entry",
    "wide_interval",
]

OLD_SLOT_PRICE = "old_slot_price"

_MESSAGES = {
    "unknown_kind": n_("The kind {value} was not there in training; such touchpoints count among all touchpoints."),
    "unknown_channel": n_("The channel {value} was not there in training; it counts as one more channel."),
    "unknown_category": n_("The category {value} was rare or not there in training; it counts as “other”."),
    "unknown_attribute": n_("The model does not take this attribute; it was ignored."),
    "attribute_type": n_("The value is not of the type that the model takes ({value}); it counts as unknown."),
    "values_too_large": n_("The values or amounts add up to more than can be summed; they count as unknown: {value}."),
    "touchpoints_cut": n_("More is stored than one score reads; the newest were read: {value}."),
    "touchpoints_after_snapshot": n_(
        "Touchpoints, stage changes or creation at or after snapshot_at, or recorded then, were ignored: {value}."
    ),
    "snapshot_in_future": n_(
        "snapshot_at is in the future ({value}): what happens until then is not known yet, and counts as if nothing did."
    ),
    "duplicates_ignored": n_("Repeated touchpoints or stage changes were counted once: {value}."),
    "without_consent": n_("Touchpoints without consent were left out: {value}."),
    "account_touchpoints_unused": n_(
        "Touchpoints of colleagues were sent, and this model does not look at them: {value}."
    ),
    "orders_unused": n_("Orders were sent, and this model does not look at them: {value}."),
    "wide_interval": n_("There is little data on such leads: the probability lies anywhere within {value}."),
    "outside_population": n_("The model learned from other leads, so the probability may be off: {value}."),
    "no_touchpoints": n_("No touchpoint of the {value} days before snapshot_at is known, and the model looks at them."),
    OLD_SLOT_PRICE: n_(
        "No score run over the whole queue is recent, so the price of a slot is that of training, of {value}."
    ),
    "warnings_cut": n_("There are more warnings of this kind, which are left out: {value}."),
}

CODES = tuple(_MESSAGES)
"""The codes of warnings."""

MOST_OF_A_CODE = 20
"""The most warnings of one code that a lead gets."""


@dataclass(frozen=True, slots=True)
class InputWarning:
    """Something in the input that did not prevent a score.

    Attributes
    ----------
    code : str
        ``unknown_kind``, ``unknown_channel``, ``unknown_category``, ``unknown_attribute``, ``attribute_type``,
        ``values_too_large``, ``touchpoints_cut``, ``touchpoints_after_snapshot``, ``snapshot_in_future``,
        ``duplicates_ignored``, ``without_consent``, ``account_touchpoints_unused``, ``orders_unused``, ``wide_interval``,
        ``outside_population``,
        ``no_touchpoints``, ``old_slot_price`` or ``warnings_cut``.
    message : str
        A sentence in the language asked for.
    field : str
        Path of the field: within the lead, or within the request where there is one.
    reason : str or None
        Why, where a code has several reasons: one of `models.answers.population.OUTSIDE` for ``outside_population``.
    """

    code: str
    message: str
    field: str
    reason: str | None = None


def warning_entry(warning: InputWarning) -> dict[str, Any]:
    """Write a warning as it stands in answers: code, message, field, and the reason where there is one."""
    entry = {"code": warning.code, "message": warning.message, "field": warning.field}
    return entry if warning.reason is None else {**entry, "reason": warning.reason}


def short_codes(warnings: Sequence[InputWarning]) -> str:
    """Write warnings for a column of text: each code once, with its reason where there is one, joined by ``;``.

    Examples
    --------
    >>> short_codes([InputWarning("outside_population", "", "", "not_mql"), InputWarning("no_touchpoints", "", "touchpoints")])
    'outside_population:not_mql;no_touchpoints'
    """
    codes = (item.code if item.reason is None else f"{item.code}:{item.reason}" for item in warnings)
    return ";".join(dict.fromkeys(codes))


def codes_of(short: str) -> tuple[str, ...]:
    """Give the codes in a text of `short_codes`, without their reasons."""
    return tuple(item.split(":")[0] for item in short.split(";") if item)


def journey_warnings(
    journeys: Journeys, snapshots: Snapshots, attributes: AttributeValues, catalog: Catalog, language: str
) -> list[list[InputWarning]]:
    """List what is odd in each snapshot's journey and attributes; one list per snapshot.

    Parameters
    ----------
    journeys, snapshots, attributes, catalog
        As for `features.compute.compute_features`.
    language : {"en", "de"}
        Of the messages.
    """
    by_snapshot: list[list[InputWarning]] = []
    of_lead = unknown_values(journeys, catalog)
    categories = unknown_categories(attributes, catalog, len(snapshots))
    entity = {spec.name: spec.entity for spec in catalog.attributes}
    ignored = ignored_touchpoints(journeys, snapshots).tolist()
    for row, lead in enumerate(snapshots.lead_index.tolist()):
        row_warnings = [
            input_warning(f"unknown_{name}", f"touchpoints.{name}", shown(value), language)
            for name, value in of_lead[lead]
        ]
        for name, value in categories[row]:
            path = f"attributes.{name}" if entity[name] == "lead" else f"account.attributes.{name}"
            row_warnings.append(input_warning("unknown_category", path, shown(value), language))
        if ignored[row]:
            row_warnings.append(input_warning("touchpoints_after_snapshot", "touchpoints", str(ignored[row]), language))
        by_snapshot.append(row_warnings)
    return by_snapshot


def request_warnings(
    warnings: Sequence[InputWarning], lead: LeadRequest, catalog: Catalog, language: str
) -> tuple[InputWarning, ...]:
    """Add what only the request shows to a lead's warnings, and make the paths those of the request.

    Parameters
    ----------
    warnings : sequence of InputWarning
        Those of `journey_warnings` for this lead.
    lead : LeadRequest
        As sent.
    catalog : Catalog
        Says which attributes the model takes.
    language : {"en", "de"}
        Of the messages.
    """
    more = [input_warning("unknown_attribute", path, "", language) for path in unread_attributes(lead, catalog)]
    groups = catalog.params.groups
    others = sum(len(colleague.touchpoints) for colleague in lead.colleagues)
    if others and "account" not in groups:
        more.append(input_warning("account_touchpoints_unused", "account.touchpoints", str(others), language))
    if lead.orders and "orders" not in groups:
        more.append(input_warning("orders_unused", "account.orders", str(len(lead.orders)), language))
    more += [input_warning(note.code, note.field, note.value, language) for note in lead.notes]
    all_warnings = [replace(item, field=f"{lead.path}.{item.field}") for item in (*warnings, *more)]
    if lead.repeats:
        all_warnings.append(input_warning("duplicates_ignored", lead.path, str(lead.repeats), language))
    return _shortened(all_warnings, lead.path, language)


def _shortened(warnings: Sequence[InputWarning], path: str, language: str) -> tuple[InputWarning, ...]:
    """Keep the first `MOST_OF_A_CODE` of each code, and say how many more there are: an answer must not outgrow its request."""
    counts: Counter[str] = Counter()
    kept = []
    for item in warnings:
        counts[item.code] += 1
        if counts[item.code] <= MOST_OF_A_CODE:
            kept.append(item)
    for code, count in counts.items():
        if count > MOST_OF_A_CODE:
            kept.append(input_warning("warnings_cut", path, f"{count - MOST_OF_A_CODE} {code}", language))
    return tuple(kept)


def future_snapshot(path: str, snapshot_at: int, language: str) -> InputWarning:
    """Warn that a lead was scored at a moment yet to come.

    Parameters
    ----------
    path : str
        Of the field.
    snapshot_at : int
        UTC microseconds.
    language : {"en", "de"}
        Of the message.
    """
    return input_warning("snapshot_in_future", path, from_micros(snapshot_at).isoformat(), language)


def wide_interval(low: float, high: float, language: str) -> InputWarning:
    """Warn that a probability's interval is wide.

    Parameters
    ----------
    low, high : float
        Its ends, in [0, 1].
    language : {"en", "de"}
        Of the message.
    """
    ends = words(language).gettext("{low} to {high}", low=percent(low, language, 0), high=percent(high, language, 0))
    return input_warning("wide_interval", "probability", ends, language)


def input_warning(code: str, field: str, value: str, language: str) -> InputWarning:
    """Make a warning of a code.

    Parameters
    ----------
    code : str
        One of `CODES`.
    field : str
        Path of the field.
    value : str
        What the message names.
    language : {"en", "de"}
        Of the message.
    """
    return InputWarning(code, words(language).filled(_MESSAGES[code], value=value), field)

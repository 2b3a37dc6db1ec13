"""Warnings of an answer: what was odd in a request and did not prevent a score, with the path of its field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from features.catalog import Catalog
from models.requests import LeadRequest, unread_attributes
from models.scoring import Warning as ScoringWarning

__all__ = ["Notice", "edge_notices", "scoring_notices", "without_repeats"]

_MESSAGES = {
    "unknown_attribute": {
        "en": "the model does not take this attribute; it was ignored",
        "de": "das Modell verwendet dieses Attribut nicht; es wurde nicht beachtet",
    },
    "account_touchpoints_unused": {
        "en": "what others at the account did is not used by this model",
        "de": "was andere im selben Unternehmen taten, verwendet dieses Modell nicht",
    },
    "duplicates_ignored": {
        "en": "{count} repeated touchpoint(s) or stage change(s) counted once",
        "de": "{count} wiederholte Kontaktpunkte oder Stufenwechsel wurden nur einmal gezählt",
    },
}


class Notice(NamedTuple):
    """One warning: a code for programs, a message for people, and where."""

    code: str
    message: str
    field: str


def without_repeats(
    leads: Sequence[LeadRequest], raw: Sequence[Mapping[str, Any]]
) -> tuple[list[LeadRequest], list[int]]:
    """Drop what was sent twice, as ingest does: equal touchpoints with the same id, and equal stage changes.

    Equal touchpoints without an id may both have happened, and are kept. Touchpoints that share an id and differ are kept,
    too: which one is right can't be told from here.

    Parameters
    ----------
    leads : sequence of LeadRequest
        As read.
    raw : sequence of mapping
        The same leads as sent; stage changes with different reasons, owners or teams are different.

    Returns
    -------
    leads : list of LeadRequest
        Without repeats.
    repeats : list of int
        How many were dropped, per lead.
    """
    kept, repeats = [], []
    for lead, sent in zip(leads, raw, strict=True):
        journey = lead.journey
        touchpoints = journey.touchpoints
        if any(item.touchpoint_id is not None for item in touchpoints):
            named = dict.fromkeys(item for item in touchpoints if item.touchpoint_id is not None)
            touchpoints = [*named, *(item for item in touchpoints if item.touchpoint_id is None)]
        changes = journey.stage_changes
        if len(changes) > 1:
            people = [(item.get("reason"), item.get("owner"), item.get("team")) for item in sent["stage_changes"]]
            changes = [change for change, _ in dict.fromkeys(zip(changes, people, strict=True))]
        dropped = len(journey.touchpoints) - len(touchpoints) + len(journey.stage_changes) - len(changes)
        if dropped:
            lead = replace(lead, journey=journey._replace(touchpoints=touchpoints, stage_changes=changes))
        kept.append(lead)
        repeats.append(dropped)
    return kept, repeats


def scoring_notices(lead: LeadRequest, warnings: Iterable[ScoringWarning]) -> list[Notice]:
    """Complete the paths of the scorer's warnings, which are relative to the lead."""
    notices = []
    for warning in warnings:
        field = warning.field
        name = field.removeprefix("attributes.")
        if name != field and name not in lead.attributes:
            field = f"account.{field}"
        notices.append(Notice(warning.code, warning.message, f"{lead.path}.{field}"))
    return notices


def edge_notices(lead: LeadRequest, repeated: int, catalog: Catalog, language: str) -> list[Notice]:
    """Warn of what does not reach the scorer."""
    notices = [
        Notice("unknown_attribute", _MESSAGES["unknown_attribute"][language], f"{lead.path}.{field}")
        for field in unread_attributes(lead, catalog)
    ]
    if lead.account_touchpoints:
        message = _MESSAGES["account_touchpoints_unused"][language]
        notices.append(Notice("account_touchpoints_unused", message, f"{lead.path}.account.touchpoints"))
    if repeated:
        message = _MESSAGES["duplicates_ignored"][language].format(count=repeated)
        notices.append(Notice("duplicates_ignored", message, lead.path))
    return notices

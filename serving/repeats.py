"""What was sent twice counts once, as in ingest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from models.notices import Warning
from models.requests import LeadRequest

__all__ = ["repeats_warning", "without_repeats"]

_MESSAGES = {
    "en": "Repeated touchpoints or stage changes were counted once: {count}.",
    "de": "Wiederholte Kontaktpunkte oder Stufenwechsel wurden nur einmal gezählt: {count}.",
}


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


def repeats_warning(lead: LeadRequest, count: int, language: str) -> Warning:
    """Warn that repeats were dropped."""
    return Warning("duplicates_ignored", _MESSAGES[language].format(count=count), lead.path)

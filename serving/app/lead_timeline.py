"""A lead's journey for people: touchpoints of one day together, stage changes between them, and pauses named."""

from typing import Any
from zoneinfo import ZoneInfo

from features.timeline import from_micros
from models.answers.requests import LeadRequest
from models.presentation.journey_words import channel_name
from serving.app.lead_list import stage_name, touchpoint_name
from serving.store.lead_record import LeadRecord

__all__ = ["PAUSE_DAYS", "timeline"]

PAUSE_DAYS = 14
MOST_DAYS = 40
MOST_A_DAY = 6


def timeline(lead: LeadRequest, record: LeadRecord, language: str, zone: ZoneInfo) -> dict[str, Any]:
    """Lay a journey out by day, newest first.

    Parameters
    ----------
    lead : LeadRequest
        Its touchpoints up to the snapshot.
    record : LeadRecord
        Its stage changes.
    language, zone
        Of the texts and of the days.

    Returns
    -------
    dict
        `days`: each with `date`, `entries` (text, channel, count, kind of entry), `more` (touchpoints left out), and `pause`
        (days since the day before, where they are many). `left_out`: older days that are not shown.
    """
    days: dict[Any, dict[tuple[str, str, str], int]] = {}
    for item in sorted(lead.journey.touchpoints, key=lambda item: item.occurred_at):
        if item.occurred_at < lead.snapshot_at:
            day = from_micros(item.occurred_at).astimezone(zone).date()
            by = item.by or "lead"
            entry = (touchpoint_name(item.kind, item.asset, language), channel_name(item.channel, language), by)
            entries = days.setdefault(day, {})
            entries[entry] = entries.get(entry, 0) + 1
    for change in record.changes:
        if change.occurred_at <= lead.snapshot_at:
            text = stage_name(change.stage, language)
            day = from_micros(change.occurred_at).astimezone(zone).date()
            days.setdefault(day, {})[
                f"{text} – {change.reason}" if change.reason else text, change.owner or "", "stage"
            ] = 1
    ordered = sorted(days)
    rows = []
    for position, day in enumerate(ordered):
        gap = (day - ordered[position - 1]).days if position else 0
        of_day = sorted(days[day].items(), key=lambda entry: entry[0][2] != "stage")
        shown = [
            {"text": text, "channel": channel, "kind": kind, "count": count}
            for (text, channel, kind), count in of_day[:MOST_A_DAY]
        ]
        more = sum(count for _, count in of_day[MOST_A_DAY:])
        rows.append({"date": day, "entries": shown, "more": more, "pause": gap if gap >= PAUSE_DAYS else None})
    rows.reverse()
    return {"days": rows[:MOST_DAYS], "left_out": max(len(rows) - MOST_DAYS, 0)}

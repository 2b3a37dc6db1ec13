"""From the leads of a request to journeys, snapshots and attributes; the service and the MLflow model share it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from features.catalog import Catalog
from features.compute import Snapshots
from features.errors import JourneyError
from features.journeys import Journeys, LeadJourney, StageChangeRecord, TouchpointRecord
from features.timeline import to_micros

__all__ = ["STAGES", "LeadRequest", "build", "parse_lead"]

STAGES = ("inquiry", "mql", "sal", "sales_qualified", "disqualified", "recycled", "customer")
LEAD_KEYS = ("lead_id", "snapshot_at", "created_at", "attributes", "account", "touchpoints", "stage_changes")
TOUCHPOINT_KEYS = ("touchpoint_id", "occurred_at", "recorded_at", "kind", "channel", "asset", "campaign", "value", "by")
STAGE_KEYS = ("stage", "occurred_at", "recorded_at", "reason", "owner", "team")
YEARS = (1970, 2200)


@dataclass(frozen=True)
class LeadRequest:
    """One lead to score.

    Attributes
    ----------
    journey : LeadJourney
        Its touchpoints and stage changes.
    snapshot_at : int
        Microseconds since 1970 UTC.
    attributes : mapping of str to object
        Of the lead and of its account; a name stands for itself in both.
    """

    journey: LeadJourney
    snapshot_at: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


def build(leads: Sequence[LeadRequest], catalog: Catalog) -> tuple[Journeys, Snapshots, dict[str, list[Any]]]:
    """Put leads together for `models.scoring.score`, in their order.

    Parameters
    ----------
    leads : sequence of LeadRequest
        The same lead may come more than once, at different moments; each time with its own journey.
    catalog : Catalog
        Says which attributes are looked at.

    Returns
    -------
    journeys : Journeys
        One per entry; a repeated lead_id gets a number behind it.
    snapshots : Snapshots
        One per entry.
    attributes : dict of str to list
        Attribute to values, None where an entry does not give it.
    """
    seen: dict[str, int] = {}
    journeys = []
    for lead in leads:
        count = seen.get(lead.journey.lead_id, 0)
        seen[lead.journey.lead_id] = count + 1
        journeys.append(
            lead.journey._replace(lead_id=f"{lead.journey.lead_id} #{count + 1}") if count else lead.journey
        )
    snapshots = Snapshots(
        np.arange(len(leads), dtype=np.int64), np.array([lead.snapshot_at for lead in leads], dtype=np.int64)
    )
    names = [spec.name for spec in catalog.attributes]
    attributes = {name: [lead.attributes.get(name) for lead in leads] for name in names}
    return Journeys.from_records(journeys), snapshots, attributes


def parse_lead(value: Any, path: str = "lead", default_snapshot_at: int | None = None) -> LeadRequest:
    """Read one entry of the `leads` of ``POST /score`` from plain JSON values.

    Parameters
    ----------
    value : object
        As `json.loads` returns it; moments as ISO 8601 text with an offset.
    path : str
        Where it stands, for messages.
    default_snapshot_at : int, optional
        For an entry without `snapshot_at`; None: it must be there.

    Raises
    ------
    JourneyError
        With the path of the field that is wrong.

    Examples
    --------
    >>> parse_lead({"lead_id": "L-1", "snapshot_at": "1970-01-02T00:00:00Z"}).snapshot_at
    86400000000
    >>> parse_lead({"lead_id": "L-1", "snapshot_at": "2026-01-05T10:00"})
    Traceback (most recent call last):
    ...
    features.errors.JourneyError: lead.snapshot_at: it has no time zone: '2026-01-05T10:00'.
    """
    lead = _object(value, path, LEAD_KEYS)
    lead_id = _text(lead, "lead_id", path)
    snapshot_at = _moment(lead, "snapshot_at", path)
    snapshot_at = default_snapshot_at if snapshot_at is None else snapshot_at
    if lead_id is None or snapshot_at is None:
        name = "lead_id" if lead_id is None else "snapshot_at"
        raise JourneyError(f"{path}.{name}: it is missing.", f"{path}.{name}", "Send it.")
    account = _object(lead.get("account") or {}, f"{path}.account", ("account_id", "attributes", "touchpoints"))
    attributes = {
        **_object(account.get("attributes") or {}, f"{path}.account.attributes", None),
        **_object(lead.get("attributes") or {}, f"{path}.attributes", None),
    }
    touchpoints = [
        _touchpoint(item, f"{path}.touchpoints[{i}]") for i, item in enumerate(_list(lead, "touchpoints", path))
    ]
    changes = [_stage(item, f"{path}.stage_changes[{i}]") for i, item in enumerate(_list(lead, "stage_changes", path))]
    journey = LeadJourney(lead_id, touchpoints, changes, created_at=_moment(lead, "created_at", path))
    return LeadRequest(journey, snapshot_at, attributes)


def _touchpoint(value: Any, path: str) -> TouchpointRecord:
    item = _object(value, path, TOUCHPOINT_KEYS)
    number = item.get("value")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
        raise JourneyError(
            f"{path}.value: expected a number, got {type(number).__name__}.", f"{path}.value", "Send a number."
        )
    return TouchpointRecord(
        kind=_required(_text(item, "kind", path), f"{path}.kind"),
        occurred_at=_required(_moment(item, "occurred_at", path), f"{path}.occurred_at"),
        recorded_at=_moment(item, "recorded_at", path),
        channel=_text(item, "channel", path),
        asset=_text(item, "asset", path),
        campaign=_text(item, "campaign", path),
        value=number,
        by=_text(item, "by", path),
        touchpoint_id=_text(item, "touchpoint_id", path),
    )


def _stage(value: Any, path: str) -> StageChangeRecord:
    item = _object(value, path, STAGE_KEYS)
    stage = _required(_text(item, "stage", path), f"{path}.stage")
    if stage not in STAGES:
        raise JourneyError(
            f"{path}.stage: got {stage[:50]!r}; allowed: {', '.join(STAGES)}.", f"{path}.stage", "Send one of them."
        )
    return StageChangeRecord(
        stage=stage,
        occurred_at=_required(_moment(item, "occurred_at", path), f"{path}.occurred_at"),
        recorded_at=_moment(item, "recorded_at", path),
    )


def _required(value: Any, path: str) -> Any:
    if value is None:
        raise JourneyError(f"{path}: it is missing.", path, "Send it.")
    return value


def _object(value: Any, path: str, allowed: Sequence[str] | None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise JourneyError(f"{path}: expected an object, got {type(value).__name__}.", path, "Send an object.")
    unknown = [key for key in value if allowed is not None and key not in allowed]
    if unknown:
        raise JourneyError(
            f"{path}: unknown field {str(unknown[0])[:50]!r}; allowed: {', '.join(allowed or ())}.",
            f"{path}.{str(unknown[0])[:50]}",
            "Leave it out, or correct its name.",
        )
    return value


def _list(item: Mapping[str, Any], name: str, path: str) -> list[Any]:
    value = item.get(name) or []
    if not isinstance(value, list):
        raise JourneyError(
            f"{path}.{name}: expected a list, got {type(value).__name__}.", f"{path}.{name}", "Send a list."
        )
    return value


def _text(item: Mapping[str, Any], name: str, path: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise JourneyError(f"{path}.{name}: expected text, got {type(value).__name__}.", f"{path}.{name}", "Send text.")
    return value or None


def _moment(item: Mapping[str, Any], name: str, path: str) -> int | None:
    text = _text(item, name, path)
    if text is None:
        return None
    where = f"{path}.{name}"
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        hint = "Send ISO 8601 text, such as '2026-01-05T10:00:00+01:00'."
        raise JourneyError(f"{where}: not a time: {text[:50]!r}.", where, hint) from error
    if moment.tzinfo is None:
        raise JourneyError(f"{where}: it has no time zone: {text!r}.", where, "Send an offset, e.g. '...+01:00'.")
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise JourneyError(
            f"{where}: year {moment.year} is not within {YEARS[0]}..{YEARS[1]}.", where, "Check the clock."
        )
    return to_micros(moment)

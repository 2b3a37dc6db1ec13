"""Similar past customers on a lead's page: their journeys up to the verdict, and where the lead stands now beside them."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from features.journeys import TouchpointRecord
from features.timeline import DAY_US, from_micros
from models.answers.requests import LeadRequest
from models.answers.similar_leads import Similar, most_similar, profiles
from serving.app.lead_list import touchpoint_name
from serving.app.web import lead_address
from serving.online.qualified_leads import handed_over_at
from serving.scoring.scorer import Scorer
from serving.store.newest import own_touchpoints
from serving.store.qualified_leads import QualifiedLead, as_past, newest_qualified

__all__ = ["similar_values"]

SHOWN = 3
MOST_KINDS = 3
BEFORE_DAYS = 60
"""A strip begins so many days before the hand-over."""

WIDTH, MARGIN = 300.0, 4.0


def similar_values(
    connection: Any, scorer: Scorer, lead: LeadRequest, language: str, zone: ZoneInfo, model: str | None = None
) -> dict[str, Any]:
    """Give the past leads that looked most like this one to the model, each with what was known by then.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.read`.
    scorer : Scorer
        The model.
    lead : LeadRequest
        As it is known now.
    language, zone
        Of texts and days.
    model : str or None
        That addresses name; None: none was chosen.

    Returns
    -------
    dict
        `compared`: with how many the lead was compared; `leads`: the nearest, each with `then` (its probability at the age of
        the lead), `after` (what came between then and the verdict, by kind of touchpoint) and `strip` (a picture of
        `WIDTH` by 22).
    """
    began = handed_over_at(lead, lead.snapshot_at)
    age_days = 0.0 if began is None else (lead.snapshot_at - began) / DAY_US
    past = newest_qualified(connection, scorer.model_key, age_days)
    past.pop(lead.journey.lead_id, None)
    own = profiles(scorer.bundle, [(age_days, lead)]) if past else ()
    nearest = most_similar(own[0], as_past(past), SHOWN) if own else []
    return {
        "compared": len(past),
        "leads": [_shown(connection, past[item.lead_id], item, language, zone, model) for item in nearest],
    }


def _shown(
    connection: Any, lead: QualifiedLead, similar: Similar, language: str, zone: ZoneInfo, model: str | None
) -> dict[str, Any]:
    begin = lead.handed_over_at - BEFORE_DAYS * DAY_US
    compared_at = lead.handed_over_at + int(similar.then.age_days * DAY_US)
    touchpoints = own_touchpoints(connection, lead.lead_id, begin, lead.qualified_at).rows
    seen = [item for item in touchpoints if begin <= item.occurred_at < lead.qualified_at]
    kinds = Counter(item.kind for item in seen if item.occurred_at >= compared_at)
    return {
        "lead_id": lead.lead_id,
        "address": lead_address(lead.lead_id, model),
        "qualified": from_micros(lead.qualified_at).astimezone(zone).date(),
        "days": round((lead.qualified_at - lead.handed_over_at) / DAY_US),
        "age_days": round(similar.then.age_days),
        "then": similar.then.probability,
        "after": [(touchpoint_name(kind, None, language), count) for kind, count in kinds.most_common(MOST_KINDS)],
        "strip": _strip(seen, begin, lead, compared_at),
    }


def _strip(touchpoints: list[TouchpointRecord], begin: int, lead: QualifiedLead, compared_at: int) -> dict[str, Any]:
    """Lay a journey out along a line: touchpoints of one place together, the hand-over, and the age that was compared."""
    first = min((item.occurred_at for item in touchpoints), default=lead.handed_over_at)
    start = max(begin, min(first, lead.handed_over_at))

    def x(at: int) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (at - start) / max(lead.qualified_at - start, 1)

    places = Counter((round(x(item.occurred_at) / 4) * 4, item.by == "sales") for item in touchpoints)
    return {
        "dots": [
            (place, "sales" if of_sales else "lead", min(1.5 + 0.6 * count, 4.5))
            for (place, of_sales), count in sorted(places.items())
        ],
        "handed_over": f"{x(lead.handed_over_at):.1f}",
        "compared": f"{x(compared_at):.1f}",
    }

"""A lead's page: everything a person needs before a call, from the store and the model of the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from features.journeys import LeadJourney
from features.timeline import DAY_US, from_micros
from features.wording.attribute import attribute_label
from features.wording.units import spoken as spoken_language
from models.answers.lead_history import Point, probability_history
from models.answers.open_questions import OPEN_QUESTIONS, is_decision_maker, open_questions
from models.answers.order_summary import order_summary
from models.answers.requests import LeadRequest
from models.answers.score_changes import not_yet
from models.answers.what_if import what_if
from models.presentation.catalogues import n_, words
from models.presentation.journey_words import channel_name
from serving.app.lead_list import NOT_SCORED, crm_link, question_of, stage_name, touchpoint_name
from serving.app.lead_timeline import timeline
from serving.app.similar_leads import similar_values
from serving.app.web import lead_address
from serving.contract.errors import RequestError
from serving.http.priority import give_way
from serving.online.store_score import entry_of
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.lead_record import LeadRecord, read_record
from serving.store.merging import merged_into
from serving.store.reading import read_lead

__all__ = ["lead_values"]

WEEKS = 12
REASONS = 6
MOST_ORDERS = 8
BIG_JUMP = 0.02
MOST_JUMPS = 3
OUTSIDE = {
    "not_mql": n_("Marketing has not handed this lead over, so the model was not made for it."),
    "past_expiry": n_("This lead was handed over so long ago that the model was not made for it."),
    "closed": n_("This lead is closed; the number says what the model would think of it."),
    "not_yet_created": n_("This lead is not created yet."),
    "not_customer": n_("This lead’s account has not ordered yet, so the model was not made for it."),
}


def lead_values(
    store: Store,
    scorer: Scorer,
    lead_id: str,
    language: str,
    zone: ZoneInfo,
    link: str | None,
    now: int,
    model: str | None = None,
) -> dict[str, Any]:
    """Give what the template of a lead's page shows.

    Parameters
    ----------
    store : Store
    scorer : Scorer
        The model.
    lead_id : str
    language : str
        Of all texts.
    zone : ZoneInfo
        Of days and times.
    link : str or None
        Address of a lead in the CRM, with ``{lead_id}`` in it.
    now : int
        UTC microseconds.
    model : str or None
        That addresses of other leads name; None: none was chosen.

    Raises
    ------
    RequestError
        404: nothing is known of this lead.
    """
    catalog = scorer.bundle.catalog
    with store.read() as connection:
        lead = None if merged_into(connection, lead_id) else read_lead(connection, lead_id, catalog, now)
        if lead is None:
            raise RequestError(404, "unknown_lead", "nothing is known of this lead.", "lead_id")
        if scorer.marked([lead])[0].objected:
            raise RequestError(
                404, "objected", "this lead objected to being scored; nothing of it is shown.", "lead_id"
            )
        weeks = []
        for at in (lead.snapshot_at - number * 7 * DAY_US for number in range(WEEKS, 0, -1)):
            if not not_yet(scorer.bundle, lead, at):
                give_way()
                weeks.append(read_lead(connection, lead_id, catalog, now, at))
        give_way()
        record = read_record(connection, lead_id)
        # a comparison of ways from the hand-over to the qualification, which customers have behind them
        similar = (
            None if scorer.bundle.of_customers else similar_values(connection, scorer, lead, language, zone, model)
        )
    spoken = spoken_language(language)
    give_way()
    entry = entry_of(scorer, lead, spoken, REASONS, now, shown="page")
    give_way()
    history = probability_history(scorer.bundle, [*(week for week in weeks if week is not None), lead], spoken)
    say, bought = words(language), order_summary(lead.orders, lead.snapshot_at)
    return {
        "lead_id": lead_id,
        "account": record.account_id,
        "owner": record.owner,
        "link": None if link is None else crm_link(link, lead_id),
        "entry": entry,
        "not_scored": None
        if entry["not_scored"] is None
        else say.say(NOT_SCORED.get(entry["not_scored"], entry["not_scored"])),
        "outside": [
            say.say(OUTSIDE[item["reason"]]) for item in entry["warnings"] if item["code"] == "outside_population"
        ],
        "label_days": scorer.bundle.label_days,
        **question_of(scorer),
        "bought": None
        if bought is None
        else {**asdict(bought), "last": from_micros(bought.last_at).astimezone(zone).date()},
        "stage": None if record.stage is None else stage_name(record.stage, language),
        "is_open": record.stage in ("mql", "sal"),
        "is_accepted": record.stage == "sal",
        "verdicts": [
            {
                **asdict(item),
                "name": stage_name(item.outcome, language),
                "at": from_micros(item.occurred_at).astimezone(zone),
            }
            for item in record.verdicts
        ],
        "chart": _chart(history, zone),
        "jumps": _jumps(history, zone),
        "timeline": timeline(lead, record, language, zone),
        "group": _group(lead, record, language, zone, model),
        "questions": [say.say(OPEN_QUESTIONS[name]) for name in open_questions(lead.journey.touchpoints)],
        "orders": [
            {"at": from_micros(order.ordered_at).astimezone(zone), "amount": order.amount, "product": order.product}
            for order in sorted(lead.orders, key=lambda order: -order.ordered_at)[:MOST_ORDERS]
        ],
        "more_orders": max(len(lead.orders) - MOST_ORDERS, 0),
        "similar": similar,
        "what_if": [
            {**asdict(item), "name": attribute_label(item.name, spoken) if item.kind == "attribute" else item.name}
            for item in (
                what_if(scorer.bundle, lead, spoken, pause=give_way) if entry["probability"] is not None else []
            )
        ],
        "attributes": sorted(
            (attribute_label(name, spoken), value)
            for name, value in {**lead.account_attributes, **lead.attributes}.items()
            if value is not None
        ),
    }


def _chart(history: Sequence[Point], zone: ZoneInfo) -> dict[str, Any] | None:
    """Lay the probability over time out in a picture of 400 by 150; None: there are fewer than two numbers."""
    points = [point for point in history if point.probability is not None]
    if len(points) < 2:
        return None
    left, width, top, height = 38.0, 354.0, 8.0, 112.0
    begin, end = points[0].at, points[-1].at
    most = max(0.1, min(1.0, max(point.high or 0.0 for point in points) * 1.08))

    def x(at: int) -> float:
        return left + width * (at - begin) / max(end - begin, 1)

    def y(share: float) -> float:
        return top + height * (1.0 - share / most)

    line = [(x(point.at), y(point.probability or 0.0)) for point in points]
    band = [(x(point.at), y(point.high or 0.0)) for point in points]
    band += [(x(point.at), y(point.low or 0.0)) for point in reversed(points)]
    steps = [most * n / 3 for n in range(4)]
    return {
        "line": " ".join(f"{a:.1f},{b:.1f}" for a, b in line),
        "band": " ".join(f"{a:.1f},{b:.1f}" for a, b in band),
        "dots": [(f"{a:.1f}", f"{b:.1f}") for a, b in line],
        "steps": [(share, f"{y(share):.1f}") for share in steps],
        "days": [
            (from_micros(point.at).astimezone(zone).date(), f"{x(point.at):.1f}")
            for point in (points[0], points[len(points) // 2], points[-1])
        ],
        "first": points[0],
        "last": points[-1],
    }


def _jumps(history: Sequence[Point], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Give the largest changes from week to week, newest first."""
    jumps = [point for point in history if point.difference is not None and abs(point.difference) >= BIG_JUMP]
    jumps = sorted(jumps, key=lambda point: -abs(point.difference or 0.0))[:MOST_JUMPS]
    return [
        {
            "at": from_micros(point.at).astimezone(zone).date(),
            "difference": point.difference,
            "probability": point.probability,
            "reasons": point.reasons[:1],
        }
        for point in sorted(jumps, key=lambda point: -point.at)
    ]


def _group(lead: LeadRequest, record: LeadRecord, language: str, zone: ZoneInfo, model: str | None) -> dict[str, Any]:
    """Give the buying group: who of the account was seen, and what is not known of it yet."""
    say = words(language)
    titles = [
        str(value) for values in (lead.attributes, *record.colleague_titles.values()) for value in _titles(values)
    ]
    missing = []
    if not any(map(is_decision_maker, titles)):
        missing.append(say.gettext("No decision-maker seen yet"))
    if record.budget is None and not any(item.check.get("budget") in ("yes", "no") for item in record.standing):
        journeys = (lead.journey, *lead.colleagues)
        asked = any("cost" in open_questions(journey.touchpoints) for journey in journeys)
        missing.append(
            say.gettext("Budget unknown; prices were looked at")
            if asked
            else say.gettext("Budget unknown; nobody has looked at prices yet")
        )
    people = []
    for colleague in sorted(lead.colleagues, key=_last_seen, reverse=True):
        seen = [item for item in colleague.touchpoints if item.occurred_at < lead.snapshot_at]
        last = max(seen, key=lambda item: item.occurred_at, default=None)
        title = ", ".join(map(str, _titles(record.colleague_titles.get(colleague.lead_id, {})))) or colleague.role
        people.append(
            {
                "lead_id": colleague.lead_id,
                "address": lead_address(colleague.lead_id, model),
                "title": title,
                "count": len(seen),
                "last": None if last is None else from_micros(last.occurred_at).astimezone(zone).date(),
                "what": "" if last is None else touchpoint_name(last.kind, last.asset, language),
                "channel": "" if last is None else channel_name(last.channel, language),
            }
        )
    return {"people": people[:10], "more": max(len(people) - 10, 0), "missing": missing}


def _titles(attributes: Mapping[str, Any]) -> list[Any]:
    return [
        attributes[name] for name in ("role", "seniority", "job_title", "title", "department") if attributes.get(name)
    ]


def _last_seen(colleague: LeadJourney) -> int:
    return max((item.occurred_at for item in colleague.touchpoints), default=0)

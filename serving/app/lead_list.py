"""The page of today's leads: which part of the list is asked for, and what each row says, in one language."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, get_args
from zoneinfo import ZoneInfo

from features.timeline import from_micros
from models.answers.open_questions import OPEN_QUESTIONS
from models.data_protection.pseudonyms import looks_like_one
from models.presentation.catalogues import n_, words
from models.presentation.journey_words import kind_name
from models.presentation.numbers import date
from serving.app.web import Visit, lead_address
from serving.contract.model_names import DEFAULT_MODEL
from serving.http.lead_ids import IN_ADDRESS, lead_ids
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.open_leads import (
    ORDERS,
    ListFilter,
    OpenLead,
    Shown,
    count_open_leads,
    list_open_leads,
    owners,
)

__all__ = [
    "ORDER_NAMES",
    "ROWS",
    "SHOWN_NAMES",
    "filter_of",
    "for_marketing",
    "list_values",
    "orders_of",
    "question_of",
    "row_of",
    "shown_names",
    "stage_name",
    "touchpoint_name",
]

ROWS = 25
MOST_SEARCH = 200
NOBODY = "-"
"""Stands in an address for leads without an owner."""

SHOWN_NAMES: Mapping[Shown, str] = {
    "to_call": n_("To call"),
    "held": n_("With marketing"),
    "accepted": n_("Accepted"),
    "all": n_("All open leads"),
}
CUSTOMERS_SHOWN: Mapping[Shown, str] = {"to_call": n_("To call"), "all": n_("All customers")}
"""Customers are neither held back for marketing nor accepted."""
ORDER_NAMES = {
    "probability": n_("Probability, highest first"),
    "risen": n_("Risen most in a week"),
    "fallen": n_("Fallen most in a week"),
    "newest_touchpoint": n_("Last touchpoint, newest first"),
    "oldest_touchpoint": n_("Last touchpoint, oldest first"),
}
ADVICE_NAMES = {"hand_over_now": n_("call now"), "later": n_("others come first")}
NOT_SCORED = {
    "too_little_data": n_("too little data for a number"),
    "already_qualified": n_("already qualified"),
    "disqualified": n_("disqualified"),
    "objected": n_("objected to being scored"),
    "not_yet_created": n_("new in the last 7 days"),
    "not_yet_mql": n_("handed over in the last 7 days"),
}
STAGES = {
    "inquiry": n_("inquiry"),
    "mql": n_("marketing-qualified"),
    "sal": n_("accepted by sales"),
    "sales_qualified": n_("sales-qualified"),
    "disqualified": n_("disqualified"),
    "recycled": n_("recycled"),
    "customer": n_("customer"),
}


def shown_names(scorer: Scorer) -> Mapping[Shown, str]:
    """Give the parts that a model's list has, with their names."""
    return CUSTOMERS_SHOWN if scorer.bundle.of_customers else SHOWN_NAMES


def filter_of(
    query: Mapping[str, str], model: str = DEFAULT_MODEL, parts: Collection[Shown] = get_args(Shown)
) -> tuple[ListFilter, int]:
    """Read what part of a model's list is asked for; a value that is none of ours counts as not given.

    Parameters
    ----------
    query : mapping of str to str
    model : str
    parts : collection of str
        That the list has.

    Returns
    -------
    filter : ListFilter
    number : int
        Of the page, from 1.

    Examples
    --------
    >>> filter_of({"show": "all", "tier": "A", "page": "3", "order": "up"})
    (ListFilter(shown='all', tier='A', owner=None, search='', order='probability', model='leads'), 3)
    """
    number = query.get("page", "1")
    shown: Any = query.get("show", "to_call")
    owner = query.get("owner") or None
    wanted = ListFilter(
        shown=shown if shown in parts else "to_call",
        tier=query["tier"] if query.get("tier") in ("A", "B", "C", "D") else None,
        owner="" if owner == NOBODY else owner,
        search=_searched(query.get("search", "").strip()[:MOST_SEARCH]),
        order=query["order"] if query.get("order") in ORDERS else "probability",
        model=model,
    )
    valid = number.isascii() and number.isdecimal() and len(number) < 7
    return wanted, max(int(number), 1) if valid else 1


def _searched(text: str) -> str:
    """Give what to look for in the store: of an id or a name that is known in full, its pseudonym."""
    ids = lead_ids()
    if ids is None or not text:
        return text
    candidates = [ids.pseudonyms.of("lead", text), ids.pseudonyms.of("owner", text)]
    known = ids.names_of(candidates)
    return next((name for name in candidates if name in known), text)


def list_values(visit: Visit, store: Store, scorer: Scorer, link: str | None, now: int) -> dict[str, Any]:
    """Give what the template of the list shows.

    Parameters
    ----------
    visit : Visit
        Its query holds filter, order and page.
    store : Store
    scorer : Scorer
        Whose list.
    link : str or None
        Address of a lead in the CRM, with ``{lead_id}`` in it.
    now : int
        UTC microseconds.
    """
    names = shown_names(scorer)
    wanted, number = filter_of(visit.query, scorer.served_as, names)
    zone = ZoneInfo(scorer.bundle.catalog.params.time_zone)
    with store.read() as connection:
        part = list_open_leads(connection, wanted, (number - 1) * ROWS, ROWS)
        if not part.leads and part.total:  # the list has become shorter
            number = -(-part.total // ROWS)
            part = list_open_leads(connection, wanted, (number - 1) * ROWS, ROWS)
        counts, people = count_open_leads(connection, wanted.model), owners(connection, wanted.model)
    pages = max(-(-part.total // ROWS), 1)
    return {
        "rows": [row_of(lead, visit.language, zone, link, now, visit.model) for lead in part.leads],
        "label_days": scorer.bundle.label_days,
        **question_of(scorer),
        "total": part.total,
        "first": (number - 1) * ROWS + 1,
        "counts": counts,
        "wanted": wanted,
        "owners": people,
        "nobody": NOBODY,
        "shown_names": names,
        "order_names": ORDER_NAMES,
        "shown_links": {name: visit.address(show=name, page=None, done=None, lang=None) for name in names},
        "previous": visit.address(page=number - 1, done=None, lang=None) if number > 1 else None,
        "next": visit.address(page=number + 1, done=None, lang=None) if number < pages else None,
        "number": number,
        "pages": pages,
        "today": from_micros(now).astimezone(zone).date(),
        "exports": {
            form: visit.address_of("/app/export", format=form, page=None, done=None) for form in ("xlsx", "csv")
        },
    }


def row_of(
    lead: OpenLead, language: str, zone: ZoneInfo, link: str | None, now: int, model: str | None = None
) -> dict[str, Any]:
    """Give what is shown of one lead of the list; its address names the model, where one was chosen."""
    say = words(language)
    details = lead.details
    change = details["change"].get(language)
    last = details["last_touchpoint"] or {}
    return {
        "lead_id": lead.lead_id,
        "address": lead_address(lead.lead_id, model),
        "account": lead.account_id,
        "owner": lead.owner,
        "link": None if link is None else crm_link(link, lead.lead_id),
        "probability": lead.probability,
        "low": lead.low,
        "high": lead.high,
        "tier": lead.tier,
        "not_scored": None if lead.not_scored is None else say.say(NOT_SCORED.get(lead.not_scored, lead.not_scored)),
        "decision": details["decision"],
        "advice": _advice(lead, language),
        "for_marketing": for_marketing(lead, language),
        "stage": lead.stage,
        "reasons": details["reasons"].get(language, []),
        "difference": _difference(lead),
        "is_news": None if change is None or change["not_scored"] is None else _why_new(change["not_scored"], language),
        "change": change["reasons"][:1] if change is not None and _difference(lead) not in (None, 0.0) else [],
        "touched": None if lead.last_touchpoint_at is None else from_micros(lead.last_touchpoint_at).astimezone(zone),
        "touched_days": None if lead.last_touchpoint_at is None else _days(lead.last_touchpoint_at, now, zone),
        "orders": orders_of(lead, zone),
        "touchpoint": touchpoint_name(lead.last_touchpoint, last.get("asset"), language),
    }


def question_of(scorer: Scorer) -> dict[str, Any]:
    """Say what the model of a page predicts: of customers an order (``purchase`` as the label has it), else a qualification."""
    bundle = scorer.bundle
    purchase = bundle.metadata.get("purchase", "again") if bundle.of_customers else None
    return {"of_customers": bundle.of_customers, "purchase": purchase}


def orders_of(lead: OpenLead, zone: ZoneInfo) -> dict[str, Any] | None:
    """Give the day of the last order, the rhythm in days, and the value; None: no order, or no model of customers."""
    orders = lead.details.get("orders")
    if orders is None:
        return None
    return {**orders, "last": from_micros(orders["last_at"]).astimezone(zone).date()}


def _advice(lead: OpenLead, language: str) -> str | None:
    """Give what is advised, in a few words; None: nothing can be told of when to call."""
    decision, say = lead.details["decision"], words(language)
    advice = None if decision is None else decision.get("advice")
    if advice == "wait_until":
        until = date(dt.date.fromisoformat(decision["until"]), language)
        return say.gettext("wait until {day}", day=until)
    return say.say(ADVICE_NAMES[advice]) if advice in ADVICE_NAMES else None


def for_marketing(lead: OpenLead, language: str) -> dict[str, list[str]] | None:
    """Give what marketing may speak of with a lead that is held; None: it is not held."""
    decision, say = lead.details["decision"], words(language)
    told = None if decision is None else decision.get("for_marketing")
    if told is None:
        return None
    questions = [say.say(OPEN_QUESTIONS[name]) for name in told["open_questions"]]
    return {"questions": questions, "next_content": [asset.replace("_", " ") for asset in told["next_content"]]}


def crm_link(link: str, lead_id: str) -> str:
    """Fill in a lead's id; of a pseudonym, what it stands for gets there with the answer."""
    from urllib.parse import quote

    if lead_ids() is not None and looks_like_one(lead_id):
        return link.replace("{lead_id}", f"{IN_ADDRESS}{lead_id}")
    return link.replace("{lead_id}", quote(lead_id, safe="", errors="replace"))


def touchpoint_name(kind: str | None, asset: str | None, language: str) -> str:
    """Name a touchpoint as people do: what it was, and of which page or file."""
    if kind is None:
        return ""
    name = kind_name(kind, language)
    return f"{name}: {asset.replace('_', ' ')}" if asset else name


def stage_name(stage: str, language: str) -> str:
    """Name a stage as people do."""
    return words(language).say(STAGES[stage]) if stage in STAGES else stage


def _why_new(why: str, language: str) -> str:
    return words(language).say(NOT_SCORED[why]) if why in NOT_SCORED else why


def _difference(lead: OpenLead) -> float | None:
    """Give the change in a week as far as whole points show it."""
    if lead.probability is None or lead.probability_before is None:
        return None
    return (round(100 * lead.probability) - round(100 * lead.probability_before)) / 100


def _days(at: int, now: int, zone: ZoneInfo) -> int:
    days: dt.timedelta = from_micros(now).astimezone(zone).date() - from_micros(at).astimezone(zone).date()
    return days.days

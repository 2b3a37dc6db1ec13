"""What sales decides on the pages: accept, reject, the check after a talk, undo; written as `POST /outcomes` would be."""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from features.timeline import from_micros
from models.presentation.catalogues import n_, words
from serving.contract.errors import RequestError
from serving.contract.model_names import DEFAULT_MODEL
from serving.http.lead_ids import lead_ids
from serving.online.intake import accept_parsed
from serving.online.routes import Online
from serving.store.lead_record import is_known, read_verdicts
from serving.store.open_leads import OpenLead, open_lead

__all__ = ["QUESTIONS", "REASONS", "VERDICTS", "Done", "address_after", "decide", "form_values", "notice"]

MOST_REASON = 200
TWICE_US = 60_000_000
"""The same decision of the same person within so long is one."""

REASONS = {
    "no_need": n_("no need"),
    "no_budget": n_("no budget"),
    "too_early": n_("too early"),
    "no_decision_maker": n_("no decision-maker"),
    "does_not_fit": n_("our product does not fit"),
    "competitor": n_("bought elsewhere"),
    "not_reached": n_("not reached"),
    "no_real_lead": n_("no real lead"),
}
"""Why a lead is rejected: what is stored, and its words."""

VERDICTS = {
    "sales_qualified": n_("Qualified: there is a real need"),
    "recycled": n_("Later: back to marketing"),
    "disqualified": n_("Rejected: not worth another call"),
}
QUESTIONS = {
    "need": n_("Is there a need that we can solve?"),
    "budget": n_("Are cost and budget settled?"),
    "compatibility": n_("Does our product fit their systems?"),
    "timing": n_("Do they want it within our time frame?"),
}
ANSWERS = {"yes": n_("yes"), "no": n_("no"), "open": n_("open")}
SAID = {
    "sal": n_("Accepted: {lead}"),
    "sales_qualified": n_("Qualified: {lead}"),
    "disqualified": n_("Rejected: {lead}"),
    "recycled": n_("Back to marketing: {lead}"),
    "undone": n_("Taken back: {lead}"),
}


class Done(NamedTuple):
    """What was decided about which lead, and under which id it can be taken back."""

    what: str
    lead_id: str
    outcome_id: str


def decide(parts: Online, fields: Mapping[str, str], name: str, now: int, model: str = DEFAULT_MODEL) -> Done:
    """Write a verdict, and bring the list up to date at once.

    Parameters
    ----------
    parts : Online
        Store, scorer and dispatcher of this process.
    fields : mapping of str to str
        The form.
    name : str
        Of whoever decides; empty: not known.
    now : int
        UTC microseconds.
    model : str
        Whose list the person looked at: its advice stands beside the verdict.

    Raises
    ------
    RequestError
        422, with the form's field that is wrong; or what `POST /outcomes` would answer.
    """
    lead_id, what = fields.get("lead_id", ""), fields.get("do", "")
    ids = lead_ids()
    name = ids.of("owner", name) if ids is not None and name else name
    if not lead_id:
        raise RequestError(422, "missing_field", "no lead is named.", "lead_id")
    with parts.store.read() as connection:
        if not is_known(connection, lead_id):
            raise RequestError(404, "unknown_lead", "nothing is known of this lead.", "lead_id")
        listed = open_lead(connection, lead_id, model)
        verdicts = [item for item in read_verdicts(connection, lead_id) if item.retracted_at is None]
    by = {"decided_by": name} if name else {}
    if what == "undo":
        _tell(parts, {"lead_id": lead_id, "retracts": fields.get("retracts", ""), **by}, now)
        return Done("undone", lead_id, "")
    outcome = "sal" if what == "sal" else fields.get("outcome", "")
    if outcome not in SAID or outcome == "undone":
        raise RequestError(422, "invalid_value", "no verdict is chosen.", "outcome")
    verdict: dict[str, Any] = {
        "lead_id": lead_id,
        "outcome": outcome,
        "outcome_id": f"page-{uuid.uuid4()}",
        "occurred_at": from_micros(now).isoformat(),
    }
    if outcome in ("disqualified", "recycled"):
        reason = fields.get("other", "").strip() or REASONS.get(fields.get("reason", ""), "")
        if not reason:
            raise RequestError(422, "missing_field", "no reason is given.", "reason")
        verdict["reason"] = parts.models.redactor().text(reason)[:MOST_REASON]
    last = verdicts[0] if verdicts else None
    if last is not None and (last.outcome, last.reason) == (outcome, verdict.get("reason")) and last.outcome_id:
        if (last.decided_by or "") == name and now - last.occurred_at < TWICE_US:
            return Done(outcome, lead_id, last.outcome_id)  # a button was pressed twice
        if outcome == "sal" and listed is not None and listed.stage == "sal":
            message = f"{last.decided_by or 'somebody'} accepted this lead before."
            raise RequestError(409, "already_accepted", message, "do")
    if name and outcome == "sal":
        verdict["owner"] = name
    check = {question: fields[question] for question in QUESTIONS if fields.get(question) in ANSWERS}
    advice = _advice(listed)
    verdict |= {**by, **({"check": check} if check else {}), **({} if advice is None else {"advice": advice})}
    _tell(parts, verdict, now)
    return Done(outcome, lead_id, verdict["outcome_id"])


def _tell(parts: Online, verdict: dict[str, Any], now: int) -> None:
    catalogs = [scorer.bundle.catalog for scorer in parts.models.now()]
    body = {"outcomes": [verdict]}
    accept_parsed(parts.store, "outcomes", body, now, catalogs, redactor=parts.models.redactor())
    parts.dispatcher.score_now([verdict["lead_id"]])


def _advice(lead: OpenLead | None) -> str | None:
    """Give the advice that the list showed of a lead; None: it was not on the list, or there was none."""
    decision = None if lead is None else lead.details["decision"]
    if decision is None:
        return None
    advice: str | None = decision.get("advice")
    # Where nothing can be told of when, the page says whether the lead is worth a call
    if advice in (None, "unknown"):
        advice = {True: "hand_over_now", False: "later"}.get(decision.get("within_capacity"), advice)
    return advice


def address_after(to: str, done: Done) -> str:
    """Give the page to go back to, with what was done in its query."""
    path, _, query = to.partition("?")
    said = urlencode({"done": done.what, "lead": done.lead_id, "undo": done.outcome_id}, errors="replace")
    return f"{path}?{query}&{said}" if query else f"{path}?{said}"


def notice(connection: Any, query: Mapping[str, str], language: str) -> dict[str, Any] | None:
    """Give what a page says of the decision before; None: there was none, or an address made it up."""
    what, lead_id = query.get("done", ""), query.get("lead", "")
    if what not in SAID or not lead_id:
        return None
    if what == "undone":
        is_true = is_known(connection, lead_id)
    else:
        verdicts = read_verdicts(connection, lead_id)
        is_true = any((item.outcome, item.outcome_id) == (what, query.get("undo")) for item in verdicts)
    if not is_true:
        return None
    return {
        "text": words(language).say(SAID[what]).format(lead=lead_id),
        "lead_id": lead_id,
        "undo": query.get("undo") or None,
    }


def form_values(given: Mapping[str, str], error: RequestError | None, language: str) -> dict[str, Any]:
    """Give the fields of the form of a lead's page, as they were filled in, and what is wrong with one of them."""
    say = words(language)
    texts = {
        "outcome": say.gettext("Choose what became of the lead."),
        "reason": say.gettext("Choose a reason, or write one: marketing learns from it."),
        "do": say.gettext(
            "Somebody else has accepted this lead meanwhile; see below who. Take that back first, if it was a mistake."
        ),
    }
    other = say.gettext("This was not accepted. Check what is filled in, and try again.")
    field = None if error is None else error.field if error.field in texts else "outcome"
    return {
        "given": given,
        "field": field,
        "error": None if field is None else texts.get(error.field or "", other) if error is not None else None,
        "reasons": {name: say.say(text) for name, text in REASONS.items()},
        "verdicts": {name: say.say(text) for name, text in VERDICTS.items()},
        "questions": {name: say.say(text) for name, text in QUESTIONS.items()},
        "answers": {name: say.say(text) for name, text in ANSWERS.items()},
    }

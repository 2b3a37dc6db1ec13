"""From chances to what sales should do: one decision, for answers, webhooks, score files and CRM pushes alike.

It is advice: nobody is rejected by it. Whether a lead is called `later` is decided against the price of a slot, which a run
over the whole queue stored; other leads of a request, or of a file, play no part.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from features.timeline import from_micros
from models.answers.advice import Advice
from models.answers.contact import Contact, Trial
from models.answers.risk_set import CUSTOMERS
from models.answers.scoring import Score
from models.answers.slot_price import SlotPrice, price_that_counts
from models.answers.warnings import OLD_SLOT_PRICE, InputWarning, input_warning
from models.bundle import Bundle
from models.presentation.catalogues import n_, words
from models.presentation.numbers import date, percent

__all__ = ["Decision", "decide", "decision_json", "decision_of", "gist", "price_warnings"]

_SILENT = {
    "no_handovers": n_("When to call can't be told: this model learned from no hand-overs."),
    "too_few_calls": n_(
        "When to call can't be told: too few first contacts with a known outcome were there to learn from."
    ),
    "too_few_weeks": n_("When to call can't be told: too few weeks without a call were there to learn from."),
    "outside": n_("When to call can't be told: the lead is not waiting for a first contact."),
    "contacted": n_("Sales speaks with this lead already."),
    "waited_long": n_("When to call can't be told: hardly any lead was called after so long a wait."),
    CUSTOMERS: n_("This model says who is likely to order, not when to call."),
}


@dataclass(frozen=True)
class Decision:
    """What the chances of one lead mean for sales.

    Attributes
    ----------
    tier : str
        ``A`` to ``D``.
    within_capacity : bool or None
        Whether sales' capacity reaches down to this probability; None where no capacity cut-off is known.
    advice : str
        Of `models.answers.advice`.
    until : str or None
        With `wait_until` the day to look again, in ISO 8601, UTC.
    if_now, if_waiting : dict or None
        ``probability`` of a qualification after a first contact now, or after `days` of waiting, each with its ``interval``.
    price : dict or None
        ``probability`` that the last slot of a week goes for, with its moment (``at``, ISO 8601) and whether it is the one of
        training (``of_training``) as none is recent; None: it plays no part.
    for_marketing : dict or None
        Of a lead that is held: its likely ``open_questions``, and the ``next_content`` that leads like it looked at before
        they were qualified, a description and no promise.
    trial : dict or None
        Of a lead near the boundary, where some get a random week of contact: whether it was ``drawn``, and the ``propensity``
        of holding it or not, as was advised.
    text : str
        The advice as a sentence.
    """

    tier: str
    within_capacity: bool | None
    advice: Advice
    until: str | None
    if_now: dict[str, Any] | None
    if_waiting: dict[str, Any] | None
    price: dict[str, Any] | None
    for_marketing: dict[str, Any] | None
    trial: dict[str, Any] | None
    text: str


def decide(
    score: Score,
    metadata: Mapping[str, Any],
    price: SlotPrice | None,
    widest: float,
    language: str = "en",
    *,
    of_training: bool = False,
) -> Decision | None:
    """Decide about one lead; other leads of the request, or of the file, play no part.

    Parameters
    ----------
    score : Score
        What is known of it.
    metadata : mapping
        The bundle's; ``capacity_cutoff`` is the lowest probability that capacity reaches.
    price : SlotPrice or None
        What the last slot of a week goes for: below it a lead is called later. None: the bundle knows of no timing.
    widest : float
        A chance whose interval is wider is too little to go on.
    language : str
        Of the sentence.
    of_training : bool
        The price is that of training, as none is recent.

    Returns
    -------
    Decision or None
        None: the lead is not scored.
    """
    if score.probability is None or score.tier is None or score.contact is None:
        return None
    cutoff = metadata.get("capacity_cutoff")
    within = None if cutoff is None else bool(score.probability >= cutoff)
    if score.contact.silence is not None or price is None:
        why = score.contact.silence if score.contact.silence in _SILENT else metadata.get("no_timing")
        why = CUSTOMERS if metadata.get("risk_set") == CUSTOMERS else why
        text = words(language).gettext(_SILENT.get(str(why), _SILENT["no_handovers"]))
        return Decision(score.tier, within, "unknown", None, None, None, None, None, None, text)
    contact = score.contact
    at = from_micros(price.at).isoformat()
    advice, until, text = _advise(contact, price, widest, language)
    return Decision(
        score.tier,
        within,
        advice,
        until,
        {"probability": contact.now[0], "interval": list(contact.now[1:])},
        {"days": contact.days, "probability": contact.later[0], "interval": list(contact.later[1:])},
        {"probability": price.value, "at": at, "of_training": of_training},
        _for_marketing(contact) if advice == "wait_until" else None,
        None if contact.trial is None else _trial(contact.trial),
        text,
    )


def decision_of(score: Score, bundle: Bundle, language: str = "en", stored: SlotPrice | None = None) -> Decision | None:
    """Decide about a lead by the cut-off that is stored with the model, and the price of a slot.

    Parameters
    ----------
    score, bundle, language
        As for `decide`.
    stored : SlotPrice or None
        Of the newest run over the whole queue; where it is not recent the price of training counts.

    Returns
    -------
    Decision or None
        None: the lead is not scored.
    """
    price, of_training = price_that_counts(stored, bundle, score.snapshot_at)
    return decide(score, bundle.metadata, price, bundle.calibration.widest, language, of_training=of_training)


def decision_json(decision: Decision | None) -> dict[str, Any] | None:
    """Write a decision as it stands in answers and webhooks."""
    return None if decision is None else asdict(decision)


def price_warnings(decision: Decision | None, language: str) -> tuple[InputWarning, ...]:
    """Warn of a decision against the price of training: no run over the whole queue is recent."""
    price = None if decision is None else decision.price
    if price is None or not price["of_training"]:
        return ()
    day = date(dt.datetime.fromisoformat(price["at"]).date(), language)
    return (input_warning(OLD_SLOT_PRICE, "decision.price", day, language),)


def gist(decision: Decision | None) -> dict[str, Any] | None:
    """Give what of a decision is news when it changes: not the figures, which move with every touchpoint."""
    if decision is None:
        return None
    told = {"tier": decision.tier, "within_capacity": decision.within_capacity}
    return told if decision.advice == "unknown" else {**told, "advice": decision.advice}


def _trial(trial: Trial) -> dict[str, Any]:
    return {"drawn": trial.week is not None, "propensity": trial.propensity}


def _for_marketing(contact: Contact) -> dict[str, Any]:
    return {"open_questions": list(contact.questions), "next_content": list(contact.next_content)}


def _advise(contact: Contact, price: SlotPrice, widest: float, language: str) -> tuple[Advice, str | None, str]:
    say = words(language)
    now, low, high = contact.now
    chance = percent(now, language)
    if high - low > widest:
        text = say.gettext(
            "There is too little data to tell when to call: after a call now the chance lies between {low} and {high}.",
            low=percent(low, language),
            high=percent(high, language),
        )
        return "too_little_data", None, text
    drawn = contact.trial is not None and contact.trial.week is not None
    if contact.hold and drawn:
        day = from_micros(contact.until).date()
        text = say.gettext(
            "Marketing speaks next: wait until {day}. Waiting hardly changes the chance ({now}), so the day was drawn by lot, "
            "to learn from it.",
            day=date(day, language),
            now=chance,
        )
        return "wait_until", day.isoformat(), text
    if contact.hold:
        day = from_micros(contact.until).date()
        text = say.gettext(
            "Marketing speaks next: wait until {day}; a first call is likelier to succeed then ({later} instead of {now}).",
            day=date(day, language),
            later=percent(contact.later[0], language),
            now=chance,
        )
        return "wait_until", day.isoformat(), text
    if now < price.value and price.is_cost:
        text = say.gettext(
            "Sales speaks next, but not now: a call now succeeds with {now}, which is not worth its cost.", now=chance
        )
        return "later", None, text
    if now < price.value:
        text = say.gettext(
            "Sales speaks next, but others come first: a call now succeeds with {now}, this week's last slot goes for {price}.",
            now=chance,
            price=percent(price.value, language),
        )
        return "later", None, text
    if drawn:
        text = say.gettext(
            "Sales speaks next: call now. Waiting hardly changes the chance ({now}), so the day was drawn by lot, to learn "
            "from it.",
            now=chance,
        )
        return "hand_over_now", None, text
    text = say.gettext(
        "Sales speaks next: call now. A call succeeds with {now}, and waiting does not help.", now=chance
    )
    return "hand_over_now", None, text

"""From chances to what sales should do: one decision, for answers, webhooks, score files and CRM pushes alike.

It is advice: nobody is rejected by it.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from features.timeline import from_micros
from models.answers.advice import Advice
from models.answers.contact import Contact
from models.answers.scoring import Score
from models.bundle import Bundle
from models.presentation.catalogues import n_, words
from models.presentation.numbers import date, percent

__all__ = ["Decision", "decide", "decision_json", "decision_of", "gist"]

_SILENT = {
    "no_timing": n_("When to call can't be told: this model learned from no hand-overs."),
    "outside": n_("When to call can't be told: the lead is not waiting for a first contact."),
    "contacted": n_("Sales speaks with this lead already."),
    "waited_long": n_("When to call can't be told: hardly any lead was called after so long a wait."),
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
    text : str
        The advice as a sentence.
    """

    tier: str
    within_capacity: bool | None
    advice: Advice
    until: str | None
    if_now: dict[str, Any] | None
    if_waiting: dict[str, Any] | None
    text: str


def decide(
    score: Score, metadata: Mapping[str, Any], price: float | None, widest: float, language: str = "en"
) -> Decision | None:
    """Decide about one lead; other leads of the request, or of the file, play no part.

    Parameters
    ----------
    score : Score
        What is known of it.
    metadata : mapping
        The bundle's; ``capacity_cutoff`` is the lowest probability that capacity reaches.
    price : float or None
        The chance that the last slot of a week went for: below it a lead is called later. None: the bundle knows none.
    widest : float
        A chance whose interval is wider is too little to go on.
    language : str
        Of the sentence.

    Returns
    -------
    Decision or None
        None: the lead is not scored.
    """
    if score.probability is None or score.tier is None or score.contact is None:
        return None
    cutoff = metadata.get("capacity_cutoff")
    within = None if cutoff is None else bool(score.probability >= cutoff)
    return Decision(score.tier, within, *_advise(score.contact, score.snapshot_at, price, widest, language))


def decision_of(score: Score, bundle: Bundle, language: str = "en") -> Decision | None:
    """Decide about a lead by the cut-off and the price that are stored with the model; None: it is not scored."""
    price = None if bundle.timing is None else float(bundle.timing.facts["price"])
    return decide(score, bundle.metadata, price, bundle.calibration.widest, language)


def decision_json(decision: Decision | None) -> dict[str, Any] | None:
    """Write a decision as it stands in answers and webhooks."""
    return None if decision is None else asdict(decision)


def gist(decision: Decision | None) -> dict[str, Any] | None:
    """Give what of a decision is news when it changes: not the figures, which move with every touchpoint."""
    if decision is None:
        return None
    told = {"tier": decision.tier, "within_capacity": decision.within_capacity}
    return told if decision.advice == "unknown" else {**told, "advice": decision.advice}


def _advise(
    contact: Contact, at: int, price: float | None, widest: float, language: str
) -> tuple[Advice, str | None, dict[str, Any] | None, dict[str, Any] | None, str]:
    say = words(language)
    if contact.silence is not None or price is None:
        return "unknown", None, None, None, say.gettext(_SILENT[contact.silence or "no_timing"])
    now, *now_range = contact.now
    later, *later_range = contact.later
    if_now = {"probability": now, "interval": now_range}
    if_waiting = {"days": contact.days, "probability": later, "interval": later_range}
    chance = percent(now, language)
    if now_range[1] - now_range[0] > widest:
        text = say.gettext(
            "There is too little data to tell when to call: after a call now the chance lies between {low} and {high}.",
            low=percent(now_range[0], language),
            high=percent(now_range[1], language),
        )
        return "too_little_data", None, if_now, if_waiting, text
    if contact.hold:
        day = (from_micros(at) + dt.timedelta(days=contact.days)).date()
        text = say.gettext(
            "Marketing speaks next: wait until {day}; a first call is likelier to succeed then ({later} instead of {now}).",
            day=date(day, language),
            later=percent(later, language),
            now=chance,
        )
        return "wait_until", day.isoformat(), if_now, if_waiting, text
    if now < price:
        text = say.gettext(
            "Sales speaks next, but others come first: a call now succeeds with {now}, this week's last slot goes for {price}.",
            now=chance,
            price=percent(price, language),
        )
        return "later", None, if_now, if_waiting, text
    text = say.gettext(
        "Sales speaks next: call now. A call succeeds with {now}, and waiting does not help.", now=chance
    )
    return "hand_over_now", None, if_now, if_waiting, text

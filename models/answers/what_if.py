"""Which changes in a lead's data or journey would change its score most.

This is a statement about the model, not about what an action would bring.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from features.journeys import TouchpointRecord
from features.params import SelectorParams
from models.answers.requests import LeadRequest
from models.answers.scoring import Score, score_requests
from models.bundle import Bundle

__all__ = ["Variant", "what_if"]

MINUTE_US = 60_000_000
MOST_CATEGORIES = 12
MOST = 6
AT_ONCE = 16
SMALLEST = 0.005
"""Changes below half a point are left out."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One change, and the score with it.

    Attributes
    ----------
    kind : {"attribute", "touchpoint"}
        Another value of an attribute, or one more touchpoint a minute before the snapshot.
    name : str
        Of the attribute, or what the selector picks in plain words.
    key : str
        Name of the attribute, or of the selector.
    value, former : object
        Of the attribute; None for touchpoints, and where it is not known.
    probability, difference : float
        With the change, and less the lead's own.
    """

    kind: Literal["attribute", "touchpoint"]
    name: str
    key: str
    value: Any
    former: Any
    probability: float
    difference: float


def what_if(
    bundle: Bundle,
    lead: LeadRequest,
    language: str,
    most: int = MOST,
    smallest: float = SMALLEST,
    *,
    pause: Callable[[], None] = lambda: None,
) -> list[Variant]:
    """Score a lead with one thing changed at a time; the largest differences first.

    Parameters
    ----------
    bundle : Bundle
        The model.
    lead : LeadRequest
        As it is known.
    language : {"en", "de"}
        Of the selectors' words.
    most : int
        At most so many; of each attribute the one value that moves most.
    pause : callable
        Called between parts of the work, so that others get their turn.
    smallest : float
        Differences below it are left out.
    """
    changed = [*_attributes(bundle, lead), *_touchpoints(bundle, lead, language)]
    requests, scores = [lead, *(request for request, *_ in changed)], list[Score]()
    for begin in range(0, len(requests), AT_ONCE):
        pause()
        scores += score_requests(bundle, requests[begin : begin + AT_ONCE], explain=False)
    own = scores[0].probability
    if own is None:
        return []
    best: dict[tuple[str, str], Variant] = {}
    for (_, kind, name, key, value, former), score in zip(changed, scores[1:], strict=True):
        if score.probability is None:
            continue
        variant = Variant(kind, name, key, value, former, score.probability, score.probability - own)
        known = best.get((kind, name))
        if known is None or abs(variant.difference) > abs(known.difference):
            best[kind, name] = variant
    ordered = sorted(best.values(), key=lambda variant: -abs(variant.difference))
    return [variant for variant in ordered if abs(variant.difference) >= smallest][:most]


_Changed = tuple[LeadRequest, Literal["attribute", "touchpoint"], str, str, Any, Any]


def _attributes(bundle: Bundle, lead: LeadRequest) -> Iterator[_Changed]:
    for spec in bundle.catalog.attributes:
        is_of_lead = spec.entity == "lead"
        values = lead.attributes if is_of_lead else lead.account_attributes
        former = values.get(spec.name)
        options: Sequence[Any] = (True, False) if spec.type == "boolean" else spec.categories[:MOST_CATEGORIES]
        for value in options:
            if value != former:
                changed = {**values, spec.name: value}
                request = replace(lead, attributes=changed) if is_of_lead else replace(lead, account_attributes=changed)
                yield request, "attribute", spec.name, spec.name, value, former


def _touchpoints(bundle: Bundle, lead: LeadRequest, language: str) -> Iterator[_Changed]:
    at = lead.snapshot_at - MINUTE_US
    for name, rule in bundle.catalog.params.selectors.items():
        example = _example(rule, at)
        if example is None:
            continue
        journey = lead.journey._replace(touchpoints=[*lead.journey.touchpoints, example])
        label = name.replace("_", " ") if rule.label is None else getattr(rule.label, language)
        yield replace(lead, journey=journey), "touchpoint", label, name, None, None


def _example(rule: SelectorParams, at: int) -> TouchpointRecord | None:
    """Make a touchpoint that a selector picks, of the first of its patterns; None: it names no kind."""
    if not rule.kind or "lead" not in rule.by:
        return None

    def first(patterns: tuple[str, ...] | None) -> str | None:
        return patterns[0].replace("*", "").replace("?", "") or None if patterns else None

    kind = first(rule.kind)
    if kind is None:
        return None
    return TouchpointRecord(kind, at, at, first(rule.channel), first(rule.asset), first(rule.campaign))

"""How a score came about, for its person: reasons in both languages, and what of their own doing would change it.

Statements about the model: what an action would bring is another question.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from features.timeline import from_micros
from features.wording.units import LANGUAGES
from models.answers.decision import decision_of
from models.answers.reasons import top_reasons
from models.answers.requests import LeadRequest
from models.answers.scoring import score_requests
from models.answers.what_if import Variant, what_if
from models.bundle import Bundle

__all__ = ["COUNTERFACTUALS", "explained", "reasons_of"]

COUNTERFACTUALS = 2
REASONS = 6
INFLUENCED = ("newsletter", "opt_in", "opted_in", "consent", "subscribed", "mailing_list")
"""Parts of names of attributes that a person sets; what they do themselves, they can influence anyway."""


def explained(bundle: Bundle, lead: LeadRequest) -> dict[str, Any]:
    """Score a lead and explain it.

    Parameters
    ----------
    bundle : Bundle
    lead : LeadRequest
        As it is known.

    Returns
    -------
    dict
        Plain values: `snapshot_at`, `probability`, `low`, `high`, `tier`, `not_scored`, `within_capacity`, `label_days`,
        `advice` and `reasons` by language, and at most two `counterfactuals`, each with the probability that the model would
        give.
    """
    answers = {
        language: score_requests(bundle, [lead], n_reasons=REASONS, language=language)[0] for language in LANGUAGES
    }
    score = answers[LANGUAGES[0]]
    decisions = {language: decision_of(score, bundle, language) for language in LANGUAGES}
    decision = decisions[LANGUAGES[0]]
    return {
        "snapshot_at": from_micros(score.snapshot_at).isoformat(),
        "probability": score.probability,
        "low": score.low,
        "high": score.high,
        "tier": score.tier,
        "not_scored": score.not_scored,
        "within_capacity": None if decision is None else decision.within_capacity,
        "advice": {language: made.text for language, made in decisions.items() if made is not None},
        "label_days": bundle.label_days,
        "reasons": {
            language: [{"text": reason.text, "contribution": reason.contribution} for reason in answer.reasons]
            for language, answer in answers.items()
        },
        "counterfactuals": [] if score.probability is None else _counterfactuals(bundle, lead),
    }


def reasons_of(bundle: Bundle, vectors: np.ndarray) -> list[dict[str, list[dict[str, Any]]]]:
    """Give the reasons of logged feature vectors, by language; they depend on vector and bundle alone.

    Parameters
    ----------
    bundle : Bundle
        The one that scored them.
    vectors : ndarray of float32 [rows, features]
    """
    contributions = bundle.classifier.contributions(vectors)
    return [
        {
            language: [
                {"text": reason.text, "contribution": reason.contribution}
                for reason in top_reasons(contributions[row], vectors[row], bundle.catalog, REASONS, language)
            ]
            for language in LANGUAGES
        }
        for row in range(len(vectors))
    ]


def _counterfactuals(bundle: Bundle, lead: LeadRequest) -> list[dict[str, Any]]:
    """Pick the two changes of a person's own doing that move the probability most, of different things."""
    variants = what_if(bundle, lead, LANGUAGES[0], most=1_000, smallest=0.0)
    chosen = [variant for variant in variants if _is_influenced(variant) and variant.difference != 0.0][
        :COUNTERFACTUALS
    ]
    return [
        {
            "kind": variant.kind,
            "name": variant.key,
            "words": _words(bundle, variant),
            "is_doing": variant.kind == "touchpoint" and bundle.catalog.params.selectors[variant.key].did is not None,
            "value": variant.value,
            "former": variant.former,
            "probability": variant.probability,
            "difference": variant.difference,
        }
        for variant in chosen
    ]


def _is_influenced(variant: Variant) -> bool:
    return variant.kind == "touchpoint" or any(part in variant.key for part in INFLUENCED)


def _words(bundle: Bundle, variant: Variant) -> dict[str, str]:
    """Say by language what is different: what the lead did once more, or the attribute's name."""
    if variant.kind == "attribute":
        return dict.fromkeys(LANGUAGES, variant.key.replace("_", " "))
    rule = bundle.catalog.params.selectors[variant.key]
    said: Sequence[Any] = [text for text in (rule.did, rule.label) if text is not None]
    return {language: getattr(said[0], language) if said else variant.key.replace("_", " ") for language in LANGUAGES}

"""Warnings of leads unlike all that a model learned from: why."""

from dataclasses import replace
from functools import lru_cache

from features.compute import Snapshots
from features.journeys import Journeys
from models.answers.population import Outside, outside_population, without_touchpoints
from models.answers.risk_set import RiskSet
from models.answers.warnings import InputWarning, input_warning
from models.bundle import Bundle
from models.presentation.catalogues import n_, words

__all__ = ["OUTSIDE_WORDS", "population_warnings"]

# Per reason: the sentence, and the field that it is about.
OUTSIDE_WORDS: dict[Outside, tuple[str, str]] = {
    "not_yet_created": (n_("the lead had not been created yet"), "created_at"),
    "not_mql": (n_("the lead is not marketing-qualified, it has no stage change to mql"), "stage_changes"),
    "past_expiry": (n_("the lead became marketing-qualified {days} days ago or longer"), "stage_changes"),
    "closed": (
        n_("the lead was recycled, disqualified, qualified or won, and has not become marketing-qualified since"),
        "stage_changes",
    ),
    "not_customer": (n_("no earlier order of the lead's account is known"), "account.orders"),
}


def population_warnings(
    bundle: Bundle, journeys: Journeys, snapshots: Snapshots, language: str
) -> list[tuple[InputWarning, ...]]:
    """Warn of snapshots unlike all that the model learned from; none, one or two warnings per snapshot.

    Parameters
    ----------
    bundle : Bundle
        Its own risk set decides, see `models.answers.population`.
    journeys, snapshots
        As for `features.compute.compute_features`.
    language : {"en", "de"}
        Of the messages.
    """
    risk_set = RiskSet.of(bundle.metadata)
    warnings_of = _population_words(risk_set.expire_days, bundle.catalog.params.observation_days, language)
    outside = outside_population(journeys, snapshots, risk_set)
    silent = without_touchpoints(bundle, journeys, snapshots).tolist()
    return [warnings_of[key] for key in zip(outside, silent, strict=True)]


@lru_cache(maxsize=16)
def _population_words(
    expire_days: int | None, observation_days: int, language: str
) -> dict[tuple[Outside | None, bool], tuple[InputWarning, ...]]:
    """Give the warnings of a lead by why it is outside, and whether no touchpoint of it is seen."""
    silent = input_warning("no_touchpoints", "touchpoints", str(observation_days), language)
    warnings_of: dict[tuple[Outside | None, bool], tuple[InputWarning, ...]] = {
        (None, False): (),
        (None, True): (silent,),
    }
    for reason, (sentence, field) in OUTSIDE_WORDS.items():
        why = words(language).filled(sentence, days=expire_days)
        outside = replace(input_warning("outside_population", field, why, language), reason=reason)
        warnings_of |= {(reason, False): (outside,), (reason, True): (outside, silent)}
    return warnings_of

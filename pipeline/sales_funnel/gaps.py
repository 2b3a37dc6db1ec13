"""The ledger: each campaign's shortfall in lead quality and handling, and what teams make of their leads."""

from typing import Any, Literal, NamedTuple

import numpy as np

from models.analyses.funnel import Gap, TeamHandling
from models.quality.gap_parts import gap_parts
from models.quality.overlap import effective_likes
from models.quality.reference_handling import (
    Handled,
    Parts,
    ReferenceModel,
    fit_reference_model,
    rate_of_others,
    spread,
)
from pipeline.params import FunnelParams
from pipeline.sales_funnel.estimates import estimate
from pipeline.sales_funnel.handled_leads import HandledLeads

__all__ = ["Ledger", "campaign_folds", "keep_ledger"]

MOST_FOLDS = 12
LIKES = 30.0
"""Others that are effectively like a campaign's leads; below it nothing can be expected of these."""

ALONE = 0.95
"""A team of which so many leads are one campaign's, which has so many of its leads there, can't be told from it."""

Cause = Literal["no_like", "one_team", "no_others"]


class Ledger(NamedTuple):
    """Gaps of campaigns, largest first; handling by team and by person; days to the first contact at reference handling."""

    gaps: tuple[Gap, ...]
    teams: tuple[TeamHandling, ...]
    persons: tuple[TeamHandling, ...]
    reference_days: float | None


def campaign_folds(campaign: np.ndarray, most: int = MOST_FOLDS) -> np.ndarray:
    """Deal campaigns to folds of about equal size, leads without one as a campaign of their own.

    Parameters
    ----------
    campaign : ndarray of int64 [leads]
        Codes from -1.
    most : int
        Folds; fewer campaigns have a fold each.
    """
    size = np.bincount(campaign + 1)
    named = np.flatnonzero(size)
    fold_of = np.zeros(len(size), dtype=np.int64)
    load = np.zeros(min(most, len(named)))
    for code in named[np.argsort(-size[named], kind="stable")]:
        fold_of[code] = int(load.argmin())
        load[fold_of[code]] += size[code]
    return np.asarray(fold_of[campaign + 1])


def keep_ledger(leads: HandledLeads, params: FunnelParams) -> Ledger:
    """Work out the ledger.

    Parameters
    ----------
    leads : HandledLeads
    params : FunnelParams
        `reference`, `min_leads`, `most_groups`, `by_person`, `min_person_leads`.
    """
    handled = leads.handled
    folds = campaign_folds(handled.campaign)
    model = None
    if folds.max(initial=0) > 0 and 0.0 < handled.outcome.sum() < len(handled.outcome):
        model = fit_reference_model(handled, folds)
    sizes = np.bincount(handled.campaign[handled.campaign >= 0], minlength=len(leads.campaigns))
    largest = np.argsort(-sizes, kind="stable")[: params.most_groups]
    gaps = tuple(_gap(leads, int(code), model, params) for code in largest if sizes[code])
    teams = _handling(leads.teams, handled.team, handled, model, params.min_leads, len(leads.teams) > 1)
    persons: tuple[TeamHandling, ...] = ()
    if params.by_person:
        least = max(params.min_leads, params.min_person_leads)
        shown = _handling(leads.persons, leads.person, handled, model, least, len(leads.persons) > 1)
        persons = tuple(person for person in shown if person.leads >= params.min_person_leads)
    days = None if model is None or not np.isfinite(handled.log_days).any() else float(np.expm1(model.log_days))
    return Ledger(gaps, teams, persons, days)


def _gap(leads: HandledLeads, code: int, model: ReferenceModel | None, params: FunnelParams) -> Gap:
    handled = leads.handled
    own = handled.campaign == code
    count, won = int(own.sum()), int(handled.outcome[own].sum())
    actual = won / count
    others = rate_of_others(handled.outcome, handled.month, own, ~own)
    reference = Parts(params.reference, np.zeros(len(own))) if params.reference is not None else others
    told: dict[str, Any] = {
        "campaign": leads.campaigns[code],
        "leads": count,
        "qualified": won,
        "reference": None if reference is None else reference.value,
        "actual": actual,
        "shortfall": None if reference is None else reference.value - actual,
    }
    nothing: dict[str, Any] = {name: estimate(None) for name in ("expected", "quality", "handling")}
    if count < params.min_leads:
        return Gap(**told, **nothing, shortage="too_few")
    cause = _inseparable(handled, own, model, reference)
    if cause is not None or model is None or reference is None:
        return Gap(**told, **nothing, shortage="not_separable", cause=cause)
    expected = model.expected(own)
    moved = np.where(own, (handled.outcome - actual) / count, 0.0)
    parts = gap_parts(reference.value, expected.value, actual)
    shown: dict[str, Any] = {
        "expected": _estimate(expected.value, expected.moves, handled),
        "quality": _estimate(parts.quality, reference.moves - expected.moves, handled),
        "handling": _estimate(parts.handling, expected.moves - moved, handled),
    }
    blamed: tuple[Any, ...] = tuple(name for name in ("quality", "handling") if (shown[name].low or 0.0) > 0.0)
    return Gap(**told, **shown, blamed=blamed)


def _estimate(value: float, moves: np.ndarray, handled: Handled) -> Any:
    half = spread(moves, handled.account)
    return estimate(value, value - half, value + half)


def _inseparable(
    handled: Handled, own: np.ndarray, model: ReferenceModel | None, reference: Parts | None
) -> Cause | None:
    """Say why the two parts can't be told apart; None: they can."""
    if model is None or reference is None:
        return "no_others"
    teams = np.bincount(handled.team[own & (handled.team >= 0)], minlength=model.teams)
    if teams.any():
        main = int(teams.argmax())
        of_team = handled.team == main
        if model.teams > 1 and teams[main] >= ALONE * teams.sum() and (own & of_team).sum() >= ALONE * of_team.sum():
            return "one_team"
    return "no_like" if effective_likes(handled.quality, own, ~own) < LIKES else None


def _handling(
    names: list[str],
    code: np.ndarray,
    handled: Handled,
    model: ReferenceModel | None,
    least: int,
    has_others: bool,
) -> tuple[TeamHandling, ...]:
    """Say what each team or person makes of its leads."""
    shown = []
    for number, name in enumerate(names):
        own = code == number
        count = int(own.sum())
        if not count:
            continue
        actual = float(handled.outcome[own].mean())
        days = np.expm1(handled.log_days[own])
        median = float(np.nanmedian(days)) if np.isfinite(days).any() else None
        told: dict[str, Any] = {"name": name, "leads": count, "actual": actual, "median_days": median}
        nothing: dict[str, Any] = {"expected": estimate(None), "handling": estimate(None)}
        campaigns = np.bincount(handled.campaign[own] + 1)
        main = int(campaigns.argmax())
        alone = campaigns[main] >= ALONE * count and campaigns[main] >= ALONE * (handled.campaign == main - 1).sum()
        if count < least:
            shown.append(TeamHandling(**told, **nothing, shortage="too_few"))
        elif model is None or not has_others or alone:
            cause: Cause = "one_team" if alone and has_others else "no_others"
            shown.append(TeamHandling(**told, **nothing, shortage="not_separable", cause=cause))
        else:
            expected = model.expected(own)
            moved = np.where(own, (handled.outcome - actual) / count, 0.0)
            handling = _estimate(expected.value - actual, expected.moves - moved, handled)
            shown.append(
                TeamHandling(
                    **told,
                    expected=_estimate(expected.value, expected.moves, handled),
                    handling=handling,
                    is_blamed=(handling.low or 0.0) > 0.0,
                )
            )
    return tuple(shown)

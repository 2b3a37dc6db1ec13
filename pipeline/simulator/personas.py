"""Planted personas: who buys, over which channels, and what is read in which order; for judging whether they are found.

A lead's persona is drawn apart from what drives its outcome: it says how somebody buys, not whether. With `simulator.personas`
at 0 nobody has one, and nothing of the company changes.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.simulator import behaviour, world
from pipeline.simulator.clocks import FloatArray, IntArray
from pipeline.simulator.population import Population, draw_from
from pipeline.simulator.touchpoints import DAY_SECONDS, Touchpoints

__all__ = ["PERSONAS", "Persona", "draw_personas", "plant_behaviour", "plant_people"]

STEP_DAYS = (10.0, 30.0)
"""Days since the first touchpoint at which the second and the third step of reading begin."""


@dataclass(frozen=True)
class Persona:
    """One way to buy.

    Attributes
    ----------
    name : str
    share : float
        Of the leads that have a persona.
    roles, seniorities, channels : dict of str to float
        Weights.
    steps : tuple of three dict of str to float
        Weights of page groups early, later and late in the journey.
    """

    name: str
    share: float
    roles: dict[str, float]
    seniorities: dict[str, float]
    channels: dict[str, float]
    steps: tuple[dict[str, float], dict[str, float], dict[str, float]]


PERSONAS = (
    Persona(
        "evaluating_engineer",
        0.34,
        {"engineering": 6.0, "it": 4.0},
        {"specialist": 5.0, "lead": 5.0},
        {"organic_search": 7.0, "web": 3.0},
        (
            {"documentation": 6.0, "blog": 2.0, "product": 2.0},
            {"compatibility": 6.0, "documentation": 3.0, "product": 1.0},
            {"pricing": 6.0, "compatibility": 3.0, "product": 1.0},
        ),
    ),
    Persona(
        "managing_director",
        0.26,
        {"management": 8.0, "marketing": 2.0},
        {"director": 4.0, "executive": 6.0},
        {"social": 6.0, "display": 4.0},
        (
            {"pricing": 5.0, "home": 3.0, "product": 2.0},
            {"product": 6.0, "blog": 3.0, "pricing": 1.0},
            {"blog": 5.0, "product": 3.0, "compatibility": 2.0},
        ),
    ),
    Persona(
        "comparing_buyer",
        0.24,
        {"purchasing": 9.0, "management": 1.0},
        {"specialist": 4.0, "lead": 6.0},
        {"paid_search": 8.0, "web": 2.0},
        (
            {"product": 6.0, "home": 4.0},
            {"pricing": 8.0, "product": 2.0},
            {"documentation": 6.0, "compatibility": 3.0, "pricing": 1.0},
        ),
    ),
    Persona(
        "curious_junior",
        0.16,
        {"marketing": 6.0, "student": 2.0, "engineering": 2.0},
        {"junior": 8.0, "specialist": 2.0},
        {"social": 3.0, "web": 7.0},
        (
            {"blog": 8.0, "home": 2.0},
            {"blog": 6.0, "careers": 2.0, "product": 2.0},
            {"product": 7.0, "blog": 3.0},
        ),
    ),
)


def draw_personas(rng: np.random.Generator, leads: int) -> IntArray:
    """Draw one persona per lead: codes into `PERSONAS`."""
    shares = np.array([persona.share for persona in PERSONAS])
    return rng.choice(len(PERSONAS), size=leads, p=shares / shares.sum()).astype(np.int64)


def plant_people(rng: np.random.Generator, people: Population, persona: IntArray, strength: float) -> Population:
    """Give a share of the leads the role and seniority of their persona.

    Parameters
    ----------
    rng : Generator
    people : Population
    persona : int64[n]
    strength : float
        In [0, 1]: how many of a lead's traits follow its persona.
    """
    follows = rng.random((2, people.leads)) < strength
    role = draw_from(rng, _table(world.ROLES, [p.roles for p in PERSONAS]), persona)
    seniority = draw_from(rng, _table(world.SENIORITIES, [p.seniorities for p in PERSONAS]), persona)
    return replace(
        people,
        role=np.where(follows[0], role, people.role),
        seniority=np.where(follows[1], seniority, people.seniority),
    )


def plant_behaviour(
    rng: np.random.Generator, people: Population, persona: IntArray, touchpoints: Touchpoints, strength: float
) -> Touchpoints:
    """Give a share of the page views the channel and the page of their lead's persona; when they happen stays as it was.

    Parameters
    ----------
    rng : Generator
    people : Population
    persona : int64[n]
    touchpoints : Touchpoints
        Of these leads.
    strength : float
        In [0, 1].
    """
    free = np.isin(touchpoints.channel, behaviour.SESSION_CHANNELS[0])
    views = free & (touchpoints.kind == world.code(world.KINDS, "page_view"))
    views &= rng.random(len(touchpoints)) < strength
    row = np.flatnonzero(views)
    lead = touchpoints.lead[row]
    since = touchpoints.occurred[row] / DAY_SECONDS - people.created[lead]
    step = np.digitize(since, STEP_DAYS)
    channel, asset = touchpoints.channel.copy(), touchpoints.asset.copy()
    channel[row] = draw_from(rng, _table(world.CHANNELS, [p.channels for p in PERSONAS]), persona[lead])
    pages = np.concatenate([_pages([p.steps[place] for p in PERSONAS]) for place in range(3)])
    asset[row] = draw_from(rng, pages, step * len(PERSONAS) + persona[lead])
    return replace(touchpoints, channel=channel, asset=asset)


def _table(names: tuple[str, ...], weights: list[dict[str, float]]) -> FloatArray:
    table = np.array([[row.get(name, 0.0) for name in names] for row in weights])
    result: FloatArray = table / table.sum(axis=1, keepdims=True)
    return result


def _pages(weights: list[dict[str, float]]) -> FloatArray:
    """Spread the weight of each page group over its pages."""
    groups = [asset.split("/")[0] for asset in world.ASSETS]
    spread = [
        {a: row.get(g, 0.0) / groups.count(g) for a, g in zip(world.ASSETS, groups, strict=True)} for row in weights
    ]
    return _table(world.ASSETS, spread)

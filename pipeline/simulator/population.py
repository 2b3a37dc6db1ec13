"""Accounts and leads of one chunk, with what the company sees of them and what it never sees."""

from dataclasses import dataclass

import numpy as np

from pipeline.simulator import world
from pipeline.simulator.clocks import BoolArray, FloatArray, IntArray, WeekClock

__all__ = ["CampaignRules", "Population", "draw", "draw_from", "populate"]

ACCOUNT_SIZES = np.array([0.42, 0.22, 0.13, 0.09, 0.06, 0.04, 0.025, 0.015])


SMALL_FIRM = 40
"""Below so many employees, a firm is what a poor campaign draws; with a chance of `POOR_SHARE` it does."""

POOR_SHARE = 0.4


@dataclass(frozen=True)
class CampaignRules:
    """Whom campaigns draw. The defaults are the company of `params.yaml`.

    Attributes
    ----------
    alike : bool
        All campaigns draw all types of leads alike.
    poor : tuple of int
        Codes of campaigns that draw leads of small firms, and nobody else. Whether a lead of a small firm is one of them hangs
        on nothing but the number of employees, so a lead of theirs is like a lead of another campaign in a firm of that size.
    """

    alike: bool = False
    poor: tuple[int, ...] = ()


@dataclass(frozen=True)
class Population:
    """One chunk's accounts (arrays of length a) and leads (length n, grouped by account).

    Attributes
    ----------
    industry, country, revenue_band : int64[a]
        Codes into the world's tables.
    employees : float64[a]
        Head count at the start.
    customer : bool[a]
        The account bought before the start.
    fit, budget : float64[a]
        Latent; about standard normal.
    project : float64[a]
        Latent: day on which the account's own project begins; NaN: it has none.
    account : int64[n]
        Each lead's account, 0-based in the chunk, ascending.
    known_account : bool[n]
        The CRM knows the lead's account.
    created : float64[n]
        Day of the first touchpoint, in [0, days).
    type, campaign, role, seniority : int64[n]
        Codes; the type is latent.
    need, power : float64[n]
        Latent need and decision power, about standard normal.
    free_mail, newsletter : bool[n]
    activity : float64[n]
        Latent: how much the lead does of anything, mean 1.
    """

    industry: IntArray
    country: IntArray
    revenue_band: IntArray
    employees: FloatArray
    customer: BoolArray
    fit: FloatArray
    budget: FloatArray
    project: FloatArray
    account: IntArray
    known_account: BoolArray
    created: FloatArray
    type: IntArray
    campaign: IntArray
    role: IntArray
    seniority: IntArray
    need: FloatArray
    power: FloatArray
    free_mail: BoolArray
    newsletter: BoolArray
    activity: FloatArray

    @property
    def leads(self) -> int:
        """Number of leads."""
        return len(self.account)

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.fit)


def draw(rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """Draw one category per row.

    Parameters
    ----------
    rng : Generator
    weights : array of float, shape (n, categories)
        At least 0, any positive sum per row.

    Returns
    -------
    int64[n]
    """
    cumulated = np.cumsum(weights, axis=1)
    result: IntArray = (cumulated < rng.random(len(weights))[:, None] * cumulated[:, -1:]).sum(axis=1, dtype=np.int64)
    return result


def draw_from(rng: np.random.Generator, table: FloatArray, row: IntArray) -> IntArray:
    """Draw one category per element from the distribution in its row of a table.

    Parameters
    ----------
    rng : Generator
    table : array of float, shape (rows, categories)
        Shares; each row sums to 1.
    row : int64[n]
        Row of each element.

    Returns
    -------
    int64[n]
    """
    # All rows' cumulated shares on one line, row r in (r, r + 1], so that one search serves every element.
    line = (np.minimum(np.cumsum(table, axis=1), 1.0) + np.arange(len(table))[:, None]).ravel()
    found = np.searchsorted(line, row + rng.random(len(row)), side="right") - row * table.shape[1]
    result: IntArray = np.minimum(found, table.shape[1] - 1).astype(np.int64)
    return result


def populate(
    rng: np.random.Generator, leads: int, days: int, clock: WeekClock, campaigns: CampaignRules | None = None
) -> Population:
    """Draw one chunk's accounts and leads.

    Parameters
    ----------
    rng : Generator
        The chunk's own.
    leads : int
        Number of leads, exactly.
    days : int
        Length of the history.
    clock : WeekClock
        When leads are busy.
    campaigns : CampaignRules, optional
        Default: those of the default company.
    """
    rules = campaigns or CampaignRules()
    sizes = rng.choice(np.arange(1, 9), size=leads, p=ACCOUNT_SIZES)
    accounts = int(np.searchsorted(np.cumsum(sizes), leads)) + 1
    account = np.repeat(np.arange(accounts), sizes[:accounts])[:leads]

    industry = rng.choice(len(world.INDUSTRIES), size=accounts, p=world.INDUSTRY_SHARE)
    country = rng.choice(len(world.COUNTRIES), size=accounts, p=world.COUNTRY_SHARE)
    log_employees = np.clip(rng.normal(4.9, 1.5, accounts), 0.7, 10.8)
    size = (log_employees - 4.9) / 1.5
    revenue = 0.8 * size + rng.normal(0, 0.6, accounts)
    size_fit = 0.6 - 0.6 * (size - 0.5) ** 2
    fit = 0.75 * world.INDUSTRY_FIT[industry] + 0.6 * size_fit + 0.5 * world.COUNTRY_FIT[country]
    fit = (fit + rng.normal(0, 0.6, accounts)) / 1.05
    customer = rng.random(accounts) < 1.0 / (1.0 + np.exp(2.3 - 0.7 * fit))
    has_project = rng.random(accounts) < 1.0 / (1.0 + np.exp(0.75 - 0.35 * fit - 0.4 * customer))
    project = np.where(has_project, rng.uniform(-30, days, accounts), np.nan)

    lead_project = project[account]
    with_project = ~np.isnan(lead_project)
    created = days * rng.random(leads) ** 0.85
    near = np.nan_to_num(lead_project) + rng.exponential(25.0, leads) - 5.0
    created = np.where(with_project & (rng.random(leads) < 0.7) & (near >= 0) & (near < days), near, created)
    whole = np.floor(created)
    morning, evening = clock.own(whole), clock.own(whole + 1.0)
    created = np.clip(clock.calendar(morning + (created - whole) * (evening - morning)), 0.0, days - 1e-3)

    active = with_project & (np.abs(created - np.nan_to_num(lead_project, nan=1e9)) < 150.0)
    buyer = np.where(active, 0.58, 0.07)
    kind = draw(rng, np.column_stack((buyer, 0.42 * (1 - buyer), 0.33 * (1 - buyer), 0.25 * (1 - buyer))))
    affinity = np.ones_like(world.CAMPAIGN_AFFINITY) if rules.alike else world.CAMPAIGN_AFFINITY.copy()
    affinity[list(rules.poor)] = 0.0
    campaign = draw(rng, world.campaign_mix(created, days) * affinity[:, kind].T)
    if rules.poor:
        drawn = (np.exp(log_employees)[account] < SMALL_FIRM) & (rng.random(leads) < POOR_SHARE)
        campaign = np.where(drawn, rng.choice(np.array(rules.poor), size=leads), campaign)
    role = draw(rng, world.ROLE_SHARE[kind])
    rank = 0.6 * (kind == 0) + rng.normal(0, 1.0, leads) + 0.7 * (role == world.code(world.ROLES, "management"))
    seniority = np.clip(np.digitize(rank, (-0.5, 0.6, 1.4, 2.1)), 0, 4).astype(np.int64)
    power = 0.8 * world.SENIORITY_POWER[seniority] + 0.8 * world.ROLE_POWER[role] + rng.normal(0, 0.55, leads)
    need = np.where(kind == 0, 1.05, -0.75) + rng.normal(0, 0.65, leads)
    return Population(
        industry=industry,
        country=country,
        revenue_band=np.digitize(revenue, (-0.9, -0.1, 0.7, 1.5)).astype(np.int64),
        employees=np.exp(log_employees).round().astype(np.float64),
        customer=customer,
        fit=fit,
        budget=0.7 * revenue + 0.2 * customer + rng.normal(0, 0.7, accounts),
        project=project,
        account=account,
        known_account=rng.random(leads) > np.where(sizes[:accounts][account] == 1, 0.12, 0.0),
        created=created,
        type=kind,
        campaign=campaign,
        role=role,
        seniority=seniority,
        need=need,
        power=power,
        free_mail=rng.random(leads) < np.array([0.06, 0.20, 0.36, 0.22])[kind],
        newsletter=rng.random(leads) < np.array([0.62, 0.78, 0.55, 0.45])[kind],
        activity=rng.gamma(0.6, 1 / 0.6, leads),
    )

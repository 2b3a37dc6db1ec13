"""The simulated company's world in numbers: who the leads are, which campaigns draw them, what they look at.

Every table is a choice made for this world, none is measured; docs/simulator.md says in words what follows from them.
"""

import numpy as np
import numpy.typing as npt

from pipeline.simulator.clocks import FloatArray

__all__ = [
    "ASSETS",
    "CAMPAIGNS",
    "CAMPAIGN_AFFINITY",
    "CAMPAIGN_ASSET",
    "CAMPAIGN_CHANNEL",
    "CAMPAIGN_KIND",
    "CAMPAIGN_PRICE",
    "CHANNELS",
    "COUNTRIES",
    "COUNTRY_FIT",
    "COUNTRY_SHARE",
    "INDUSTRIES",
    "INDUSTRY_FIT",
    "INDUSTRY_SHARE",
    "KINDS",
    "PHASES",
    "REGIONS",
    "REVENUE_BANDS",
    "ROLES",
    "ROLE_POWER",
    "ROLE_SHARE",
    "SENIORITIES",
    "SENIORITY_POWER",
    "TYPES",
    "campaign_mix",
    "code",
]


def code(names: tuple[str, ...], name: str) -> int:
    """Find a name's code; an unknown name is a mistake in this package."""
    return names.index(name)


def _codes(names: tuple[str, ...], *chosen: str | None) -> npt.NDArray[np.int8]:
    return np.array([-1 if name is None else code(names, name) for name in chosen], dtype=np.int8)


# ---- accounts
INDUSTRIES = ("machinery", "automotive", "electronics", "chemicals", "logistics", "retail", "public", "education")
INDUSTRY_SHARE = np.array([0.18, 0.12, 0.13, 0.11, 0.13, 0.13, 0.10, 0.10])
INDUSTRY_FIT = np.array([0.9, 0.6, 0.7, 0.3, 0.0, -0.6, -0.6, -1.3])
COUNTRIES = ("DE", "AT", "CH", "FR", "NL", "PL", "GB", "US")
COUNTRY_SHARE = np.array([0.42, 0.10, 0.10, 0.10, 0.08, 0.07, 0.07, 0.06])
COUNTRY_FIT = np.array([0.4, 0.4, 0.3, -0.1, 0.0, -0.3, -0.5, -0.8])
REVENUE_BANDS = ("under_2m", "2m_10m", "10m_50m", "50m_250m", "over_250m")
REGIONS = ("north", "south", "east", "west", "abroad")

# ---- leads
# What drives a lead: a real project, reading for its own sake, collecting downloads, or watching prices.
TYPES = ("buyer", "reader", "collector", "price_watcher")
ROLES = ("engineering", "it", "purchasing", "management", "marketing", "student")
ROLE_SHARE = np.array(  # by type
    [
        [0.30, 0.22, 0.18, 0.18, 0.10, 0.02],
        [0.24, 0.20, 0.10, 0.12, 0.24, 0.10],
        [0.18, 0.16, 0.08, 0.08, 0.26, 0.24],
        [0.20, 0.18, 0.20, 0.14, 0.16, 0.12],
    ]
)
ROLE_POWER = np.array([0.0, 0.1, 0.5, 0.7, -0.3, -1.3])
SENIORITIES = ("junior", "specialist", "lead", "director", "executive")
SENIORITY_POWER = np.array([-1.1, -0.4, 0.3, 0.9, 1.4])

# ---- touchpoints
PHASES = ("awareness", "consideration", "decision", "pause", "gone", "unborn")
KINDS = (
    "mail_open",
    "mail_click",
    "page_view",
    "download",
    "webinar",
    "trade_fair",
    "social_chat",
    "contact_form",
    "call",
    "px_legacy",
)
CHANNELS = ("email", "web", "organic_search", "paid_search", "social", "event", "display", "partner", "phone")
ASSETS = (
    "home",
    "blog/planning",
    "blog/trends",
    "blog/teamwork",
    "blog/company_news",
    "product/overview",
    "product/modules",
    "product/demo_video",
    "documentation/setup",
    "documentation/interfaces",
    "documentation/administration",
    "compatibility/systems",
    "compatibility/check",
    "pricing",
    "pricing/configurator",
    "careers",
    "ebook_free_trends",
    "ebook_paid_planning_guide",
    "white_paper_integration",
    "white_paper_security",
    "case_study_machinery",
    "case_study_automotive",
    "webinar_basics",
    "webinar_migration",
    "contact",
    "demo_request",
)
CAMPAIGNS = (
    "ebook_free_trends",
    "ebook_paid_planning_guide",
    "search_integration",
    "search_brand",
    "social_case_studies",
    "social_awareness",
    "display_retargeting",
    "webinar_series",
    "trade_fair_hall_7",
    "partner_referral",
    "organic",
    "newsletter",
)
CAMPAIGN_CHANNEL = _codes(
    CHANNELS,
    "social",
    "paid_search",
    "paid_search",
    "paid_search",
    "social",
    "social",
    "display",
    "email",
    "event",
    "partner",
    "organic_search",
    "email",
)
# The touchpoint by which a campaign's lead becomes known.
CAMPAIGN_KIND = _codes(
    KINDS,
    "download",
    "download",
    "download",
    "page_view",
    "download",
    "page_view",
    "page_view",
    "webinar",
    "trade_fair",
    "contact_form",
    "page_view",
    "mail_click",
)
CAMPAIGN_ASSET = _codes(
    ASSETS,
    "ebook_free_trends",
    "ebook_paid_planning_guide",
    "white_paper_integration",
    "product/overview",
    "case_study_machinery",
    "blog/trends",
    "product/overview",
    "webinar_basics",
    None,
    "contact",
    "home",
    "blog/planning",
)
# What a lead costs, in EUR; what costs nothing extra is 0.
CAMPAIGN_PRICE = (4.0, 95.0, 60.0, 22.0, 38.0, 9.0, 18.0, 45.0, 140.0, 80.0, 0.0, 0.0)
# How much likelier than by its size a campaign draws each type of lead (columns as TYPES).
CAMPAIGN_AFFINITY = np.array(
    [
        [0.30, 1.20, 2.30, 0.80],
        [3.20, 0.25, 0.12, 0.20],
        [2.10, 0.60, 0.60, 0.60],
        [1.30, 0.70, 0.40, 1.70],
        [1.20, 1.00, 1.00, 0.80],
        [0.40, 1.60, 1.20, 0.90],
        [0.70, 0.90, 0.80, 1.60],
        [1.10, 1.20, 0.90, 0.60],
        [1.40, 0.90, 0.80, 0.80],
        [2.60, 0.40, 0.20, 0.60],
        [1.10, 1.00, 0.80, 1.20],
        [0.80, 1.60, 1.00, 0.60],
    ]
)
_MIX_START = np.array([0.30, 0.035, 0.09, 0.10, 0.06, 0.12, 0.06, 0.07, 0.05, 0.035, 0.15, 0.06])
_MIX_END = np.array([0.18, 0.060, 0.13, 0.08, 0.11, 0.06, 0.12, 0.08, 0.05, 0.050, 0.15, 0.06])
_FAIR, _SUMMER_DIP = CAMPAIGNS.index("trade_fair_hall_7"), 0.25


def campaign_mix(day: FloatArray, days: int) -> FloatArray:
    """Give the campaigns' sizes at each moment: they drift over the history, and fairs come twice a year.

    Parameters
    ----------
    day : array of float, shape (n,)
        Days since the start.
    days : int
        Length of the history.

    Returns
    -------
    array of float, shape (n, campaigns)
        Sizes, not normalised.
    """
    share = 1.0 / (1.0 + np.exp(-8.0 * (day / days - 0.5)))
    mix: FloatArray = _MIX_START + (_MIX_END - _MIX_START) * share[:, None]
    season = np.exp(-0.5 * (((day - 100.0) % 182.5 - 20.0) / 8.0) ** 2)
    mix[:, _FAIR] *= 0.15 + 4.0 * season
    return mix

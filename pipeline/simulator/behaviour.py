"""What leads do in each phase: how often, what kind of touchpoint, and which pages; one row of numbers per type."""

import numpy as np

from pipeline.simulator import world
from pipeline.simulator.clocks import FloatArray, IntArray

__all__ = [
    "EXTRA_VIEWS",
    "FIRST_ASSET_SHARE",
    "FIXED_CHANNEL",
    "KIND_OF",
    "LAST_MAIL",
    "PHASES_WITH_TOUCHPOINTS",
    "PRIMARY",
    "PRIMARY_ASSETS",
    "RATE",
    "SESSION_CHANNELS",
    "page_mix",
    "primary_mix",
    "season",
]

PHASES_WITH_TOUCHPOINTS = 5

# The touchpoint that opens a session. Downloads are told apart by what is downloaded.
PRIMARY = (
    "mail_open",
    "mail_click",
    "page_view",
    "ebook",
    "white_paper",
    "case_study",
    "webinar",
    "trade_fair",
    "social_chat",
    "contact_form",
)
LAST_MAIL = 1
"""Codes up to this one are mails."""

KIND_OF: IntArray = np.array([world.code(world.KINDS, "download" if k in PRIMARY[3:6] else k) for k in PRIMARY])

# Sessions per day by type and phase (awareness, consideration, decision, pause, gone).
RATE = np.array(
    [
        [0.24, 0.42, 0.52, 0.060, 0.025],
        [0.28, 0.36, 0.40, 0.070, 0.035],
        [0.22, 0.32, 0.38, 0.060, 0.025],
        [0.23, 0.38, 0.46, 0.055, 0.020],
    ]
)
# Further page views in a session, on average, by what opened it.
EXTRA_VIEWS = np.array([0.0, 2.6, 3.4, 1.6, 2.0, 2.2, 0.8, 0.0, 0.8, 2.0])

# Channels of the sessions that the rest does not fix, and the fixed ones by what opened the session (-1: not fixed).
SESSION_CHANNELS = (
    np.array([world.code(world.CHANNELS, c) for c in ("web", "organic_search", "paid_search", "social", "display")]),
    np.array([0.30, 0.40, 0.14, 0.08, 0.08]),
)
_FIXED = {
    "mail_open": "email",
    "mail_click": "email",
    "webinar": "email",
    "trade_fair": "event",
    "social_chat": "social",
}
FIXED_CHANNEL: IntArray = np.array([world.code(world.CHANNELS, _FIXED[k]) if k in _FIXED else -1 for k in PRIMARY])

# What is downloaded, attended or filled in: two choices and the share of the first.
_CHOICES = {
    "ebook": ("ebook_free_trends", "ebook_paid_planning_guide", 0.92),
    "white_paper": ("white_paper_integration", "white_paper_security", 0.6),
    "case_study": ("case_study_machinery", "case_study_automotive", 0.6),
    "webinar": ("webinar_basics", "webinar_migration", 0.65),
    "contact_form": ("contact", "demo_request", 0.6),
}
PRIMARY_ASSETS: IntArray = np.array(
    [[world.code(world.ASSETS, a) for a in _CHOICES[k][:2]] if k in _CHOICES else [-1, -1] for k in PRIMARY]
)
FIRST_ASSET_SHARE: FloatArray = np.array([_CHOICES[k][2] if k in _CHOICES else 1.0 for k in PRIMARY])

_COMMON_KINDS = np.array([42, 8, 36, 2.5, 1.5, 1.0, 1.2, 0.6, 1.2, 0.4])
_KINDS: dict[
    str, list[list[float]]
] = {  # by type, then awareness, consideration, decision (pause and gone: mails mostly)
    "buyer": [
        [40, 9, 34, 5, 2, 1, 2.5, 1.0, 2.0, 0.3],
        [24, 9, 44, 2, 6, 4, 5.0, 1.2, 2.0, 0.8],
        [16, 8, 55, 1, 3, 5, 2.0, 0.8, 3.0, 3.0],
    ],
    "reader": [
        [50, 12, 30, 3.0, 1.0, 0.5, 2.0, 0.5, 1.0, 0.1],
        [46, 14, 32, 3.0, 2.0, 1.0, 2.5, 0.5, 1.0, 0.2],
        [40, 14, 36, 3.0, 2.0, 1.5, 2.5, 0.5, 1.5, 0.5],
    ],
    "collector": [
        [40, 8, 30, 9, 3.5, 2.0, 2.5, 1.0, 1.0, 0.2],
        [36, 8, 32, 8, 5.0, 3.0, 3.0, 1.0, 1.0, 0.3],
        [32, 8, 36, 7, 5.0, 3.5, 3.5, 1.0, 1.2, 0.7],
    ],
    "price_watcher": [
        [36, 7, 46, 3.0, 1.0, 1.0, 1.0, 0.5, 2.5, 0.5],
        [28, 7, 55, 2.0, 1.0, 1.0, 1.0, 0.5, 3.5, 0.8],
        [22, 7, 60, 1.0, 1.0, 1.0, 1.0, 0.5, 4.0, 1.8],
    ],
}
_REST = [80, 8, 9, 1, 0.3, 0.2, 0.8, 0.4, 0.3, 0.02]
_SHARED_KINDS, _SHARED_PAGES = 0.16, 0.14

# Weights of page groups: home, blog, product, documentation, compatibility, pricing, careers.
_GROUPS = ("home", "blog", "product", "documentation", "compatibility", "pricing", "careers")
_COMMON_PAGES = np.array([28, 30, 18, 8, 5, 9, 2.0])
_PAGES: dict[str, list[list[float]]] = {
    "buyer": [[26, 38, 22, 6, 3, 5, 0], [10, 14, 26, 30, 11, 8, 0], [8, 4, 18, 16, 24, 30, 0]],
    "reader": [[22, 62, 10, 2, 0.5, 2.5, 1], [20, 54, 14, 5, 1, 5, 1], [18, 40, 18, 8, 3, 12, 1]],
    "collector": [[34, 40, 16, 4, 1, 3, 2], [28, 36, 20, 8, 2, 5, 1], [24, 30, 22, 8, 4, 11, 1]],
    "price_watcher": [[34, 10, 30, 1.5, 1, 22, 1], [26, 6, 30, 3, 2, 33, 0], [20, 4, 26, 4, 4, 42, 0]],
}


def _blend(table: dict[str, list[list[float]]], rest: list[float], common: FloatArray, shared: float) -> FloatArray:
    rows = np.array([[*table[name], rest, rest] for name in world.TYPES], dtype=float)
    rows /= rows.sum(axis=2, keepdims=True)
    result: FloatArray = (1 - shared) * rows + shared * common / common.sum()
    return result


def primary_mix() -> FloatArray:
    """Share of what opens a session; trade fairs are only in season, their share is shared out elsewhere.

    Returns
    -------
    float64[2 * types * phases, len(PRIMARY)]
        Row ``type * 5 + phase`` outside of the fairs' season, the second half inside; rows sum to 1.
    """
    usual = _blend(_KINDS, _REST, _COMMON_KINDS, _SHARED_KINDS)
    both = np.stack((usual, usual))
    fair = PRIMARY.index("trade_fair")
    both[0, ..., fair] = 0.0
    both[1, ..., fair] *= 6.0
    both /= both.sum(axis=-1, keepdims=True)
    return both.reshape(-1, len(PRIMARY))


def page_mix() -> FloatArray:
    """Share of each asset among page views: float64[types * phases, assets], rows sum to 1."""
    groups = _blend(_PAGES, [30, 46, 14, 4, 1, 4, 1], _COMMON_PAGES, _SHARED_PAGES)
    result = np.zeros((*groups.shape[:2], len(world.ASSETS)))
    for column, group in enumerate(_GROUPS):
        members = [i for i, asset in enumerate(world.ASSETS) if asset.split("/")[0] == group]
        result[:, :, members] = groups[:, :, column, None] / len(members)
    return result.reshape(-1, len(world.ASSETS))


def season(day: FloatArray) -> FloatArray:
    """Share of the usual activity at each day since the start: quieter in high summer and at the year's end."""
    of_year = day % 365.25
    summer = np.exp(-0.5 * ((of_year - 220.0) / 16.0) ** 2)
    winter = np.exp(-0.5 * ((of_year - 360.0) / 7.0) ** 2) + np.exp(-0.5 * ((of_year + 5.0) / 7.0) ** 2)
    result: FloatArray = 1.0 - 0.35 * summer - 0.55 * np.minimum(winter, 1.0)
    return result

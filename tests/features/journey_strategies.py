"""Journeys for hypothesis: moments lie on, or one microsecond off, every boundary there is."""

import numpy as np
from hypothesis import strategies as st

from features.buyer_profile import GAP_BOUNDS, BuyerProfile, States
from features.catalog import Catalog, Learned, build_catalog
from features.journeys import LeadJourney, OrderRecord, StageChangeRecord, TouchpointRecord
from features.operations import GROUPS, SELECTOR_OPERATIONS
from features.params import ContentParams, FeaturesParams, SelectorParams
from features.timeline import DAY_US

WINDOWS = (1, 7, 28)
HALF_LIVES = (1, 7)
OBSERVATION = 90

# Snapshots lie at noon, at midnight and at no round moment; windows of one reach into those of the others.
ORIGIN = 20_000 * DAY_US
SNAPSHOTS = (
    ORIGIN,
    ORIGIN + 1,
    ORIGIN + 7 * DAY_US,
    ORIGIN + 7 * DAY_US + DAY_US // 2,
    ORIGIN + 35 * DAY_US,
    ORIGIN + 90 * DAY_US,
    ORIGIN + 400 * DAY_US + 12_345_678,
)

_offsets = st.sampled_from([0, 1, -1])
_boundaries = st.builds(
    lambda snapshot_at, days, offset: snapshot_at - days * DAY_US + offset,
    st.sampled_from(SNAPSHOTS),
    st.sampled_from([0, *WINDOWS, OBSERVATION, 32 * HALF_LIVES[0], 16]),
    _offsets,
)
_midnights = st.builds(lambda day, offset: ORIGIN + day * DAY_US + offset, st.integers(-100, 420), _offsets)
_anywhere = st.integers(ORIGIN - 120 * DAY_US, ORIGIN + 410 * DAY_US)
moments = st.one_of(_boundaries, _boundaries, _midnights, _anywhere)


@st.composite
def _recorded(draw: st.DrawFn, occurred_at: int) -> int | None:
    how = draw(st.sampled_from(["unknown", "unknown", "at once", "late", "at a boundary", "early"]))
    if how == "late":
        return occurred_at + draw(st.integers(1, 40 * DAY_US))
    if how == "at a boundary":
        return draw(_boundaries)
    return {"unknown": None, "at once": occurred_at, "early": occurred_at - DAY_US}[how]


@st.composite
def touchpoints(draw: st.DrawFn, when: st.SearchStrategy[int] = moments) -> TouchpointRecord:
    occurred_at = draw(when)
    return TouchpointRecord(
        kind=draw(st.sampled_from(["page_view", "mail_open", "download", "größe", "created"])),
        occurred_at=occurred_at,
        recorded_at=draw(_recorded(occurred_at)),
        channel=draw(st.sampled_from([None, "web", "mail", "Ω"])),
        asset=draw(st.sampled_from([None, "pricing", "pricing/eu", "ebook[1]", "ebook1", ""])),
        campaign=draw(st.sampled_from([None, "spring"])),
        value=draw(st.sampled_from([None, 0.0, 1.5, -2.25, 0.0000005, 1e11])),
        by=draw(st.sampled_from([None, "lead", "lead", "sales"])),
        touchpoint_id=draw(st.sampled_from([None, "a", "b"])),
    )


@st.composite
def stage_changes(draw: st.DrawFn, when: st.SearchStrategy[int] = moments) -> StageChangeRecord:
    occurred_at = draw(when)
    stage = draw(st.sampled_from(["mql", "recycled", "no such stage"]))
    return StageChangeRecord(stage, occurred_at, draw(_recorded(occurred_at)))


@st.composite
def lead_journeys(draw: st.DrawFn, lead_id: str = "L-1", most: int = 14) -> LeadJourney:
    # Half of a lead's moments crowd around one or two pivots: ties, neighbours across a boundary, two sides of midnight.
    pivots = st.sampled_from(draw(st.lists(st.one_of(_boundaries, _midnights), min_size=1, max_size=2)))
    near = st.builds(
        lambda pivot, offset: pivot + offset,
        pivots,
        st.sampled_from([0, 0, 1, -1, DAY_US, -DAY_US, DAY_US // 3, -DAY_US // 3, 7 * DAY_US]),
    )
    when = st.one_of(near, moments)
    return LeadJourney(
        lead_id,
        draw(st.lists(touchpoints(when), max_size=most)),
        draw(st.lists(stage_changes(when), max_size=3)),
        draw(st.one_of(st.none(), when)),
    )


@st.composite
def accounts(draw: st.DrawFn) -> list[LeadJourney]:
    """Two to four leads of one account, around shared moments."""
    number = draw(st.integers(2, 4))
    roles = st.sampled_from([None, "buyer", "user", "unheard of"])
    return [
        draw(lead_journeys(f"L-{index}", most=8))._replace(account_id="A-1", role=draw(roles))
        for index in range(number)
    ]


orders = st.lists(
    st.builds(
        OrderRecord, moments, st.sampled_from([None, 10.0, 99.5, -5.0]), st.sampled_from([None, "licence", "service"])
    ),
    max_size=6,
)

snapshot_moments = st.one_of(st.sampled_from(SNAPSHOTS), st.sampled_from(SNAPSHOTS), moments)


def small_catalog() -> Catalog:
    """Every operation of every group, overlapping selectors, patterns on every field."""
    params = FeaturesParams(
        observation_days=OBSERVATION,
        windows_days=WINDOWS,
        long_windows_days=(28,),
        half_lives_days=HALF_LIVES,
        groups=tuple(group for group in GROUPS if group != "attributes"),
        time_zone="Europe/Berlin",
        pause_days=7,
        selectors={
            "pricing": SelectorParams(kind=("page_view",), asset=("pricing*",)),
            "ebook": SelectorParams(asset=("ebook[1]", "?book1")),
            "sales": SelectorParams(by=("sales",), operations=("visits", "pauses", "busiest_day", "channel_switches")),
            "anyone": SelectorParams(by=("lead", "sales", "system"), operations=SELECTOR_OPERATIONS),
            "web": SelectorParams(channel=("w*", "Ω"), campaign=("spring",)),
            "empty_asset": SelectorParams(asset=("",)),
        },
        content=ContentParams(awareness=("ebook",), consideration=("web", "empty_asset"), decision=("pricing",)),
        sequences=(("pricing", "ebook"), ("ebook", "web")),
        role_attribute="role",
    )
    catalog = build_catalog(params, [], Learned(channels=("mail", "web"), roles=("buyer", "user")))
    return catalog.with_buyer_profile(some_profile())


def some_profile() -> BuyerProfile:
    """Tables of no meaning, in which no two entries are alike."""
    states = States((("mail_open", "mail"), ("page_view", "web"), ("page_view", None), ("download", "Ω")))
    size = len(states)
    return BuyerProfile(
        states,
        mix=np.arange(size, dtype=np.int64) * 123_457 - 250_001,
        transition=(np.arange((size + 1) * size, dtype=np.int64).reshape(size + 1, size) ** 2) * 7_919 - 400_003,
        pace=np.arange(len(GAP_BOUNDS) + 1, dtype=np.int64) * 99_991 - 300_007,
        milestone=np.array([700_000, 0, 310_000, 250_000, 0], dtype=np.int64),
    )

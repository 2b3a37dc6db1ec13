"""The engine against the oracle, and what may never change a row."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from features.attributes import AttributeSpec
from features.catalog import Catalog, Learned, build_catalog
from features.compute import Snapshots, compute_features, warm_up
from features.journeys import Journeys, LeadJourney, OrderRecord, StageChangeRecord, TouchpointRecord
from features.params import FeaturesParams, SelectorParams
from features.timeline import DAY_US
from features.unseen import ignored_touchpoints, unknown_categories, unknown_values
from tests.features.journey_strategies import (
    ORIGIN,
    accounts,
    lead_journeys,
    moments,
    orders,
    small_catalog,
    snapshot_moments,
    touchpoints,
)
from tests.oracle import oracle_row

CATALOG = small_catalog()
FUZZ = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FEWER = settings(FUZZ, max_examples=100)


def snapshots_of(pairs: list[tuple[int, int]]) -> Snapshots:
    return Snapshots(
        np.array([lead for lead, _ in pairs], dtype=np.int64), np.array([at for _, at in pairs], dtype=np.int64)
    )


def rows_of(leads: list[LeadJourney], pairs: list[tuple[int, int]], catalog: Catalog = CATALOG) -> np.ndarray:
    return compute_features(Journeys.from_records(leads), snapshots_of(pairs), catalog)


def assert_same(row: np.ndarray, expected: list[float], catalog: Catalog = CATALOG) -> None:
    """Bit for bit; a decayed count to the rounding of its terms (2**-25) and of its result (2**-24)."""
    for feature, got, want in zip(catalog.features, row, np.array(expected, dtype=np.float32), strict=True):
        if feature.operation == "decayed_count":
            assert abs(float(got) - float(want)) <= 1.2e-7 * float(want), (feature.name, got, want)
        else:
            assert got.tobytes() == want.tobytes(), (feature.name, got, want)


@FUZZ
@given(lead_journeys(), st.lists(snapshot_moments, min_size=1, max_size=8))
@example(LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN)]), [ORIGIN])
@example(LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN)]), [ORIGIN + 1])
@example(LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN)]), [ORIGIN + 90 * DAY_US, ORIGIN + 90 * DAY_US + 1])
@example(LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN, ORIGIN + 5)]), [ORIGIN + 5, ORIGIN + 6])
def test_engine_agrees_with_oracle(lead: LeadJourney, at: list[int]) -> None:
    for moment, row in zip(at, rows_of([lead], [(0, moment) for moment in at]), strict=True):
        assert_same(row, oracle_row(lead, moment, CATALOG))


def rows_of_account(people: list[LeadJourney], bought: list[OrderRecord], pairs: list[tuple[int, int]]) -> np.ndarray:
    return compute_features(Journeys.from_records(people, {"A-1": bought}), snapshots_of(pairs), CATALOG)


@FUZZ
@given(accounts(), orders, st.lists(st.tuples(st.integers(0, 3), snapshot_moments), min_size=1, max_size=8))
def test_account_and_orders_agree_with_oracle(people, bought, pairs) -> None:
    pairs = [(lead % len(people), at) for lead, at in pairs]
    for (lead, at), row in zip(pairs, rows_of_account(people, bought, pairs), strict=True):
        others = people[:lead] + people[lead + 1 :]
        assert_same(row, oracle_row(people[lead], at, CATALOG, colleagues=others, orders=bought))


@FEWER
@given(accounts(), orders, st.lists(st.tuples(st.integers(0, 3), snapshot_moments), min_size=2, max_size=8))
def test_other_accounts_and_snapshots_change_no_bit(people, bought, pairs) -> None:
    pairs = [(lead % len(people), at) for lead, at in pairs]
    strangers = [person._replace(lead_id="X" + person.lead_id, account_id="A-2") for person in people]
    loner = people[0]._replace(lead_id="alone", account_id=None)
    together = rows_of_account(
        [loner, *strangers, *people], bought, [(lead + 1 + len(people), at) for lead, at in pairs]
    )
    for pair, row in zip(pairs, together, strict=True):
        assert rows_of_account(people, bought, [pair])[0].tobytes() == row.tobytes()


@FEWER
@given(accounts(), snapshot_moments, st.integers(0, 3 * DAY_US))
def test_what_colleagues_do_later_changes_nothing(people, at: int, delay: int) -> None:
    later = [
        TouchpointRecord("page_view", at + delay),
        TouchpointRecord("page_view", at - 5, at + delay),
    ]
    more = [people[0], *(person._replace(touchpoints=[*later, *person.touchpoints]) for person in people[1:])]
    assert rows_of_account(more, [OrderRecord(at + delay, 5.0)], [(0, at)]).tobytes() == (
        rows_of_account(people, [], [(0, at)]).tobytes()
    )


def test_a_role_counts_from_when_it_was_known() -> None:
    moment = pa.timestamp("us", tz="UTC")
    leads = pa.table(
        {
            "lead_id": ["L-1", "L-2"],
            "created_at": pa.array([ORIGIN, ORIGIN]).cast(moment),
            "account_id": ["A-1", "A-1"],
            "role": ["user", "buyer"],
            "role_known_at": pa.array([None, ORIGIN + 10], moment),
        }
    )
    visits = pa.table({"lead_id": ["L-2"], "occurred_at": pa.array([ORIGIN + 1]).cast(moment), "kind": ["page_view"]})
    journeys = Journeys.from_arrow(visits, None, leads, ["L-1", "L-2"])
    matrix = compute_features(journeys, snapshots_of([(0, ORIGIN + 10), (0, ORIGIN + 11)]), CATALOG)
    assert matrix[:, CATALOG.positions["active_leads__account__90d"]].tolist() == [1, 1]
    assert matrix[:, CATALOG.positions["active_leads__account_role_buyer__90d"]].tolist() == [0, 1]


@FEWER
@given(
    st.lists(lead_journeys(most=6), min_size=2, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), snapshot_moments), min_size=2, max_size=10),
    st.randoms(use_true_random=False),
)
def test_other_leads_and_snapshots_change_no_bit(leads: list[LeadJourney], pairs, random) -> None:
    leads = [lead._replace(lead_id=f"L-{index}") for index, lead in enumerate(leads)]
    pairs = [(lead % len(leads), at) for lead, at in pairs]
    together = rows_of(leads, pairs)
    for (lead, at), row in zip(pairs, together, strict=True):
        assert rows_of([leads[lead]], [(0, at)])[0].tobytes() == row.tobytes()
    order = list(range(len(pairs)))
    random.shuffle(order)
    assert rows_of(leads, [pairs[i] for i in order]).tobytes() == together[order].tobytes()


@FEWER
@given(lead_journeys(), snapshot_moments, st.lists(touchpoints(), min_size=1, max_size=4), st.integers(0, 3 * DAY_US))
def test_the_future_changes_nothing(lead: LeadJourney, at: int, later: list[TouchpointRecord], delay: int) -> None:
    before = rows_of([lead], [(0, at)])
    occurred = [item._replace(occurred_at=at + delay, recorded_at=None) for item in later]
    recorded = [item._replace(occurred_at=min(item.occurred_at, at - 1), recorded_at=at + delay) for item in later]
    more = lead._replace(
        touchpoints=[*occurred, *lead.touchpoints, *recorded],
        stage_changes=[
            *lead.stage_changes,
            StageChangeRecord("mql", at + 1),
            StageChangeRecord("sales_qualified", at),
            StageChangeRecord("mql", at - 5, at + delay + 1),
            StageChangeRecord("sal", at - 5, at + delay),
        ],
    )
    assert rows_of([more], [(0, at)]).tobytes() == before.tobytes()
    journeys = Journeys.from_records([lead, more._replace(lead_id="L-2")])
    ignored = ignored_touchpoints(journeys, snapshots_of([(0, at), (1, at)]))
    assert ignored[1] - ignored[0] == 2 * len(later) + 4


def test_a_snapshot_sees_the_creation_and_the_mql_that_it_is_taken_at() -> None:
    """Training looks at the MQL moment; whoever asks the service about a new MQL asks a moment later, and must look alike."""
    lead = LeadJourney("L-1", [], [StageChangeRecord("mql", ORIGIN)], created_at=ORIGIN)
    at, a_moment_later, before = rows_of([lead], [(0, ORIGIN), (0, ORIGIN + 2), (0, ORIGIN - 1)])
    for name in ("days_since_last__stage_mql", "days_since_last__created"):
        column = CATALOG.positions[name]
        assert at[column] == pytest.approx(0.0, abs=1e-9)
        assert np.isnan(before[column])
    assert np.array_equal(np.isnan(at), np.isnan(a_moment_later))
    assert np.nan_to_num(at) == pytest.approx(np.nan_to_num(a_moment_later), abs=1e-9)


@FEWER
@given(lead_journeys(), st.lists(snapshot_moments, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_row_order_changes_nothing(lead: LeadJourney, at: list[int], random) -> None:
    items, changes = list(lead.touchpoints), list(lead.stage_changes)
    random.shuffle(items)
    random.shuffle(changes)
    pairs = [(0, moment) for moment in at]
    shuffled = lead._replace(touchpoints=items, stage_changes=changes)
    assert rows_of([shuffled], pairs).tobytes() == rows_of([lead], pairs).tobytes()


@FEWER
@given(lead_journeys(), st.lists(snapshot_moments, min_size=3, max_size=6), moments)
def test_walk_and_rescan_agree_to_the_bit(lead: LeadJourney, at: list[int], early: int) -> None:
    # A touchpoint of a kind that no selector names, recorded after everything, makes every later snapshot a pending one.
    catalog = build_catalog(
        FeaturesParams(
            observation_days=90,
            windows_days=(7,),
            half_lives_days=(1, 7),
            groups=("engagement", "stages"),
            selectors={"all": SelectorParams(kind=("page_view", "mail_open")), "marker": SelectorParams(kind=("m",))},
        ),
        [],
    )
    pairs = [(0, moment) for moment in at]
    marker = TouchpointRecord("m", min(early, *at) - 1, ORIGIN + 10_000 * DAY_US)
    marked = lead._replace(touchpoints=[*lead.touchpoints, marker])
    assert rows_of([marked], pairs, catalog).tobytes() == rows_of([lead], pairs, catalog).tobytes()


def test_decay_is_exact_over_a_long_history() -> None:
    """Blocks of half-lives are used again many times over; nothing of the old ones may stay."""
    days = range(0, 4000, 3)
    lead = LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN + day * DAY_US + day) for day in days])
    at = [ORIGIN + day * DAY_US for day in (5, 100, 1000, 1001, 2500, 4090, 4200)]
    for moment, row in zip(at, rows_of([lead], [(0, moment) for moment in at]), strict=True):
        assert_same(row, oracle_row(lead, moment, CATALOG))
        assert rows_of([lead], [(0, moment)])[0].tobytes() == row.tobytes()


@pytest.mark.parametrize(
    ("occurred", "days"),
    [
        ([0, 1, DAY_US - 1], 1),
        ([DAY_US - 1, DAY_US], 2),
        ([0, DAY_US - 1, DAY_US, DAY_US + 5, 3 * DAY_US], 3),
        ([-1, 0], 2),
    ],
)
def test_distinct_days_are_calendar_days_in_utc(occurred: list[int], days: int) -> None:
    lead = LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN + moment) for moment in occurred])
    row = rows_of([lead], [(0, ORIGIN + 4 * DAY_US)])[0]
    assert row[CATALOG.positions["distinct_days__all__7d"]] == days


def test_moments_before_1970_are_moments_too() -> None:
    lead = LeadJourney("L-1", [TouchpointRecord("page_view", -day * DAY_US + 7, asset="pricing") for day in range(40)])
    for moment in (-3 * DAY_US, 0, 5 * DAY_US):
        assert_same(rows_of([lead], [(0, moment)])[0], oracle_row(lead, moment, CATALOG))


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(3)
    leads, n = 700, 60_000
    ids = [f"L-{index}" for index in range(leads)]
    occurred = ORIGIN + rng.integers(0, 200 * DAY_US, n)
    table = pa.table(
        {
            "lead_id": pa.array(ids).take(pa.array(rng.integers(0, leads, n))),
            "occurred_at": pa.array(occurred).cast(pa.timestamp("us", tz="UTC")),
            "recorded_at": pa.array(occurred + rng.integers(0, 2, n) * DAY_US).cast(pa.timestamp("us", tz="UTC")),
            "kind": pa.array(["page_view", "mail_open"]).take(pa.array(rng.integers(0, 2, n))),
            "channel": pa.array(["web", "mail", None]).take(pa.array(rng.integers(0, 3, n))),
        }
    )
    journeys = Journeys.from_arrow(table, None, None, ids)
    chosen = Snapshots(np.repeat(np.arange(leads), 30), np.tile(ORIGIN + np.arange(30) * 7 * DAY_US, leads))
    one = compute_features(journeys, chosen, CATALOG, threads=1)
    assert compute_features(journeys, chosen, CATALOG, threads=3).tobytes() == one.tobytes()
    assert np.isfinite(one[:, CATALOG.positions["count__all__7d"]]).all()
    assert one[:, CATALOG.positions["count__all__7d"]].max() > 0


def test_more_selectors_than_bits_in_a_word() -> None:
    selectors = {f"s{index}": SelectorParams(kind=(f"kind{index}",)) for index in range(150)}
    params = FeaturesParams(
        observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement",), selectors=selectors
    )
    catalog = build_catalog(params, [])
    lead = LeadJourney("L-1", [TouchpointRecord(f"kind{index % 150}", ORIGIN + index) for index in range(0, 300, 7)])
    assert_same(
        rows_of([lead], [(0, ORIGIN + DAY_US)], catalog)[0], oracle_row(lead, ORIGIN + DAY_US, catalog), catalog
    )


def test_attributes_only_needs_no_journey() -> None:
    industry = AttributeSpec("account", "industry", "category", "creation", ("energy", "retail"))
    employees = AttributeSpec("account", "employees", "number", "creation")
    params = FeaturesParams(
        observation_days=30, windows_days=(), half_lives_days=(), groups=("attributes",), selectors={}
    )
    catalog = build_catalog(params, [industry, employees])
    journeys = Journeys.from_arrow(None, None, None, ["L-1", "L-2"])
    values = {"industry": ["circus", "retail"], "employees": [None, 12]}
    matrix = compute_features(journeys, snapshots_of([(0, ORIGIN), (1, ORIGIN)]), catalog, values)
    np.testing.assert_array_equal(matrix, np.array([[1, 2, np.nan], [0, 1, 12]], dtype=np.float32))
    assert unknown_categories(values, catalog) == [[("industry", "circus")], []]
    assert catalog.categorical == [1]


def test_nothing_to_compute() -> None:
    assert rows_of([], []).shape == (0, len(CATALOG))
    empty = rows_of([LeadJourney("L-1")], [(0, ORIGIN)])
    np.testing.assert_array_equal(empty[0], np.array([feature.empty for feature in CATALOG.features], np.float32))


def test_unknown_kinds_and_channels_are_reported_and_counted() -> None:
    params = FeaturesParams(
        observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement", "stages"), selectors={}
    )
    catalog = build_catalog(params, [], Learned(kinds=("page_view",), channels=("web",)))
    new = TouchpointRecord("hologram", ORIGIN, channel="ether")
    leads = [
        LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN, channel="web")]),
        LeadJourney("L-2", [new, new], [StageChangeRecord("mql", ORIGIN)], created_at=ORIGIN),
        LeadJourney("L-3", [TouchpointRecord("page_view", ORIGIN)]),
    ]
    journeys = Journeys.from_records(leads)
    assert unknown_values(journeys, catalog) == [[], [("channel", "ether"), ("kind", "hologram")], []]
    row = compute_features(journeys, snapshots_of([(1, ORIGIN + 1)]), catalog)[0]
    assert row[catalog.positions["count__all__7d"]] == 2
    assert unknown_values(journeys, build_catalog(params, [])) == [[], [], []]


def test_ignored_touchpoints_of_an_empty_lead() -> None:
    journeys = Journeys.from_records([LeadJourney("L-1"), LeadJourney("L-2", [TouchpointRecord("page_view", ORIGIN)])])
    pairs = [(0, ORIGIN), (1, ORIGIN), (1, ORIGIN + 1)]
    assert ignored_touchpoints(journeys, snapshots_of(pairs)).tolist() == [0, 1, 0]


def test_warm_up_compiles_what_requests_use() -> None:
    from features.kernels import fold as kernel

    warm_up()
    compiled = len(kernel.fold.signatures)
    rows_of([LeadJourney("L-1", [TouchpointRecord("page_view", ORIGIN, channel="web")])], [(0, ORIGIN + 1)])
    compute_features(Journeys.from_arrow(None, None, None, ["L-1"]), snapshots_of([(0, ORIGIN)]), CATALOG)
    assert len(kernel.fold.signatures) == compiled


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64"])
def test_snapshots_take_any_whole_numbers(dtype: str) -> None:
    snapshots = Snapshots(np.array([0], dtype=dtype), np.array([1], dtype=dtype))
    assert snapshots.snapshot_at.dtype == np.int64

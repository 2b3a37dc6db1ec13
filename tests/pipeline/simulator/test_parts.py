"""The simulator's parts against plain definitions."""

import datetime as dt
import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.params import load_params
from pipeline.simulate import SECTIONS
from pipeline.simulator import outcomes, world
from pipeline.simulator.arrow import identifiers
from pipeline.simulator.chunks import Chunk, Setting, Story, build_chunk, first_mqls, remaining, retell
from pipeline.simulator.clocks import WeekClock, clocks_from
from pipeline.simulator.export import schedule_all, write_world
from pipeline.simulator.handovers import NEVER, hand_over
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.simulator.phases import CONSIDERATION, DECISION
from pipeline.simulator.population import draw_from
from pipeline.simulator.touchpoints import DAY_SECONDS
from pipeline.simulator.web import tracking_rows
from pipeline.tables.duckdb import Connection, connect, run_source

ROOT = Path(__file__).resolve().parents[3]
START = dt.date(2024, 3, 7)  # a Thursday: clocks must not take day 0 for a Monday


def silent(what: str, done: int, total: int) -> None:
    pass


@cache
def setting() -> Setting:
    params = load_params(SECTIONS, ROOT / "params.yaml")
    return Setting(3, 1500, 300, clocks_from(START), points_table(COMPANY_POINTS, params.features), 1500)


@cache
def told() -> tuple[Chunk, tuple[Story, ...]]:
    chunk = build_chunk(setting(), 0)
    schedule = schedule_all(setting(), [0], silent)
    return chunk, tuple(retell(setting(), chunk, schedule.of(chunk, number), number) for number in range(2))


def test_clock_runs_forwards_and_back() -> None:
    clocks = clocks_from(START)
    day = np.linspace(0, 30, 5000)
    for clock in (clocks.office, clocks.lead):
        own = clock.own(day)
        assert (np.diff(own) >= 0).all()
        assert np.allclose(clock.own(clock.calendar(own)), own)
    assert clocks.lead.own(np.array([7.0]))[0] == pytest.approx(168.0)
    # Friday 2024-03-08 at 16:00 is day 1 + 16 h; the next office hour begins on Monday at 07:00, day 4.
    friday = clocks.office.own(np.array([1 + 16 / 24]))
    assert clocks.office.calendar(friday + 0.5)[0] == pytest.approx(4 + 7.5 / 24)


@pytest.mark.parametrize("weights", [np.ones(167), np.zeros(168), -np.ones(168)])
def test_clock_rejects_impossible_weights(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match="168 numbers"):
        WeekClock(weights)


def test_points_table_agrees_with_the_selectors_one_by_one() -> None:
    points = setting().points.points

    def of(kind: str, asset: str | None = None) -> int:
        return points[world.KINDS.index(kind), 1, -1 if asset is None else world.ASSETS.index(asset), -1]

    assert of("mail_open") == 1_000
    assert of("page_view", "pricing/configurator") == 9_000  # a page view and a view of the pricing page
    assert of("page_view", "home") == 1_000
    assert of("page_view") == 1_000
    assert of("download", "ebook_free_trends") == 10_000
    assert of("download") == 0
    assert of("call") == of("px_legacy") == 0


def test_draws_from_a_table_follow_its_shares() -> None:
    table = np.array([[0.5, 0.5, 0.0], [0.0, 0.1, 0.9]])
    drawn = draw_from(np.random.default_rng(0), table, np.repeat([0, 1], 20_000))
    counts = np.stack([np.bincount(part, minlength=3) for part in (drawn[:20_000], drawn[20_000:])]) / 20_000
    assert np.allclose(counts, table, atol=0.02)
    assert counts[0, 2] == counts[1, 0] == 0


def test_queue_is_first_come_first_served_and_never_early() -> None:
    rng = np.random.default_rng(1)
    mql = rng.integers(0, 300 * DAY_SECONDS, 2000)
    office = setting().clocks.office
    periods = hand_over(np.random.default_rng(2), np.arange(2000), mql, np.zeros(2000, np.int64), 300, office)
    assert (np.diff(periods.mql) >= 0).all()
    assert (np.diff(periods.handed_over) >= 0).all()
    assert (periods.handed_over >= periods.mql).all()
    called = periods.contacted < NEVER
    assert 0.9 < called.mean() < 1
    assert (periods.contacted[called] >= periods.handed_over[called]).all()
    shuffled = rng.permutation(2000)
    again = hand_over(np.random.default_rng(2), shuffled, mql[shuffled], np.zeros(2000, np.int64), 300, office)
    assert np.array_equal(again.handed_over, periods.handed_over)


def test_empty_queue_is_no_problem() -> None:
    nobody = np.zeros(0, np.int64)
    assert len(hand_over(np.random.default_rng(0), nobody, nobody, nobody, 300, setting().clocks.office).lead) == 0


def test_first_mqls_agree_with_a_plain_loop() -> None:
    chunk = build_chunk(setting(), 0)
    lead, mql = first_mqls(setting(), chunk)
    found = dict(zip(lead.tolist(), mql.tolist(), strict=True))
    expected = {}
    totals: dict[int, int] = {}
    for who, recorded, points in zip(chunk.touchpoints.lead, chunk.touchpoints.recorded, chunk.points, strict=True):
        totals[who] = totals.get(who, 0) + int(points)
        if totals[who] >= setting().points.threshold and who not in expected:
            expected[int(who)] = int(recorded)
    assert found.keys() <= expected.keys()
    for who, recorded in expected.items():
        if who in found:
            assert 120 <= found[who] - recorded < 900
        else:
            assert recorded + 900 > setting().export


def test_points_lapse_after_the_observation_window() -> None:
    forgetful = replace(setting(), points=replace(setting().points, lapse=DAY_SECONDS))
    chunk = build_chunk(setting(), 0)
    assert len(first_mqls(forgetful, chunk)[0]) < len(first_mqls(setting(), chunk)[0])


def test_chances_fall_after_a_push_and_while_a_competitor_is_at_work() -> None:
    chunk, _ = told()
    lead = np.flatnonzero(np.isfinite(chunk.paths.decided) & (chunk.paths.decided < 250))
    size = len(lead)
    nothing, one = np.zeros(size, np.int64), np.ones(size, np.int64)
    day = chunk.paths.decided[lead]
    at = [
        outcomes.chances(chunk.people, chunk.paths, lead, day + wait, np.zeros(size), nothing)
        for wait in (0, 10, 20, 30)
    ]
    pushed = outcomes.chances(chunk.people, chunk.paths, lead, day, np.zeros(size), one)
    assert (pushed.qualified < at[0].qualified).all()
    hazard = np.diff([-np.log1p(-chances.lost[0]) for chances in at])
    assert hazard[0] < hazard[1] < hazard[2]


def test_readiness_is_high_in_decision_and_low_before() -> None:
    chunk, _ = told()
    daily, readiness = chunk.paths.daily, chunk.paths.readiness
    assert readiness[daily == DECISION].mean() > readiness[daily == CONSIDERATION].mean() > readiness[daily == 0].mean()


def test_pushed_leads_do_less_afterwards() -> None:
    chunk, stories = told()
    first = stories[0]
    kept = remaining(setting(), chunk, (first,)).touchpoints
    pushed = first.lead[(first.endings.ending == outcomes.RECYCLED) & first.endings.pushed]
    since = np.full(chunk.people.leads, NEVER)
    since[first.lead] = first.endings.at

    def after(touchpoints) -> int:
        return int((np.isin(touchpoints.lead, pushed) & (touchpoints.occurred > since[touchpoints.lead])).sum())

    assert 0 < after(kept) < 0.7 * after(chunk.touchpoints)


def test_truth_within_a_window_grows_with_it_and_vanishes_without_a_call() -> None:
    _, (first, _) = told()
    office = setting().clocks.office
    within = [
        outcomes.probability_within(first.periods.contacted, first.endings, first.periods.mql, days, office)
        for days in (1.0, 30.0, 60.0, 1000.0)
    ]
    assert all((low <= high + 1e-12).all() for low, high in itertools.pairwise(within))
    assert (within[-1][first.periods.contacted == NEVER] == 0).all()
    called = first.periods.contacted < NEVER
    assert np.allclose(within[-1][called], first.endings.qualified[called], atol=1e-6)


def test_nothing_before_an_ending_tells_what_it_will_be() -> None:
    chunk, (first, _) = told()
    ending = first.endings.ending
    won, lost = outcomes.SALES_QUALIFIED, outcomes.DISQUALIFIED
    # The same leads with other endings, a week later: up to the first of the two nothing may differ.
    swapped = np.select([ending == won, ending == lost], [lost, won], ending)
    later = np.where(first.endings.at < NEVER, first.endings.at + 7 * DAY_SECONDS, NEVER)
    other = replace(first, endings=replace(first.endings, ending=swapped, at=later))
    until = np.full(chunk.people.leads, setting().export)
    until[first.lead] = np.minimum(first.endings.at, setting().export)
    ids = identifiers("L-", np.arange(chunk.people.leads) + chunk.offset).to_pylist()
    limit = dict(zip(ids, until, strict=True))
    seen = []
    for story in (first, other):
        rows = tracking_rows(setting(), chunk, (story,), 0).to_pandas().dropna(subset=["occurred_at"])
        rows = rows[rows["lead_id"].isin(limit)]
        seconds = rows["occurred_at"].astype("datetime64[s, UTC]").astype("int64")
        rows = rows[seconds < rows["lead_id"].map(limit)]
        keys = rows[["lead_id", "occurred_at", "recorded_at", "kind", "asset", "channel", "campaign"]]
        seen.append(set(keys.astype(object).fillna("").itertuples(index=False, name=None)))
    assert len(seen[0]) > 10_000
    assert any(row[3] == "call" for row in seen[0])
    assert seen[0] == seen[1]


def test_source_declares_every_column_and_reads_every_row(tmp_path: Path) -> None:
    counts = write_world(replace(setting(), leads=400), START, tmp_path / "raw", tmp_path / "truth", silent)
    with connect() as connection:
        run_source(connection, ROOT / "pipeline" / "sources" / "simulated.sql", tmp_path / "raw")
        check_source(connection, tmp_path / "raw", counts.touchpoints)


def check_source(connection: Connection, raw: Path, touchpoints: int) -> None:
    def table(query: str) -> pa.Table:
        return connection.sql(query).to_arrow_table()

    declared = table("SELECT * FROM attributes").to_pylist()
    keys = {"lead_id", "account_id", "created_at", "source_file", "source_line"}
    for entity in ("lead", "account"):
        columns = set(table(f"SELECT * FROM {entity}s LIMIT 0").column_names) - keys
        assert columns == {row["attribute"] for row in declared if row["entity"] == entity}
    assert {row["attribute"] for row in declared if row["known_at"] == "after"} == {"sales_rating"}
    assert table("SELECT lead_id FROM leads").num_rows == 400
    assert table("SELECT lead_id FROM touchpoints").num_rows == touchpoints
    assert table("SELECT * FROM export").to_pylist() == [{"exported_at": "2025-01-01T00:00:00Z", "clock": "real"}]
    line = (raw / "leads.csv").read_text().splitlines()[4]
    assert table("SELECT lead_id FROM leads WHERE source_line = 5").to_pylist()[0]["lead_id"] in line
    history = table(
        "SELECT attribute, count(*) FILTER (lead_id IS NOT NULL) AS leads FROM attribute_changes GROUP BY 1"
    )
    assert {row["attribute"]: row["leads"] > 0 for row in history.to_pylist()} == {
        "employees": False,
        "owner_region": True,
    }

"""How sales treats the queue, one knob at a time; every other random number stays what it was."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from pipeline.params import load_params
from pipeline.simulate import SECTIONS, rules_of
from pipeline.simulator import outcomes
from pipeline.simulator.chunks import Chunk, Setting, Story, build_chunk, first_mqls, remaining, retell
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import Schedule, chunk_tables, schedule_all
from pipeline.simulator.handovers import NEVER, HandoverRules, hand_over
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.simulator.touchpoints import DAY_SECONDS
from pipeline.simulator.urgency import urgency

ROOT = Path(__file__).resolve().parents[3]


@cache
def setting(**rules: object) -> Setting:
    params = load_params(SECTIONS, ROOT / "params.yaml")
    assert rules_of(params.simulator) == HandoverRules()  # what is compared with is the default company
    clocks = clocks_from(params.simulator.start)
    return Setting(3, 1500, 300, clocks, points_table(COMPANY_POINTS, params.features), 1500, HandoverRules(**rules))


@cache
def told(**rules: object) -> tuple[Chunk, Schedule, tuple[Story, ...]]:
    chunk = build_chunk(setting(**rules), 0)
    schedule = schedule_all(setting(**rules), [0], lambda *_: None)
    return chunk, schedule, tuple(retell(setting(**rules), chunk, schedule.of(chunk, n), n) for n in range(2))


def waits(**rules: object) -> np.ndarray:
    periods = told(**rules)[1].rounds[0]
    called = periods.contacted < NEVER
    return (periods.contacted[called] - periods.mql[called]) / DAY_SECONDS


def test_without_calls_every_touchpoint_happens_and_nothing_ends() -> None:
    chunk, schedule, stories = told(calls=False)
    called = told()[1]
    tables = chunk_tables(setting(calls=False), schedule, 0, 0)
    assert np.array_equal(schedule.rounds[0].mql, called.rounds[0].mql)
    assert np.array_equal(schedule.rounds[0].skill, called.rounds[0].skill)
    assert not len(schedule.rounds[1].lead)
    assert len(remaining(setting(calls=False), chunk, stories).touchpoints) == len(chunk.touchpoints)
    assert tables["handovers"].num_rows == 0
    assert set(tables["stage_changes"]["stage"].to_pylist()) == {"inquiry", "mql"}
    assert "call" not in set(tables["touchpoints"]["kind"].to_pylist())
    without, with_calls = (
        t["contact_truth"].filter(pc.equal(t["contact_truth"]["risk_period"], 0))
        for t in (tables, chunk_tables(setting(), called, 0, 0))
    )
    assert without["probability_if_contacted"].equals(with_calls["probability_if_contacted"])


def test_less_capacity_means_longer_waits_and_late_calls_come_on_top() -> None:
    usual, scarce, late = waits(), waits(capacity=0.5), waits(late_share=0.2)
    assert np.median(scarce) > 2 * np.median(usual)
    assert np.median(waits(capacity=2.0)) < np.median(usual)
    assert (late > 21).mean() > (usual > 21).mean() + 0.08
    moved = late - usual > 1
    assert 0.14 < moved.mean() < 0.26
    assert (late - usual)[moved].min() > 12


@pytest.mark.parametrize("first", ["visible", "hidden"])
def test_leads_with_better_traits_are_called_first(first: str) -> None:
    chunk, schedule, _ = told(first=first)
    periods, alike = schedule.rounds[0], told()[1].rounds[0]
    traits = urgency(setting(first=first), chunk, periods.lead, periods.mql)
    assert abs(traits.mean()) < 0.4
    assert 0.7 < traits.std() < 1.4

    def correlation(rounds: object) -> float:
        called = rounds.contacted < NEVER
        return float(np.corrcoef(traits[called], (rounds.handed_over - rounds.mql)[called])[0, 1])

    assert correlation(periods) < -0.25 < correlation(alike)


def test_who_is_called_first_by_nothing_is_first_come_first_served() -> None:
    rng = np.random.default_rng(1)
    mql = rng.integers(0, 200 * DAY_SECONDS, 700)
    arguments = (np.arange(700), mql, np.zeros(700, np.int64), 200, setting().clocks.office)
    queue, turns = (
        hand_over(np.random.default_rng(2), *arguments, HandoverRules(first=first), urgency=np.zeros(700))
        for first in ("nobody", "visible")
    )
    assert np.abs(queue.handed_over - turns.handed_over).max() <= 1


def test_the_team_never_takes_a_lead_before_it_came_nor_two_at_once() -> None:
    chunk = build_chunk(setting(), 0)
    lead, mql = first_mqls(setting(), chunk)
    zeros = np.zeros(len(lead), np.int64)
    traits = np.random.default_rng(0).normal(size=len(lead))
    rules = HandoverRules(first="hidden", first_days=30.0)
    periods = hand_over(np.random.default_rng(2), lead, mql, zeros, 300, setting().clocks.office, rules, urgency=traits)
    assert (periods.handed_over >= periods.mql).all()
    assert len(np.unique(periods.handed_over)) > 0.99 * len(lead)


def test_a_push_at_the_call_thins_what_follows_at_once_whatever_the_call_leads_to() -> None:
    chunk, _, (first, _) = told()
    pushy = setting(push_at_call=True)
    begin, end = (np.full(chunk.people.leads, NEVER) for _ in range(2))
    begin[first.lead] = np.where(first.endings.too_early, first.periods.contacted, NEVER)
    end[first.lead] = np.minimum(first.endings.at, begin[first.lead] + 30 * DAY_SECONDS)
    assert (first.endings.too_early & (first.endings.ending == outcomes.SALES_QUALIFIED)).any()

    def between(world: Setting) -> int:
        rows = remaining(world, chunk, (first,)).touchpoints
        return int(((rows.occurred > begin[rows.lead]) & (rows.occurred <= end[rows.lead])).sum())

    usual = between(setting())
    assert usual > 200
    assert 0.35 * usual < between(pushy) < 0.65 * usual


def test_a_push_takes_readiness_that_comes_back_with_time() -> None:
    chunk, _, _ = told()
    lead = np.flatnonzero(chunk.paths.readiness[:, 200] > 0.3)
    zeros = np.zeros(len(lead), np.int64)
    day = np.full(len(lead), 200.0)

    def ready(days_ago: float | None) -> np.ndarray:
        at = None if days_ago is None else np.full(len(lead), int((200 - days_ago) * DAY_SECONDS))
        return outcomes.chances(chunk.people, chunk.paths, lead, day, zeros.astype(float), zeros, at).readiness

    assert np.allclose(ready(0), 0.5 * ready(None))
    assert (ready(0) < ready(30)).all()
    assert (ready(30) < ready(None)).all()
    never = np.full(len(lead), NEVER)
    at = outcomes.chances(chunk.people, chunk.paths, lead, day, zeros.astype(float), zeros, never)
    assert np.array_equal(at.readiness, ready(None))
    second = told(push_at_call=True)[2][1].periods
    assert (second.pushed_at < NEVER).any()
    assert (told()[2][1].periods.pushed_at == NEVER).all()

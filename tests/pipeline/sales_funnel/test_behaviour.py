"""A planted pattern is found, with its lead time; shuffled journeys and what came too late announce nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.timeline import DAY_US
from pipeline.params import LabelsParams, PersonasParams
from pipeline.sales_funnel.behaviour import announcing_behaviour
from pipeline.sales_funnel.behaviour_patterns import LANDMARK_DAYS, Exposure, Pattern, exposures, lay_looks
from pipeline.sales_funnel.behaviour_tests import Strata, benjamini_yekutieli, compare, risk_ratio
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls

LABELS = LabelsParams(label_days=60, recording_delay_days=2)
PARAMS = PersonasParams(purchase_days=120, resamples=50)
CONTENTS = ("blog", "product", "manual", "prices")


def company(lead: Any, step: Any, leads: int, planted: bool, seed: int) -> list[Any]:
    """Leads that read at random; where planted, a manual and then prices within the last weeks triples the chance."""
    random = np.random.default_rng(seed)
    made = []
    for place in range(leads):
        mql = 40.0 + random.random() * 600.0
        days = mql - random.exponential(14.0, 2 + random.poisson(4))
        steps = sorted(
            step(float(day), CONTENTS[code]) for day, code in zip(days, random.integers(0, 4, len(days)), strict=True)
        )
        recent = [item for item in steps if item.day >= mql - 28]
        manuals = [item.day for item in recent if item.content == "manual"]
        prices = [item.day for item in recent if item.content == "prices"]
        shows = bool(manuals and prices and min(manuals) < max(prices))
        wins = random.random() < (0.45 if planted and shows else 0.15)
        contact = mql + random.exponential(6.0)
        ended = contact + 5.0 + 10.0 * random.random()
        made.append(
            lead(
                steps,
                place // 2,
                mql,
                contact,
                ended,
                ended if wins else None,
                ended + 30 if wins and place % 2 else None,
            )
        )
    return made


@pytest.fixture(scope="module")
def planted(make_journeys: Any, lead: Any, step: Any) -> Any:
    return make_journeys(company(lead, step, 2400, True, 3), 900)


def test_the_planted_sequence_is_told_first_with_its_lead_time(planted: Any) -> None:
    search = announcing_behaviour(*planted, LABELS, PARAMS)
    best = search.announced[0]
    assert best.pattern == Pattern("sequence", "manual", "prices")
    assert best.outcome == "sales_qualified"
    assert best.ratio["low"] > 1.5
    assert best.share > 1.5 * best.base
    low, median, high = best.lead_days
    assert 5 < low < median < high < 50
    assert len(search.announced) <= 10
    assert search.held < search.candidates


def shuffled(mqls: FirstMqls, seed: int) -> FirstMqls:
    """Give every lead the fate of another one, at the same distance from its MQL moment."""
    other = np.random.default_rng(seed).permutation(len(mqls))
    fates = ("ended_at", "contact_at", "qualified_at", "bought_at")
    moved = {}
    for name in fates:
        at = getattr(mqls, name)[other]
        moved[name] = np.where(at < NEVER, at - mqls.mql_at[other] + mqls.mql_at, NEVER)
    return replace(mqls, **moved)


def test_shuffled_journeys_announce_nothing(planted: Any) -> None:
    paths, mqls = planted
    found = [len(announcing_behaviour(paths, shuffled(mqls, seed), LABELS, PARAMS).announced) for seed in range(6)]
    assert sum(count > 0 for count in found) <= 1, found


def test_looks_lie_before_the_first_contact_and_while_at_risk(planted: Any) -> None:
    paths, mqls = planted
    looks = lay_looks(paths, mqls)
    assert (looks.at <= mqls.contact_at[looks.mql]).all()
    assert (looks.at <= mqls.ended_at[looks.mql]).all()
    assert ((looks.at - mqls.mql_at[looks.mql]) == np.array(LANDMARK_DAYS)[looks.landmark] * DAY_US).all()
    assert (np.diff(paths.group[mqls.lead[looks.mql]]) >= 0).all()


def patterns_at(paths: Any, lead: int, day: float) -> dict[Pattern, Exposure]:
    at = np.array([20_000 * DAY_US + round(day * DAY_US)])
    return {pattern: exposure for pattern, exposure in exposures(paths, np.array([lead]), at) if exposure.shows[0]}


def test_patterns_by_hand(make_journeys: Any, lead: Any, step: Any) -> None:
    own = [step(10, "manual"), step(30, "prices"), step(31, "prices"), step(32, "blog")]
    paths, _ = make_journeys([lead(own, 0), lead([step(20, "blog")], 0), lead([step(20, "product")], 1)], 100)
    shown = patterns_at(paths, 0, 33)
    assert set(shown) == {
        Pattern("did", "manual"),
        Pattern("did", "prices"),
        Pattern("did", "blog"),
        Pattern("recently", "prices"),
        Pattern("recently", "blog"),
        Pattern("sequence", "manual", "prices"),
        Pattern("sequence", "manual", "blog"),
        Pattern("sequence", "prices", "blog"),
        Pattern("returned"),
        Pattern("colleague", "blog"),
        Pattern("colleagues_active"),
    }
    assert int(shown[Pattern("sequence", "manual", "prices")].completed_at[0]) == 20_031 * DAY_US
    assert Pattern("did", "manual") in patterns_at(paths, 0, 38), "28 days before, both ends as [since, until)"
    assert Pattern("did", "manual") not in patterns_at(paths, 0, 38.01)
    assert Pattern("more") not in shown, "too young to compare with weeks before"


def test_a_content_that_is_no_candidate_counts_for_no_other(
    make_journeys: Any, lead: Any, step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sales_funnel.behaviour_patterns.MOST_CONTENTS", 1)
    colleagues = [lead([step(10, "blog")], 0), lead([step(11, "blog")], 0)]
    paths, _ = make_journeys([*colleagues, lead([step(day, "manual") for day in (7, 8, 9)], 1)], 100)
    assert set(patterns_at(paths, 0, 12)) == {Pattern("colleagues_active")}


def test_a_touchpoint_at_the_look_or_recorded_after_it_shows_nothing(make_journeys: Any, lead: Any, step: Any) -> None:
    paths, _ = make_journeys([lead([step(5, "manual"), step(10, "prices"), step(8, "blog", "web", 4)], 0)], 100)
    assert set(patterns_at(paths, 0, 10)) == {Pattern("did", "manual"), Pattern("recently", "manual")}
    assert Pattern("did", "blog") in patterns_at(paths, 0, 12.5)


def test_more_than_in_the_weeks_before(make_journeys: Any, lead: Any, step: Any) -> None:
    early = [step(1, "blog"), step(15, "blog")]
    busy = [lead([*early, *(step(34 + place / 4, "blog") for place in range(4))], 0)]
    calm = [lead([*early, *(step(8.5 + 2 * place, "blog") for place in range(14))], 0)]
    assert Pattern("more") in patterns_at(make_journeys(busy, 90)[0], 0, 36)
    assert Pattern("more") not in patterns_at(make_journeys(calm, 90)[0], 0, 36)


def test_what_follows_in_one_stratum_alone_is_no_difference_within_it() -> None:
    code = np.repeat([0, 1], 200)
    shows = np.concatenate((np.arange(200) < 180, np.arange(200) < 20))  # frequent where the outcome is frequent
    positive = np.concatenate((np.arange(200) % 2 == 0, np.arange(200) % 20 == 0))
    strata = Strata(code, positive, np.arange(400))
    assert abs(compare(shows, strata).z) < 1.0
    assert compare(shows, strata._replace(code=np.zeros(400, dtype=np.int64))).z > 5.0
    assert risk_ratio(shows, strata, 1, 0)[0] == pytest.approx(1.0, abs=0.05)


def test_looks_of_one_account_count_as_one() -> None:
    random = np.random.default_rng(2)
    shows, positive = random.random(100) < 0.4, random.random(100) < 0.3
    once = compare(shows, Strata(np.zeros(100, np.int64), positive, np.arange(100)))
    five = Strata(np.zeros(500, np.int64), np.repeat(positive, 5), np.repeat(np.arange(100), 5))
    assert compare(np.repeat(shows, 5), five).z == pytest.approx(once.z)


def test_no_hypothesis_none_rejected() -> None:
    assert benjamini_yekutieli(np.array([]), 0.05).tolist() == []

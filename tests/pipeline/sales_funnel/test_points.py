"""The points audit: replay against the definition, rules among handed-over leads, thresholds by what is known, the proposal."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sales_funnel.points import claims
from features.errors import ParameterError
from features.params import FeaturesParams
from features.timeline import DAY_US
from models.analyses.points_audit import ProposedRule, ProposedTable
from models.params import DecayStep, PointsParams
from models.quality.log_odds import fit_log_odds
from models.quality.metrics import auc
from models.quality.rates import wilson
from pipeline.params import load_params
from pipeline.sales_funnel.estimates import estimate
from pipeline.sales_funnel.points_at import check_rules
from pipeline.sales_funnel.points_export import export_table
from pipeline.sales_funnel.points_replay import Replay, highest_points
from pipeline.sales_funnel.points_table import fit_points_table, shares_of
from pipeline.sales_funnel.points_thresholds import thresholds

FEATURES = FeaturesParams(
    observation_days=365,
    windows_days=(28,),
    half_lives_days=(),
    groups=("engagement",),
    selectors={"webinar": {"kind": ["webinar"]}, "pricing": {"asset": ["pricing*"]}},
)


def slowly(occurred: list[int], known: list[int], worth: list[int], windows: list[tuple[int, float]]) -> list[float]:
    """The definition: at each moment at which something became known, what occurred within each window counts."""
    best, result = -np.inf, []
    for moment in sorted(known):
        total = sum(
            share * value
            for days, share in windows
            for at, heard, value in zip(occurred, known, worth, strict=True)
            if heard <= moment and at > moment - days * DAY_US
        )
        best = max(best, total)
        result.append(best / 1000)
    return result


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=12),
    st.sampled_from([[(3, 1.0)], [(2, 0.5), (6, 0.5)]]),
)
def test_replay_is_its_definition(rows: list[tuple[int, int, int]], windows: list[tuple[int, float]]) -> None:
    occurred = [day * DAY_US for day, _, _ in rows]
    known = [(day + late) * DAY_US for day, late, _ in rows]
    worth = [points * 1000 for _, _, points in rows]
    lead = np.repeat([0, 1], len(rows))  # another lead with the same journey changes nothing
    both = [np.array(values * 2) for values in (occurred, known, worth)]
    own, _, highest = highest_points(lead, *both, windows)
    expected = slowly(occurred, known, worth, windows)
    assert highest[own == 0].tolist() == pytest.approx(expected)
    assert highest[own == 1].tolist() == pytest.approx(expected)


def test_log_odds_of_one_rule_do_not_hold_those_of_another() -> None:
    random = np.random.default_rng(3)
    signal = random.poisson(2.0, 4000)
    echo = signal + random.poisson(1.0, 4000)  # says nothing beyond the signal
    labels = (random.random(4000) < 1.0 / (1.0 + np.exp(2.0 - 0.6 * signal))).astype(float)
    fitted = fit_log_odds(np.column_stack([signal, echo, np.ones(4000)]), labels, np.arange(4000))
    assert fitted.low[0] < 0.6 < fitted.high[0]
    assert fitted.low[1] < 0.0 < fitted.high[1]
    assert np.isnan(fitted.low[2])  # a column that does not vary says nothing


def test_a_proposed_table_has_whole_points_and_finds_decay() -> None:
    random = np.random.default_rng(4)
    windows = [28, 365]
    new, old = random.poisson(1.0, (6000, 15)), random.poisson(2.0, (6000, 15))
    line = (
        0.9 * new[:, 0] - 0.8 * new[:, 1] + 0.3 * new[:, 2] - 1.5
    )  # old touchpoints say nothing, the second speaks against
    labels = (random.random(6000) < 1.0 / (1.0 + np.exp(-line))).astype(float)
    counts = np.stack([new, new + old], axis=2).astype(float)
    table = fit_points_table(counts, labels, np.arange(6000), windows)
    assert table.points.dtype.kind == "i"
    assert (table.points >= 0).all()
    assert (table.points > 0).sum() <= 12
    assert table.points[1] == 0
    assert table.points[0] == table.points.max() > table.points[2] > 0
    assert table.decay == (DecayStep(after_days=28, share=0.0),)
    flat = counts[:, :, 1] @ np.where(np.arange(15) == 0, 1, 0)
    assert auc(labels, counts @ shares_of(table.decay, windows) @ table.points) > auc(labels, flat)


def _looks(points: np.ndarray, labels: np.ndarray) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    frame = pd.DataFrame({"label": labels})
    return {"mql": frame, "handed": frame}, {"mql": points[:, None], "handed": points[:, None]}


def test_thresholds_are_marked_by_what_is_known() -> None:
    points = np.array([60.0] * 300 + [120.0] * 100)
    labels = np.array([1.0] * 60 + [0.0] * 240 + [1.0] * 50 + [0.0] * 50)
    found = {
        item.threshold: item
        for item in thresholds(*_looks(points, labels), Replay(points, points, np.arange(400)), 50.0)
    }
    assert found[25.0].evidence == "trial"
    assert found[25.0].trial is not None
    assert found[25.0].trial.rate == pytest.approx(0.2)
    assert found[25.0].trial.leads_per_group == 199  # 20 % against 10 %
    assert (found[100.0].observed.of, found[100.0].observed.count, found[100.0].unknown) == (100, 50, 300)
    assert found[50.0].move == "current"
    below = np.concatenate([points, np.full(150, 40.0)])
    later = np.concatenate([points, np.full(100, 40.0), np.full(50, 70.0)])  # a third goes on to the present threshold
    outcomes = np.concatenate([labels, np.ones(5), np.zeros(95), np.ones(15), np.zeros(35)])
    replayed = Replay(later[::-1], below, np.arange(550)[::-1])  # leads stand in another order than looks
    found = {item.threshold: item for item in thresholds(*_looks(below, outcomes), replayed, 50.0)}
    lower = found[38.0]
    assert (lower.evidence, lower.added.of, lower.added.value) == ("extrapolated", 150, pytest.approx(20 / 150))
    assert lower.modelled.value is None
    assert (lower.modelled.low, lower.modelled.high) == pytest.approx((wilson(5, 100)[0], wilson(20, 150)[1]))


def test_a_threshold_that_nobody_reaches_is_said_with_the_most_points() -> None:
    from pipeline.points import _told

    replay = SimpleNamespace(reached=0, highest=37.0, leads=9, mqls=1, both=0)
    assert "the most that a lead has is 37" in _told(SimpleNamespace(replay=replay, threshold=50.0))


def test_rules_that_are_no_selector_are_named() -> None:
    wrong = PointsParams(interactions={"webinar": 5, "webinars": 5}, mql_threshold=10)
    with pytest.raises(ParameterError, match=r"names 'webinars', which is no selector. Allowed: webinar, pricing"):
        check_rules(wrong, FEATURES)
    with pytest.raises(ParameterError, match=r"empty"):
        check_rules(PointsParams(interactions={}, mql_threshold=10), FEATURES)


def test_the_exported_section_is_one_that_params_yaml_takes(tmp_path) -> None:
    table = ProposedTable(
        rules=(ProposedRule(name="webinar", labels={"en": "webinars"}, points=10, present=None),),
        decay=({"after_days": 28, "share": 0.25},),
        fitted_on=9,
        judged_on=9,
        gain=estimate(0.1),
        threshold=20,
        reached=3,
    )
    export_table(tmp_path / "out", table)
    section = load_params(("points",), tmp_path / "out" / "points.yaml").points
    assert section.interactions == {"webinar": 10.0}
    assert section.windows(365) == ((28, 0.75), (365, 0.25))
    assert (tmp_path / "out" / "points_table.csv").read_text().splitlines()[1] == "webinar,10,"
    export_table(tmp_path / "out", None)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("steps", [[(28, 0.5), (7, 0.2)], [(7, 0.2), (28, 0.5)], [(7, 0.2), (28, 0.2)]])
def test_decay_rises_in_days_and_falls_in_shares(steps: list[tuple[int, float]]) -> None:
    with pytest.raises(ValueError, match="days must rise and shares fall"):
        PointsParams(
            interactions={}, mql_threshold=1, decay=[{"after_days": day, "share": share} for day, share in steps]
        )


def test_what_the_audit_says_of_thresholds_is_true_of_a_simulated_company() -> None:
    told = claims(seed=1, leads=3000)
    of = {name: [claim for claim in told if claim.name.startswith(name)] for name in ("observed", "extrapolated")}
    assert len(of["observed"]) == 4
    assert of["extrapolated"]
    for claim in [*of["observed"], *of["extrapolated"]]:
        assert claim.holds, claim
        assert claim.high - claim.low < 0.25
    # A stricter threshold is one of better leads, in truth and as observed
    assert of["observed"][-1].true > of["observed"][0].true
    assert of["observed"][-1].value > of["observed"][0].value

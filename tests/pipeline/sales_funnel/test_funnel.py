"""The funnel and the ledger: exact parts, what can't be separated, planted faults, and what is never shown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.sales_funnel.ledger import POOR_TEAM, company, true_parts
from features.errors import ParameterError
from models.analyses.funnel import FUNNEL
from models.quality.cumulative_incidence import cumulative_incidence
from models.quality.gap_parts import gap_parts
from models.quality.overlap import effective_likes
from models.quality.reference_handling import Handled, fit_reference_model, rate_of_others, spread
from pipeline.params import FunnelParams, load_params
from pipeline.sales_funnel.example import example_funnel
from pipeline.sales_funnel.funnel_analysis import cost_remarks
from pipeline.sales_funnel.funnel_counts import Horizon, count_steps, cut_by
from pipeline.sales_funnel.gaps import campaign_folds, keep_ledger
from pipeline.sales_funnel.handled_leads import HandledLeads
from pipeline.sales_funnel.mql_endings import costs
from pipeline.simulate import SECTIONS, campaigns_of

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")


def made(count: int = 3000, seed: int = 1, **columns: np.ndarray) -> Handled:
    """Leads of four campaigns and three teams that are all alike."""
    random = np.random.default_rng(seed)
    quality = random.normal(size=(count, 3))
    plain = {
        "quality": quality,
        "log_days": np.log1p(random.exponential(4.0, count)),
        "team": random.integers(0, 3, count),
        "campaign": random.integers(0, 4, count),
        "month": random.integers(0, 5, count),
        "account": np.arange(count) // 2,
        "outcome": (random.random(count) < 1 / (1 + np.exp(1.5 - quality[:, 0]))).astype(float),
    }
    return Handled(**(plain | columns))


def named(handled: Handled) -> HandledLeads:
    count = len(handled.outcome)
    looks = pd.DataFrame({"lead_id": [f"L{i}" for i in range(count)], "snapshot_at": START})
    return HandledLeads(handled, looks, list("abcd"), ["x", "y", "z"], ["p", "q"], np.arange(count) % 2)


def test_the_textbook_case() -> None:
    free, paid = example_funnel().gaps
    assert (free.expected.value, free.actual) == pytest.approx((0.05, 0.05))
    assert (free.quality.value, free.handling.value) == pytest.approx((0.15, 0.0))
    assert free.blamed == ("quality",)
    assert (paid.expected.value, paid.actual) == pytest.approx((1.0, 0.005))
    assert paid.handling.value == pytest.approx(0.995)
    assert paid.blamed == ("handling",)
    for gap in (free, paid):
        assert gap.shortfall == pytest.approx(gap.quality.value + gap.handling.value)
    assert "10,000 downloads" in FUNNEL.body(example_funnel(), "en")


def test_parts_are_exact_on_counts_and_nobody_is_blamed_for_chance() -> None:
    ledger = keep_ledger(named(made()), FunnelParams())
    assert len(ledger.gaps) == 4
    for gap in ledger.gaps:
        assert gap.shortfall == pytest.approx(gap.quality.value + gap.handling.value)
        assert gap.actual == gap.qualified / gap.leads
        assert gap.quality.low < 0.0 < gap.quality.high
    assert len(ledger.teams) == 3
    assert ledger.persons == ()  # off by default


def test_poor_leads_and_bad_handling_are_told_apart() -> None:
    random = np.random.default_rng(2)
    plain = made(8000)
    quality = plain.quality.copy()
    quality[plain.campaign == 0, 0] -= 0.8  # poor leads, as everybody can see
    line = quality[:, 0] - 1.0 - 1.5 * (plain.campaign == 1)  # good leads, lost by whoever works this campaign
    outcome = (random.random(8000) < 1 / (1 + np.exp(-line))).astype(float)
    gaps = {
        gap.campaign: gap
        for gap in keep_ledger(named(made(8000, quality=quality, outcome=outcome)), FunnelParams()).gaps
    }
    assert gaps["a"].blamed == ("quality",)
    assert gaps["b"].blamed == ("handling",)
    assert gaps["c"].blamed == gaps["d"].blamed == ()


def test_what_cannot_be_separated_is_said() -> None:
    plain = made()
    apart = plain.quality.copy()
    apart[plain.campaign == 0, 1] += 40.0
    gap = next(g for g in keep_ledger(named(made(quality=apart)), FunnelParams()).gaps if g.campaign == "a")
    assert (gap.shortage, gap.cause, gap.quality.value) == ("not_separable", "no_like", None)
    alone = np.where(plain.campaign == 0, 2, np.minimum(plain.team, 1))
    ledger = keep_ledger(named(made(team=alone)), FunnelParams())
    assert next(g for g in ledger.gaps if g.campaign == "a").cause == "one_team"
    assert next(t for t in ledger.teams if t.name == "z").cause == "one_team"
    one = keep_ledger(named(made(campaign=np.zeros(3000, np.int64))), FunnelParams())
    assert [gap.cause for gap in one.gaps] == ["no_others"]


def test_campaigns_with_one_lead_are_too_few_to_say() -> None:
    plain = made()
    campaign = np.where(np.arange(3000) == 5, 3, np.minimum(plain.campaign, 2))
    gap = keep_ledger(named(made(campaign=campaign)), FunnelParams()).gaps[-1]
    assert (gap.campaign, gap.leads, gap.shortage, gap.expected.value) == ("d", 1, "too_few", None)


def test_salespeople_are_shown_on_demand_and_never_below_the_minimum() -> None:
    shown = keep_ledger(named(made(200)), FunnelParams(by_person=True, min_person_leads=100)).persons
    assert [person.leads for person in shown] == [100, 100]
    assert keep_ledger(named(made(190)), FunnelParams(by_person=True, min_person_leads=100)).persons == ()
    with pytest.raises(ValueError, match="greater than or equal to 30"):
        FunnelParams(by_person=True, min_person_leads=5)


def test_the_models_of_a_campaign_saw_neither_it_nor_its_accounts() -> None:
    handled = made(600)
    folds = campaign_folds(handled.campaign)
    model = fit_reference_model(handled, folds)
    for number, fitted in enumerate(model._folds):
        own = folds == number
        assert not set(handled.account[own]) & set(handled.account[fitted.rows])
        assert not set(handled.campaign[own]) & set(handled.campaign[fitted.rows])


def test_the_interval_of_a_rate_is_that_of_its_accounts() -> None:
    handled = made(4000, account=np.arange(4000))
    own = handled.campaign == 0
    others = rate_of_others(handled.outcome, np.zeros(4000, np.int64), own, ~own)
    rate, count = handled.outcome[~own].mean(), (~own).sum()
    assert others.value == pytest.approx(rate)
    assert spread(others.moves, handled.account) == pytest.approx(1.96 * np.sqrt(rate * (1 - rate) / count), rel=0.01)
    assert rate_of_others(handled.outcome, handled.month, own, np.zeros(4000, bool)) is None


def test_likes_are_counted_effectively() -> None:
    random = np.random.default_rng(5)
    own = np.arange(2000) < 500
    assert effective_likes(random.normal(size=(2000, 2)), own, ~own) == pytest.approx(1500, rel=0.1)
    far = random.normal(size=(2000, 2)) + 30.0 * own[:, None]
    assert effective_likes(far, own, ~own) < 5.0


def test_incidences_of_all_ends_and_none_add_up() -> None:
    random = np.random.default_rng(6)
    days, cause = random.exponential(30.0, 500), random.integers(-1, 3, 500)
    total = cumulative_incidence(days, cause, 3, np.array([1000.0])).sum()
    single = cumulative_incidence(days, np.where(cause >= 0, 0, -1), 1, np.array([1000.0])).sum()
    assert total == pytest.approx(single)
    complete = cumulative_incidence(days, np.abs(cause), 3, np.array([20.0]))
    assert complete.sum() == pytest.approx((days <= 20.0).mean())  # without censoring it is a share


def _rows(count: int = 40) -> pd.DataFrame:
    created = pd.Series(START + DAY * np.arange(count))
    never = pd.Series(pd.NaT, range(count), dtype="datetime64[us, UTC]")
    mql = (created + DAY).where(np.arange(count) % 2 == 0)
    return pd.DataFrame(
        {
            "created_at": created,
            "mql": mql,
            "sal": never,
            "sales_qualified": (mql + 3 * DAY).where(np.arange(count) % 4 == 0),
            "customer": never,
            "campaign": ["a", "b", None, "a"] * (count // 4),
            "person": ["p"] * (count // 2) + ["q"] * (count // 2),
        }
    )


def test_rates_count_only_what_is_known_to_the_full() -> None:
    horizon = Horizon(3 * DAY, START + 20 * DAY)
    steps = count_steps(_rows(), np.zeros(40, np.int64), 1, horizon)[0]
    assert (steps.leads, steps.mql, steps.sales_qualified, steps.sal) == (40, 20, 10, None)
    assert (steps.lead_to_mql.count, steps.lead_to_mql.of) == (11, 21)
    assert steps.mql_to_qualified.count == 0  # after exactly three days: outside of [moment, moment + 3 days)
    wider = count_steps(_rows(), np.zeros(40, np.int64), 1, Horizon(4 * DAY, START + 20 * DAY))[0]
    assert (wider.mql_to_qualified.count, wider.mql_to_qualified.of) == (5, 10)


def test_small_groups_stand_together_and_small_persons_not_at_all() -> None:
    horizon = Horizon(4 * DAY, START + 20 * DAY)
    by_campaign = cut_by(_rows(), "campaign", horizon, 1)
    assert [(group.value, group.is_rest, group.steps.leads) for group in by_campaign.groups] == [
        ("a", False, 20),
        (None, True, 10),
        (None, False, 10),
    ]
    by_person = cut_by(_rows(), "person", horizon, 9, least=11)
    assert (by_person.groups, by_person.hidden) == ((), 2)


def test_missing_costs_are_named() -> None:
    rows = _rows()
    spent = pd.DataFrame({"campaign": ["b", "typo"], "amount": [90.0, 5.0]})
    found = {cost.campaign: cost for cost in costs(rows, spent, 9)}
    assert found["a"].spent is None
    assert found["typo"].per_mql is None
    lines = cost_remarks(example_funnel().model_copy(update={"costs": tuple(found.values())}))
    assert "no costs are given for a" in lines[0]
    assert "names b, typo, which drew no MQL" in lines[1]
    assert "needs the table campaign_costs" in cost_remarks(example_funnel())[0]


def test_planted_faults_are_found_and_their_size_is_true() -> None:
    planted = company(seed=3, leads=2500, faults=True)
    name = f"new_business_{POOR_TEAM + 1}"
    team = next(team for team in planted.ledger.teams if team.name == name)
    assert team.is_blamed
    _, expected, actual = true_parts(planted, planted.leads.handled.team == planted.leads.teams.index(name))
    assert team.handling.low < expected - actual < team.handling.high
    assert expected - actual > 0.04


def test_a_poor_campaign_that_is_none_is_refused(root: Path) -> None:
    simulator = load_params(SECTIONS, root / "params.yaml").simulator
    with pytest.raises(
        ParameterError, match="poor_campaigns: got spam; allowed are some, not all, of ebook_free_trends"
    ):
        campaigns_of(simulator.model_copy(update={"poor_campaigns": ("spam",)}))
    assert gap_parts(0.2, 0.2, 0.2).shortfall == 0.0

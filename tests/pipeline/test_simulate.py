"""The simulated world as a whole: reproducible, true to its own rules, and dirty as a CRM is."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features.errors import ParameterError
from features.selectors import Selectors
from pipeline.console import progress
from pipeline.params import load_params
from pipeline.simulate import SECTIONS, simulate
from pipeline.simulator.chunks import Setting, build_chunk
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import chunk_tables, schedule_all, write_world
from pipeline.simulator.handovers import NEVER
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.simulator.orders import further_orders

ROOT = Path(__file__).resolve().parents[2]
START = dt.date(2024, 1, 1)
ORIGIN = int(dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp())
DAY = pd.Timedelta(days=1)


@cache
def params():
    return load_params(SECTIONS, ROOT / "params.yaml")


def setting(leads: int, *, seed: int = 5, per_chunk: int = 5000, days: int = 400) -> Setting:
    points = points_table(COMPANY_POINTS, params().features)
    return Setting(seed, leads, days, clocks_from(START), points, per_chunk)


def silent(what: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class World:
    raw: Path
    leads: pd.DataFrame
    stages: pd.DataFrame
    handovers: pd.DataFrame
    rows: pd.DataFrame  # the tracking export as it is
    touchpoints: pd.DataFrame  # the good rows, each once
    snapshots: pd.DataFrame
    calls: pd.DataFrame
    truth: pd.DataFrame
    export: pd.Timestamp


def times(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True, errors="coerce") for name in names})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    write_world(setting(6000, per_chunk=2000), START, folder / "raw", folder / "truth", silent)
    raw, truth = folder / "raw", folder / "truth"
    leads = pd.read_csv(raw / "leads.csv")
    export = pd.Timestamp(pd.read_csv(raw / "export.csv")["exported_at"][0])
    stages = times(pd.read_csv(raw / "stage_changes.csv"), "occurred_at", "recorded_at")
    stages = stages[stages["lead_id"].isin(leads["lead_id"]) & stages["occurred_at"].notna()]
    rows = pd.read_parquet(raw / "touchpoints")
    good = rows["lead_id"].isin(leads["lead_id"]) & (rows["recorded_at"] < export) & rows["occurred_at"].notna()
    return World(
        raw=raw,
        leads=leads,
        stages=stages,
        handovers=times(pd.read_csv(raw / "handovers.csv"), "queued_at", "handed_over_at", "first_contact_at"),
        rows=rows,
        touchpoints=rows[good].drop_duplicates(),
        snapshots=pd.read_parquet(truth / "snapshot_truth.parquet"),
        calls=pd.read_parquet(truth / "contact_truth.parquet"),
        truth=pd.read_parquet(truth / "lead_truth.parquet"),
        export=export,
    )


def headline(world: World) -> pd.DataFrame:
    """One row per matured first period: its true probability and whether the lead qualified within 60 days."""
    rows = world.snapshots[world.snapshots["risk_period"] == 0].sort_values("snapshot_at").groupby("lead_id").head(1)
    qualified = world.stages[world.stages["stage"] == "sales_qualified"].groupby("lead_id")["occurred_at"].min()
    rows = rows[rows["snapshot_at"] + 62 * DAY <= world.export].copy()
    rows["label"] = rows["lead_id"].map(qualified) - rows["snapshot_at"] < 60 * DAY
    return rows.merge(world.leads, on="lead_id")


def test_two_runs_are_equal_and_another_seed_is_another_world() -> None:
    one, two, other = (chunk_tables(*_scheduled(setting(600, seed=seed)), 0, ORIGIN) for seed in (5, 5, 6))
    for name, table in one.items():
        assert table.equals(two[name]), name
        assert not table.equals(other[name]), name


def _scheduled(world: Setting):
    return world, schedule_all(world, list(range(world.chunks)), silent)


def test_order_of_chunks_changes_nothing() -> None:
    small = setting(900, per_chunk=300)
    forward = schedule_all(small, [0, 1, 2], silent)
    backward = schedule_all(small, [2, 0, 1], silent)
    for number in (2, 1, 0):
        ahead, behind = (chunk_tables(small, schedule, number, ORIGIN) for schedule in (forward, backward))
        for name, table in ahead.items():
            assert table.equals(behind[name]), (number, name)


def test_leads_are_as_many_as_asked_for_and_ids_are_unique(world: World) -> None:
    assert len(world.leads) == 6000
    assert world.leads["lead_id"].is_unique
    assert pd.read_csv(world.raw / "accounts.csv")["account_id"].is_unique
    assert world.touchpoints["touchpoint_id"].is_unique


def test_mql_exactly_when_the_points_table_is_reached(world: World) -> None:
    rules = params()
    selectors = Selectors({name: rules.features.selectors[name] for name in COMPANY_POINTS.interactions})
    fields = ["kind", "channel", "asset", "campaign", "by"]
    touchpoints = world.touchpoints.astype(object).where(world.touchpoints.notna(), None)
    points = {
        combination: sum(
            COMPANY_POINTS.interactions[name]
            for name in selectors.select(**dict(zip(fields, combination, strict=True)))
        )
        for combination in set(touchpoints[fields].itertuples(index=False, name=None))
    }
    weights = [points[row] for row in touchpoints[fields].itertuples(index=False, name=None)]
    rows = world.touchpoints.assign(points=weights).sort_values(["lead_id", "recorded_at"])
    mql = world.stages[world.stages["stage"] == "mql"].groupby("lead_id")["occurred_at"].min()
    checked = 0
    for lead, journey in rows[rows["lead_id"].isin(world.leads["lead_id"][:1500])].groupby("lead_id"):
        # In a history of 400 days, points of the first 35 days may lapse; leads that are older are left out.
        recorded, total = journey["recorded_at"], journey["points"].cumsum()
        if recorded.iloc[-1] - recorded.iloc[0] >= 364 * DAY:
            continue
        checked += 1
        if lead in mql.index:
            before = recorded < mql[lead]
            deciding = recorded[before].iloc[-1]
            reached = recorded[total >= COMPANY_POINTS.mql_threshold].iloc[0]
            assert reached < mql[lead] <= reached + pd.Timedelta(minutes=15)
            assert total[recorded < reached].max() < COMPANY_POINTS.mql_threshold or reached == recorded.iloc[0]
            assert deciding >= reached
        else:
            early = recorded < world.export - pd.Timedelta(minutes=15)
            assert not early.any() or total[early].iloc[-1] < COMPANY_POINTS.mql_threshold
    assert checked > 1000


def test_shares_stay_where_the_world_is_calibrated(world: World) -> None:
    rows = headline(world)
    assert 0.12 <= rows["label"].mean() <= 0.22
    assert 0.35 <= world.truth[world.truth["risk_period"] == 0].shape[0] / 6000 <= 0.50
    assert 25 <= len(world.touchpoints) / 6000 <= 55


def test_truth_separates_but_never_settles(world: World) -> None:
    rows = headline(world)
    positive = rows.loc[rows["label"], "true_probability_60d"]
    negative = rows.loc[~rows["label"], "true_probability_60d"]
    auc = stats.mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative))
    assert 0.82 < auc < 0.93


@pytest.mark.parametrize("days", [30, 60, 90])
def test_truth_is_calibrated_in_every_group(world: World, days: int) -> None:
    rows = world.snapshots[world.snapshots["snapshot_at"] + (days + 2) * DAY <= world.export].copy()
    qualified = world.stages[world.stages["stage"] == "sales_qualified"][["lead_id", "occurred_at"]]
    merged = rows.reset_index().merge(qualified, on="lead_id", how="left")
    # The same risk period: no newer MQL between the snapshot and the qualification.
    merged["hit"] = (merged["occurred_at"] >= merged["snapshot_at"]) & (
        merged["occurred_at"] < merged["snapshot_at"] + days * DAY
    )
    second = world.truth[world.truth["risk_period"] == 1].set_index("lead_id")["mql_at"]
    renewed = merged["lead_id"].map(second)
    merged["hit"] &= ~((merged["risk_period"] == 0) & (renewed <= merged["occurred_at"]))
    rows["label"] = merged.groupby("index")["hit"].any()
    truth = rows[f"true_probability_{days}d"]
    week = (rows.groupby(["lead_id", "risk_period"]).cumcount()).clip(upper=3)
    groups = [week == number for number in range(4)]
    groups += [
        (truth > low) & (truth <= high) & (week == 0) for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1))
    ]
    for group in groups:
        expected, spread = truth[group].sum(), np.sqrt((truth * (1 - truth))[group].sum())
        assert group.sum() > 50
        assert abs(rows.loc[group, "label"].sum() - expected) < 4 * spread + 1


def test_outcome_on_the_day_of_the_real_call_is_the_real_outcome(world: World) -> None:
    periods = world.truth.dropna(subset=["first_contact_at"]).copy()
    periods["contact_day"] = ((periods["first_contact_at"] - periods["mql_at"]) / DAY).round()
    merged = periods.merge(world.calls, on=["lead_id", "risk_period", "contact_day"])
    same = merged["outcome_if_contacted"] == (merged["ending"] == "sales_qualified")
    assert len(merged) > 1000
    assert same.mean() > 0.97


def test_day_of_the_call_matters(world: World) -> None:
    chance = world.calls.groupby(["lead_id", "risk_period"])["probability_if_contacted"]
    assert chance.max().mean() > 1.2 * chance.first().mean()
    best = world.calls.loc[chance.idxmax(), "contact_day"]
    # For many leads neither the first nor the last day is the best one.
    assert best.between(3, 50).mean() > 0.2


def test_handover_delays_vary(world: World) -> None:
    delay = (world.handovers["handed_over_at"] - world.handovers["queued_at"]) / DAY
    assert delay.min() >= 0
    assert delay.quantile(0.95) > 4 * delay.quantile(0.25)
    assert delay.quantile(0.95) > 8
    called = world.handovers["first_contact_at"].dropna()
    assert (called.dt.day_of_week < 5).all()
    assert called.dt.hour.between(7, 16).all()
    assert world.handovers["first_contact_at"].isna().any()


def test_free_ebook_draws_crowds_and_the_paid_one_the_right_people(world: World) -> None:
    rows = headline(world).groupby("source_campaign")["label"].agg(["mean", "size"])
    free, paid = rows.loc["ebook_free_trends"], rows.loc["ebook_paid_planning_guide"]
    assert free["size"] > 3 * paid["size"]
    assert paid["mean"] > 2 * free["mean"]


def test_campaign_mix_drifts(world: World) -> None:
    created = pd.to_datetime(world.leads["created_at"])
    free = world.leads["source_campaign"] == "ebook_free_trends"
    early, late = created < created.quantile(0.3), created > created.quantile(0.7)
    assert free[early].mean() > 1.25 * free[late].mean()


def test_dirt_is_there_in_small_doses(world: World) -> None:
    rows, size = world.rows, len(world.rows)
    late = rows["recorded_at"] - rows["occurred_at"] > pd.Timedelta(hours=1)
    assert 0.01 < late.mean() < 0.03
    assert 0.002 < rows.duplicated().mean() < 0.01
    assert 0.001 < (rows["kind"] == "px_legacy").mean() < 0.006
    assert 0.002 < rows["channel"].isna().mean() < 0.03
    unknown = ~rows["lead_id"].isin(world.leads["lead_id"])
    future = rows["occurred_at"] >= world.export
    lost = rows["occurred_at"].isna()
    assert min(unknown.sum(), future.sum(), lost.sum()) > 0
    assert (unknown | future | lost).sum() < 0.005 * size
    for name in ("stage_changes", "orders"):
        table = pd.read_csv(world.raw / f"{name}.csv")
        moment = pd.to_datetime(
            table.iloc[:, 1 if name == "orders" else 2], errors="coerce", utc=True, format="ISO8601"
        )
        assert 0 < moment.isna().mean() < 0.01


def test_rejections_carry_every_reason(world: World) -> None:
    rejected = world.stages[world.stages["stage"] == "disqualified"]
    assert set(rejected["reason"]) == {
        "no_decision_maker",
        "no_budget",
        "no_need",
        "bad_timing",
        "competitor",
        "unreachable",
    }
    assert set(world.stages["stage"]) == {
        "inquiry",
        "mql",
        "sal",
        "sales_qualified",
        "disqualified",
        "recycled",
        "customer",
    }
    assert world.truth["ending"].eq("open").any()


def test_recycled_leads_may_come_back_with_smaller_chances_after_a_push(world: World) -> None:
    again = world.truth[world.truth["risk_period"] == 1]
    assert len(again) > 30
    recycled = world.stages[world.stages["stage"] == "recycled"].groupby("lead_id")["occurred_at"].min()
    assert (again["mql_at"] > again["lead_id"].map(recycled)).all()
    assert again["pushes_before"].isin([0, 1]).all()
    assert again["pushes_before"].sum() > 0


def test_stage_changes_follow_one_another(world: World) -> None:
    first = world.stages.pivot_table(index="lead_id", columns="stage", values="occurred_at", aggfunc="min")
    for before, after in (
        ("inquiry", "mql"),
        ("mql", "sal"),
        ("sal", "sales_qualified"),
        ("sales_qualified", "customer"),
    ):
        both = first[[before, after]].dropna()
        assert len(both) > 20
        assert (both[before] < both[after]).all(), (before, after)
    assert (world.stages["recorded_at"] < world.export).all()
    assert (world.stages["recorded_at"] - world.stages["occurred_at"] < 2 * DAY).all()


def test_no_kind_of_touchpoint_is_only_seen_before_one_ending(world: World) -> None:
    ends = world.stages[world.stages["stage"].isin(["sales_qualified", "disqualified"])]
    ends = ends.sort_values("occurred_at").drop_duplicates("lead_id").set_index("lead_id")
    rows = world.touchpoints[world.touchpoints["lead_id"].isin(ends.index)]
    rows = rows[rows["occurred_at"] < rows["lead_id"].map(ends["occurred_at"])]
    seen = rows.groupby(rows["lead_id"].map(ends["stage"]))["kind"].agg(set)
    assert seen["sales_qualified"] == seen["disqualified"]


def test_weekends_and_nights_are_quiet(world: World) -> None:
    mine = world.touchpoints[world.touchpoints["by"] == "lead"]["occurred_at"]
    assert (mine.dt.day_of_week >= 5).mean() < 0.15
    assert mine.dt.hour.between(7, 17).mean() > 0.7


def test_colleagues_look_at_the_same_time(world: World) -> None:
    known = world.leads.dropna(subset=["account_id"]).merge(world.truth.drop_duplicates("lead_id"), on="lead_id")
    together = known.merge(known, on="account_id")
    together = together[together["lead_id_x"] < together["lead_id_y"]]
    assert np.corrcoef(together["need_x"], together["need_y"])[0, 1] > 0.1


def test_existing_customers_order_before_and_new_ones_after(world: World) -> None:
    orders = times(pd.read_csv(world.raw / "orders.csv"), "ordered_at").dropna(subset="ordered_at")
    accounts = pd.read_csv(world.raw / "accounts.csv").set_index("account_id")["existing_customer"]
    begin = pd.Timestamp(START, tz="UTC")
    early = orders[orders["ordered_at"] < begin]
    assert accounts[early["account_id"]].all()
    new = orders[~orders["account_id"].map(accounts)]
    assert len(new) > 20
    assert (new["ordered_at"] >= begin).all()
    assert new["account_id"].duplicated().any()


def further(world: World) -> pd.DataFrame:
    """Orders in the history, each with the one before it of the same account."""
    orders = times(pd.read_csv(world.raw / "orders.csv"), "ordered_at").dropna(subset="ordered_at")
    orders = orders.sort_values(["account_id", "ordered_at"])
    orders["before"] = orders.groupby("account_id")["ordered_at"].shift()
    return orders[(orders["ordered_at"] >= pd.Timestamp(START, tz="UTC")) & orders["before"].notna()]


def test_customers_order_in_a_rhythm_of_their_own(world: World) -> None:
    rows = further(world).assign(gap=lambda frame: (frame["ordered_at"] - frame["before"]) / DAY)
    spread = rows.groupby("account_id")["gap"].agg(["mean", "std", "size"])
    spread = spread[spread["size"] >= 4]
    assert len(spread) > 50
    assert (spread["std"] / spread["mean"]).mean() < 0.95  # orders at random: above 1
    rows["earlier"] = rows.groupby("account_id")["gap"].shift()
    assert rows["gap"].corr(rows["earlier"], method="spearman") > 0.3  # one pace for all: below 0.25


def test_orders_follow_touchpoints_of_the_accounts_people_and_many_follow_none(world: World) -> None:
    rows = further(world).merge(world.leads[["lead_id", "account_id"]], on="account_id")
    mine = world.touchpoints[(world.touchpoints["by"] == "lead") & (world.touchpoints["kind"] == "page_view")]
    both = rows.merge(mine[["lead_id", "occurred_at"]], on="lead_id")
    day = (both["occurred_at"] - both["ordered_at"]) / DAY
    # If orders did not follow what people look at, the month before an order would be like the second month after it.
    assert day.between(-30, 0).sum() > 1.35 * day.between(30, 60).sum()
    order = both["account_id"] + both["ordered_at"].astype(str)
    seen = order[day.between(-30, 0)].nunique() / (rows["account_id"] + rows["ordered_at"].astype(str)).nunique()
    assert 0.1 < seen < 0.9


def test_a_customers_orders_do_not_depend_on_who_else_is_one() -> None:
    small = setting(300)
    chunk = build_chunk(small, 0)
    everyone = np.zeros(chunk.people.accounts, np.int64)
    alone = np.full(chunk.people.accounts, NEVER)
    alone[7] = 0
    account, seconds = further_orders(small, chunk, everyone)
    own, own_seconds = further_orders(small, chunk, alone)
    assert (own == 7).all()
    assert sorted(own_seconds) == sorted(seconds[account == 7])


@pytest.mark.parametrize("day", [0.5, 120.0, 399.9])
def test_nobody_orders_again_before_having_bought_or_after_the_export(day: float) -> None:
    small = setting(1000)
    chunk = build_chunk(small, 0)
    since = np.full(chunk.people.accounts, int(day * 86_400))
    _, seconds = further_orders(small, chunk, since)
    assert ((seconds > since[0]) & (seconds < small.export)).all()
    assert len(seconds) > (0 if day < 399 else -1)


def test_rating_is_only_filled_in_after_the_outcome(world: World) -> None:
    ended = world.stages[world.stages["stage"].isin(["sales_qualified", "disqualified", "recycled"])]["lead_id"]
    rated = world.leads["sales_rating"].notna()
    assert not (rated & ~world.leads["lead_id"].isin(world.truth.dropna(subset=["ending"])["lead_id"])).any()
    assert world.leads.loc[rated, "lead_id"].isin(ended).mean() > 0.95


def test_stage_writes_the_same_files_twice_and_clears_old_ones(tmp_path: Path) -> None:
    small = params().simulator.model_copy(update={"leads": 300, "days": 200})
    contents = []
    for _ in range(2):
        with progress() as bar:
            counts = simulate(small, params(), tmp_path / "raw", tmp_path / "truth", bar)
        contents.append({path.name: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()})
        (tmp_path / "raw" / "touchpoints" / "part-99999.parquet").write_bytes(b"old")
    assert counts.leads == 300
    assert contents[0] == contents[1]


def test_the_company_has_its_own_points_table_and_says_which_selector_it_misses() -> None:
    features = params().features
    without = features.model_copy(update={"selectors": {k: v for k, v in features.selectors.items() if k != "webinar"}})
    with pytest.raises(ParameterError, match="lacks webinar, by which the simulated company"):
        points_table(COMPANY_POINTS, without)

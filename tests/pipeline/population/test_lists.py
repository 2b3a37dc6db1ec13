"""The newest lists against a day-by-day count by the rule of the risk set."""

import numpy as np
import pandas as pd
import pytest

from models.answers.risk_set import RiskSet
from pipeline.population.lists import newest_lists

DAY = pd.Timedelta(days=1)
EXPORT = pd.Timestamp("2025-05-01T09:00Z")


def periods_of_company(leads: int, days: int, seed: int = 3) -> pd.DataFrame:
    """MQLs at random moments; a third is closed within weeks, the others by nobody."""
    random = np.random.default_rng(seed)
    started = EXPORT - pd.to_timedelta(random.random(leads) * days, unit="D")
    ended = pd.Series(started + pd.to_timedelta(random.random(leads) * 20, unit="D"))
    ended = ended.where((random.random(leads) < 1 / 3) & (ended < EXPORT))
    return pd.DataFrame(
        {
            "lead_id": [f"L-{number:04}" for number in random.permutation(leads)],
            "account_id": None,
            "started_at": started.astype("datetime64[us, UTC]"),
            "ended_at": ended.astype("datetime64[us, UTC]"),
        }
    )


def open_at(periods: pd.DataFrame, at: pd.Timestamp, expire_days: int) -> list[str]:
    """Tell by the definition who is at risk at a midnight."""
    inside = (periods["started_at"] <= at) & (periods["ended_at"].isna() | (periods["ended_at"] >= at))
    return sorted(periods["lead_id"][inside & (at < periods["started_at"] + expire_days * DAY)])


@pytest.mark.parametrize("expire_days", [30, 120])
def test_a_list_holds_every_lead_at_risk_at_its_midnight(expire_days: int) -> None:
    periods = periods_of_company(leads=900, days=150)
    lists = newest_lists(periods, RiskSet("mql", expire_days), EXPORT)
    midnights = pd.date_range("2025-04-25", "2025-05-01", tz="UTC")
    assert lists["snapshot_at"].drop_duplicates().tolist() == midnights.tolist(), (
        "the last seven, the export's day included"
    )
    for at in midnights:
        assert lists["lead_id"][lists["snapshot_at"] == at].tolist() == open_at(periods, at, expire_days)


def test_older_weeks_join_until_enough_leads_stand_on_the_lists() -> None:
    periods = periods_of_company(leads=400, days=400)
    lists = newest_lists(periods, RiskSet("mql", 30), EXPORT)
    assert len(open_at(periods, EXPORT.floor("D"), 30)) < 40
    assert lists["lead_id"].nunique() >= 100
    assert (EXPORT.floor("D") - lists["snapshot_at"].min()) / DAY + 1 in (56, 112)
    few = newest_lists(periods.iloc[:30], RiskSet("mql", 30), EXPORT)
    assert few["lead_id"].nunique() >= 28, "all of the history, where it holds no more leads"


def test_large_lists_are_few() -> None:
    periods = periods_of_company(leads=3_000, days=60)
    lists = newest_lists(periods, RiskSet("mql", 120), EXPORT)
    assert lists["snapshot_at"].unique().tolist() == [EXPORT.floor("D") - DAY, EXPORT.floor("D")]
    assert len(lists) <= 5_000
    many = newest_lists(periods_of_company(leads=9_000, days=60), RiskSet("mql", 120), EXPORT)
    assert many["snapshot_at"].unique().tolist() == [EXPORT.floor("D")], "the newest stays, however long it is"


def test_customers_stay_and_leads_stand_once_a_day() -> None:
    periods = periods_of_company(leads=200, days=100).assign(
        ended_at=pd.Series(pd.NaT, index=range(200), dtype="datetime64[us, UTC]")
    )
    lists = newest_lists(pd.concat([periods, periods]), RiskSet("customers", None), EXPORT)
    last = lists[lists["snapshot_at"] == EXPORT.floor("D")]
    assert last["lead_id"].tolist() == sorted(periods["lead_id"][periods["started_at"] < EXPORT.floor("D")])


def test_nobody_at_risk_is_no_list() -> None:
    periods = periods_of_company(leads=5, days=30)
    brief = periods.assign(started_at=EXPORT - 8 * pd.Timedelta(hours=1), ended_at=EXPORT - pd.Timedelta(hours=1))
    assert newest_lists(brief, RiskSet("mql", 30), EXPORT).empty, "no midnight lies within"
    assert newest_lists(periods.iloc[:0], RiskSet("mql", 30), EXPORT).empty

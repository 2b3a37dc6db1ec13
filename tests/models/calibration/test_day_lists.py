"""Lists of past days against a day-by-day count, and tiers that take their shares of them."""

import numpy as np
import pandas as pd
import pytest

from models.calibration.capacity import capacity_cutoff, fit_capacity_cutoff
from models.calibration.day_lists import best_of_periods, days_listed
from models.calibration.tiers import fit_cutoffs, tier
from models.params import CapacityParams, TiersParams

START = pd.Timestamp("2026-01-05", tz="UTC")
DAY = pd.Timedelta(days=1)
EXPIRE = 60


def company(leads: int = 600, days: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Leads that are looked at weekly while open: good ones are soon qualified, the others linger, and cool down."""
    random = np.random.default_rng(seed)
    rows = []
    for lead in range(leads):
        begin, good = random.random() * days, random.random()
        stays = EXPIRE if random.random() > good else random.exponential(8.0)
        for week in range(int(min(stays, EXPIRE - 1e-6) // 7) + 1):
            moment = begin + 7 * week
            if moment < days:
                rows.append((f"L{lead}", moment, week == 0, begin + min(stays, EXPIRE - 1e-6), good * 0.8**week))
    frame = pd.DataFrame(rows, columns=["lead_id", "day", "is_headline", "end", "probability"])
    frame["snapshot_at"] = (START + frame["day"] * DAY).astype("datetime64[us, UTC]")
    frame["open_until"] = (START + frame["end"] * DAY).astype("datetime64[us, UTC]")
    frame = frame.sample(frac=1.0, random_state=seed, ignore_index=True)
    return frame.drop(columns=["day", "end", "probability"]), frame["probability"].to_numpy()


def list_of(frame: pd.DataFrame, at: pd.Timestamp) -> pd.Index:
    """Give the newest row of each lead that is open at a moment, by the definition."""
    seen = frame[frame["snapshot_at"] <= at].sort_values("snapshot_at").drop_duplicates("lead_id", keep="last")
    return seen.index[seen["open_until"].isna() | (seen["open_until"] >= at)]


def test_each_row_counts_the_lists_that_it_stands_on() -> None:
    frame, _ = company(leads=80, days=60)
    frame.loc[::7, "open_until"] = pd.NaT
    expected = np.zeros(len(frame))
    first, last = frame["snapshot_at"].min(), frame["snapshot_at"].max()
    for at in pd.date_range((first + (last - first) / 2).ceil("D"), last, freq="D"):
        expected[list_of(frame, at)] += 1.0
    assert expected.sum() > 500
    assert days_listed(frame, ordinal=False).tolist() == expected.tolist()


def test_a_later_list_has_the_shares_that_tiers_were_cut_for() -> None:
    shares = TiersParams(A=0.1, B=0.2, C=0.3)
    frame, p = company()
    later, later_p = company(seed=1)

    def of_a_list(cutoffs: dict[str, float]) -> list[float]:
        days = pd.date_range(START + 150 * DAY, START + 230 * DAY, freq="20D")
        names = np.concatenate([tier(later_p[list_of(later, at)], cutoffs) for at in days])
        return [float((names == name).mean()) for name in "ABCD"]

    listed = of_a_list(fit_cutoffs(p, days_listed(frame, ordinal=False), shares))
    assert listed == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.07)
    at_mql = of_a_list(fit_cutoffs(p, frame["is_headline"].to_numpy(dtype=float), shares))
    assert at_mql[0] < 0.02, "cut at the moment of marketing qualification, a list has hardly an A"
    assert at_mql[3] > 0.6


def test_rows_count_once_where_there_are_no_lists() -> None:
    frame, _ = company(leads=5, days=30)
    assert (days_listed(frame, ordinal=True) == 1.0).all()
    same = frame.assign(snapshot_at=frame["snapshot_at"].iloc[0] + pd.Timedelta(hours=1))
    assert (days_listed(same.assign(open_until=pd.NaT), ordinal=False) == 1.0).all(), "no midnight lies within"
    assert len(days_listed(frame.iloc[:0], ordinal=False)) == 0


def test_rows_without_known_ends_stay_on_the_list() -> None:
    frame, _ = company(leads=40, days=60)
    endless = days_listed(frame.drop(columns="open_until"), ordinal=False)
    assert endless.tolist() == days_listed(frame.assign(open_until=pd.NaT), ordinal=False).tolist()
    assert endless.sum() > days_listed(frame, ordinal=False).sum()


def test_so_many_leads_a_week_reach_the_cutoff_as_sales_can_work() -> None:
    frame, p = company()
    warm = np.where(frame["is_headline"], p * 0.5, p)  # interest shows after a week only
    cutoff = fit_capacity_cutoff(frame, warm, days_listed(frame, ordinal=False), CapacityParams(leads_per_week=3))
    best = best_of_periods(frame, warm)
    headline = frame[frame["is_headline"]]
    weeks = (headline["snapshot_at"].max() - headline["snapshot_at"].min()) / pd.Timedelta(days=7)
    assert (best >= cutoff).sum() / weeks == pytest.approx(3.0, abs=0.05)
    at_mql = capacity_cutoff(warm[frame["is_headline"]], round(3 * weeks))
    assert (best >= at_mql).sum() / weeks > 4.0


def test_a_share_is_one_of_the_list() -> None:
    frame, p = company()
    listed = days_listed(frame, ordinal=False)
    cutoff = fit_capacity_cutoff(frame, p, listed, CapacityParams(share=0.1))
    assert listed[p >= cutoff].sum() / listed.sum() == pytest.approx(0.1, abs=0.005)
    assert cutoff == fit_cutoffs(p, listed, TiersParams(A=0.1, B=0.2, C=0.3))["A"]

"""What sales can work: so many leads a week reach the stored cut-off, or such a share of the lists lies above it."""

import numpy as np
import pandas as pd
import pytest

from models.calibration.capacity import best_of_periods, capacity_cutoff, fit_capacity_cutoff
from models.params import CapacityParams

START = pd.Timestamp("2026-01-05", tz="UTC")
EXPIRE = 60


def company(leads: int = 600, days: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Leads that are looked at weekly while open: good ones are soon qualified, the others linger, and cool down."""
    random = np.random.default_rng(seed)
    rows = []
    for lead in range(leads):
        begin, good = random.random() * days, random.random()
        stays = EXPIRE if random.random() > good else random.exponential(8.0)
        for week in range(int(min(stays, EXPIRE - 1e-6) // 7) + 1):
            if begin + 7 * week < days:
                rows.append((f"L{lead}", START + pd.Timedelta(days=begin + 7 * week), week == 0, good * 0.8**week))
    frame = pd.DataFrame(rows, columns=["lead_id", "snapshot_at", "is_headline", "probability"])
    frame = frame.sample(frac=1.0, random_state=seed, ignore_index=True)
    return frame.drop(columns="probability"), frame["probability"].to_numpy()


def test_so_many_leads_a_week_reach_the_cutoff_as_sales_can_work() -> None:
    frame, p = company()
    warm = np.where(frame["is_headline"], p * 0.5, p)  # interest shows after a week only
    cutoff = fit_capacity_cutoff(frame, warm, p, CapacityParams(leads_per_week=3))
    best = best_of_periods(frame, warm)
    headline = frame[frame["is_headline"]]
    weeks = (headline["snapshot_at"].max() - headline["snapshot_at"].min()) / pd.Timedelta(days=7)
    assert (best >= cutoff).sum() / weeks == pytest.approx(3.0, abs=0.05)
    at_mql = capacity_cutoff(warm[frame["is_headline"]], round(3 * weeks))
    assert (best >= at_mql).sum() / weeks > 4.0


def test_a_share_is_one_of_the_lists() -> None:
    frame, p = company()
    listed = p[::3]
    cutoff = fit_capacity_cutoff(frame, p * 0.5, listed, CapacityParams(share=0.1))
    assert (listed >= cutoff).mean() == pytest.approx(0.1, abs=0.005)

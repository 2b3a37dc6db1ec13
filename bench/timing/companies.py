"""Companies of the timing benchmark: past practice to learn from, and companies without calls to replay policies on."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from models.answers.risk_set import RiskSet
from models.timing.rows import Calls
from pipeline.handover.rows import TimingRows, features_at, timing_rows
from pipeline.matrix.build import fit_features
from pipeline.matrix.fit_catalog import FittedCatalog
from pipeline.params import LabelsParams
from pipeline.population.outcomes import label_snapshots, period_outcomes
from pipeline.population.risk_set import risk_periods
from pipeline.simulator.arrow import identifiers
from pipeline.simulator.chunks import Setting, build_chunk
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import write_world
from pipeline.simulator.handovers import HandoverRules
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.simulator.outcomes import chances
from pipeline.simulator.touchpoints import DAY_SECONDS
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import read_table

__all__ = ["HORIZON_DAYS", "Practice", "Replayed", "practice", "replayed"]

START = dt.date(2023, 1, 2)
"""A Monday, so that every seventh day is one."""
PAST_DAYS = 900
HORIZON_DAYS = 60
QUEUE_DAYS = 70
EXPIRE_DAYS = 120
WARM_DAYS, BURN_IN_WEEKS, WEEKS = 210, 9, 26
MOST_AGE_DAYS = 70
LOOK_AHEAD_WEEKS = 4
HOUR_OF_CALLS = 8 / 24
ORIGIN = pd.Timestamp(START, tz="UTC")


@dataclass(frozen=True, eq=False)
class Practice:
    """A company's past practice: rows to learn from, and what the simulator knows of them.

    Attributes
    ----------
    rows : TimingRows
    truth : ndarray of float64 [calls]
        True probability at each first contact.
    label_60d : ndarray of float64 [looks]
        Whether the lead of each look was qualified within 60 days of it, as the product's label says; NaN: not matured.
    fitted : FittedCatalog
    """

    rows: TimingRows
    truth: np.ndarray
    label_60d: np.ndarray
    fitted: FittedCatalog

    @property
    def informed(self) -> Calls:
        """The same first contacts with true probabilities as labels."""
        return replace(self.rows.calls, label=self.truth)


@dataclass(frozen=True, eq=False)
class Replayed:
    """A company that nobody calls: its MQLs on Mondays.

    Attributes
    ----------
    lead : ndarray of int64 [rows]
        MQL, 0-based.
    week : ndarray of int64 [rows]
        Monday, 0-based from the burn-in's first.
    age_days : ndarray of float64 [rows]
        Since the MQL.
    matrix : ndarray of float32 [rows, features]
        What is known on the Monday at 08:00 UTC.
    ahead : ndarray of float64 [rows, 5]
        True probability if first called on this Monday, a week later, and so on.
    arrivals : float
        MQLs per week.
    """

    lead: np.ndarray
    week: np.ndarray
    age_days: np.ndarray
    matrix: np.ndarray
    ahead: np.ndarray
    arrivals: float


def _setting(params: Any, leads: int, days: int, seed: int, rules: HandoverRules) -> Setting:
    points = points_table(COMPANY_POINTS, params.features)
    return Setting(seed, leads, days, clocks_from(START), points, handover=rules)


def _ingested(setting: Setting, folder: Path) -> Path:
    write_world(setting, START, folder / "raw", folder / "truth", lambda *_: None)
    source = Path("pipeline/sources/simulated.sql")
    ingest(source, folder / "raw", folder / "canonical", folder / "quarantine", 0.05)
    return folder / "canonical"


def practice(params: Any, leads: int, seed: int, rules: HandoverRules) -> Practice:
    """Simulate a company that calls, and compute what can be learned of its practice.

    Parameters
    ----------
    params : object
        Has the sections `features` and `points`; the group `buyer_profile` must be off.
    leads, seed : int
    rules : HandoverRules
    """
    setting = _setting(params, leads, PAST_DAYS, seed, rules)
    with TemporaryDirectory() as folder:
        canonical = _ingested(setting, Path(folder))
        periods = risk_periods(canonical, RiskSet("mql", EXPIRE_DAYS))
        exported = read_export(canonical).exported_at
        moments = periods[["lead_id", "account_id"]].assign(snapshot_at=periods["started_at"])
        fitted, _ = fit_features(params.features, canonical, moments, np.zeros(len(moments)))
        handovers = read_table(canonical / "handovers.parquet", "handovers").to_pandas()
        labels = LabelsParams(label_days=HORIZON_DAYS, recording_delay_days=2)
        rows = timing_rows(canonical, periods, handovers, exported, fitted, {}, labels, QUEUE_DAYS)
        truth = pd.read_parquet(Path(folder) / "truth" / "contact_truth.parquet")
    days = (rows.contacts["waited"]).to_numpy()
    keys = rows.contacts[["lead_id", "risk_period"]].astype({"lead_id": str, "risk_period": "int64"})
    keys["contact_day"] = np.minimum(np.rint(days), 90).astype(np.int64)
    truth = truth.astype({"lead_id": str, "risk_period": "int64", "contact_day": "int64"})
    true = keys.merge(truth, on=["lead_id", "risk_period", "contact_day"], how="left", validate="one_to_one")
    label = label_snapshots(rows.looks, period_outcomes(rows.looks, periods), labels, exported, ordinal=False)["label"]
    return Practice(
        rows,
        true["probability_if_contacted"].to_numpy(dtype=np.float64),
        label.astype("float64").to_numpy(na_value=np.nan),
        fitted,
    )


def replayed(params: Any, leads: int, seed: int, fitted: FittedCatalog) -> Replayed:
    """Simulate a company without calls and look at its MQLs on Mondays with another company's catalog."""
    days = WARM_DAYS + 7 * (BURN_IN_WEEKS + WEEKS)
    setting = _setting(params, leads, days, seed, HandoverRules(calls=False))
    with TemporaryDirectory() as folder:
        canonical = _ingested(setting, Path(folder))
        periods = risk_periods(canonical, RiskSet("mql", None))
        mql = (periods["started_at"] - ORIGIN).dt.total_seconds().to_numpy() / DAY_SECONDS
        mondays = WARM_DAYS + 7 * np.arange(BURN_IN_WEEKS + WEEKS) + HOUR_OF_CALLS
        age = mondays[None, :] - mql[:, None]
        lead, week = np.nonzero((age > 0) & (age <= MOST_AGE_DAYS))
        moments = periods.iloc[lead][["lead_id", "account_id"]].reset_index(drop=True)
        at = pd.Series(ORIGIN + pd.to_timedelta(np.rint(mondays[week] * DAY_SECONDS), unit="s"))
        moments = moments.assign(snapshot_at=at.astype("datetime64[us, UTC]"), part=-1)
        matrix = features_at(canonical, moments, fitted)
    ahead = np.full((len(lead), LOOK_AHEAD_WEEKS + 1), np.nan)
    for number in range(setting.chunks):
        chunk = build_chunk(setting, number)
        names = identifiers("L-", np.arange(chunk.people.leads) + chunk.offset).to_pylist()
        place = moments["lead_id"].astype(str).map(dict(zip(names, range(len(names)), strict=True)))
        rows = np.flatnonzero(place.notna().to_numpy())
        own = place.to_numpy()[rows].astype(np.int64)
        nothing = np.zeros(len(rows), np.int64)
        for later in range(LOOK_AHEAD_WEEKS + 1):
            day: np.ndarray = mondays[week[rows]] + 7.0 * later
            ahead[rows, later] = chances(
                chunk.people, chunk.paths, own, day.astype(np.float64), nothing.astype(np.float64), nothing
            ).qualified
    first = mondays[0] - 7 + HOUR_OF_CALLS
    arrivals = float((mql >= first).sum()) / (BURN_IN_WEEKS + WEEKS)
    return Replayed(lead, week, age[lead, week], matrix, ahead, arrivals)

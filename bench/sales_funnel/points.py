"""The points audit against the truth: `python -m bench.sales_funnel.points [SEEDS]`.

Three claims are held against true probabilities: what became of leads that had reached a stricter threshold by their hand-over;
what leads would do that a lower threshold adds; and by how much the proposed table ranks MQLs better than the company's. The
truth of a lead is its probability as it was handled. A lower threshold needs leads that became MQL below the present one, which
the simulated company has none of: its table is audited once more as if its threshold were `RAISED`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.sales_funnel.ledger import DAYS, EXPIRE_DAYS, LABEL_DAYS, START
from models.analyses.points_audit import ProposedTable
from models.answers.risk_set import RiskSet
from models.params import PointsParams
from models.quality.rates import wilson
from pipeline.console import console
from pipeline.params import LabelsParams, load_params
from pipeline.population.risk_set import risk_periods
from pipeline.sales_funnel.handed_over import handed_over, labelled_looks
from pipeline.sales_funnel.points_counts import Counted, count_rules
from pipeline.sales_funnel.points_proposal import propose
from pipeline.sales_funnel.points_replay import Replay, replay_points
from pipeline.sales_funnel.points_setting import PointsSetting
from pipeline.sales_funnel.points_thresholds import thresholds
from pipeline.simulator.chunks import Setting
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import write_world
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import read_table

__all__ = ["RAISED", "Claim", "claims", "main", "true_auc"]

LEADS = 8_000
RAISED = 90.0
"""Points; the simulated company makes leads MQL at 50."""


class Claim(NamedTuple):
    """One figure of the audit with its 95 % interval (bounds alone: no value), and the true one."""

    name: str
    value: float | None
    low: float
    high: float
    true: float

    @property
    def holds(self) -> bool:
        """Whether the truth lies in the interval."""
        return self.low <= self.true <= self.high


class _Company(NamedTuple):
    """A simulated company as the audit sees it, and the truth by lead, row for row with leads and looks."""

    canonical: Path
    leads: pd.Series
    looks: dict[str, pd.DataFrame]
    counted: Counted
    replayed: Replay
    setting: PointsSetting
    truth: pd.Series


def true_auc(scores: np.ndarray, probability: np.ndarray) -> float:
    """Give the AUC that outcomes drawn from true probabilities have in expectation; an equal score counts one half.

    Examples
    --------
    >>> true_auc(np.array([1.0, 2.0]), np.array([0.0, 1.0])), true_auc(np.array([1.0, 1.0]), np.array([0.3, 0.6]))
    (1.0, 0.5)
    """
    _, place = np.unique(scores, return_inverse=True)
    won = np.bincount(place, weights=probability)
    lost = np.bincount(place, weights=1.0 - probability)
    below = np.cumsum(lost) - lost
    return float((won * (below + lost / 2.0)).sum() / (won.sum() * lost.sum()))


def _company(seed: int, leads: int, folder: Path) -> _Company:
    params = load_params(("features", "points", "capacity", "evaluate"))
    table = points_table(COMPANY_POINTS, params.features)
    setting = Setting(seed, leads, DAYS, clocks_from(START), table)
    write_world(setting, START, folder / "raw", folder / "truth", lambda *_: None)
    canonical = folder / "canonical"
    ingest(Path("pipeline/sources/simulated.sql"), folder / "raw", canonical, folder / "quarantine", 0.05)
    periods = risk_periods(canonical, RiskSet("mql", EXPIRE_DAYS))
    periods = periods[periods["risk_period"] == 0].reset_index(drop=True)  # the truth is of first MQLs
    labels = LabelsParams(label_days=LABEL_DAYS, recording_delay_days=2)
    exported = pd.Timestamp(read_export(canonical).exported_at)
    handed = handed_over(canonical, periods)
    looks = {
        "mql": labelled_looks(periods, periods["started_at"], labels, exported),
        "handed": labelled_looks(periods, handed.at, labels, exported),
    }
    names = read_table(canonical / "leads.parquet", "leads").to_pandas()["lead_id"]
    truth = pd.read_parquet(folder / "truth" / "handling_truth.parquet").set_index("lead_id")
    return _Company(
        canonical,
        names,
        looks,
        count_rules(canonical, looks, params.points, params.features),
        replay_points(canonical, names, looks["handed"], params.points, params.features),
        PointsSetting(params.points, params.features, labels, params.capacity, params.evaluate),
        # Of a hand-over the window begins later than at the MQL: 90 days from the MQL hold it
        truth["true_probability_as_handled_90d"],
    )


def claims(seed: int, leads: int = LEADS) -> list[Claim]:
    """Simulate a company, audit its table, and give what the audit says beside the truth.

    Parameters
    ----------
    seed, leads : int
    """
    with TemporaryDirectory() as name:
        company = _company(seed, leads, Path(name))
        days = company.setting.features.observation_days
        points = company.setting.points
        each = {name: company.counted.points(name, points, days) for name in company.looks}
        result = [*_stricter(company, each, points.mql_threshold), *_lower(company, each)]
        proposed, _ = propose(
            company.canonical,
            company.looks["handed"],
            company.counted,
            company.leads,
            company.replayed.ever,
            company.setting,
        )
        return result if proposed is None else [*result, _gain(company, proposed)]


def _stricter(company: _Company, each: dict[str, np.ndarray], threshold: float) -> Iterator[Claim]:
    """Of leads that had reached a stricter threshold by their hand-over."""
    handed = company.looks["handed"]
    known = handed["label"].notna().to_numpy()
    true = company.truth.reindex(handed["lead_id"]).to_numpy()[known]
    until = np.nan_to_num(company.replayed.until[known])
    for item in thresholds(company.looks, each, company.replayed, threshold):
        rate = item.observed
        if rate is not None and rate.value is not None:
            of = f"observed at {item.threshold:g} points"
            yield Claim(of, rate.value, rate.low, rate.high, float(true[until >= item.threshold].mean()))


def _lower(company: _Company, each: dict[str, np.ndarray]) -> Iterator[Claim]:
    """Of leads that a lower threshold than `RAISED` adds: those that reach it at some moment, and never `RAISED`."""
    ever = pd.Series(np.nan_to_num(company.replayed.ever), index=company.leads)
    true = company.truth.reindex(company.leads)
    for item in thresholds(company.looks, each, company.replayed, RAISED):
        if item.modelled is None:
            continue
        added = ((ever >= item.threshold) & (ever < RAISED)).to_numpy() & true.notna().to_numpy()
        of = f"extrapolated to {item.threshold:g} from {RAISED:g} points"
        yield Claim(of, item.modelled.value, item.modelled.low, item.modelled.high, float(true[added].mean()))


def _gain(company: _Company, proposed: ProposedTable) -> Claim:
    """By how much the proposed table ranks later hand-overs better."""
    handed = company.looks["handed"]
    known = handed["label"].notna().to_numpy()
    moment = handed["snapshot_at"][known]
    later = (moment >= moment.quantile(0.7)).to_numpy()
    table = PointsParams(
        interactions={rule.name: rule.points for rule in proposed.rules},
        mql_threshold=proposed.threshold,
        decay=tuple(step.model_dump() for step in proposed.decay),
    )
    days = company.setting.features.observation_days
    true = company.truth.reindex(handed["lead_id"]).to_numpy()[known][later]
    of = [
        true_auc(company.counted.points("handed", some, days).sum(axis=1)[known][later], true)
        for some in (table, company.setting.points)
    ]
    gain = proposed.gain
    return Claim("gain in AUC", gain.value, gain.low, gain.high, of[0] - of[1])


def main(seeds: int = 3) -> None:
    """Run the seeds, print a line per claim, and how many hold."""
    told = []
    for seed in range(1, seeds + 1):
        for claim in claims(seed):
            told.append(claim)
            console.print(
                f"seed {seed}: {claim.name}: {'' if claim.value is None else f'{claim.value:.3f}, '}{claim.low:.3f} to "
                f"{claim.high:.3f}, true {claim.true:.3f}{'' if claim.holds else ' OUTSIDE'}",
                soft_wrap=True,
                highlight=False,
            )
    for kind in ("observed", "extrapolated", "gain"):
        held = [claim.holds for claim in told if claim.name.startswith(kind)]
        if held:
            low, high = wilson(sum(held), len(held))
            console.print(
                f"{kind}: {sum(held)} of {len(held)} hold the truth ({low:.2f} to {high:.2f})", highlight=False
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

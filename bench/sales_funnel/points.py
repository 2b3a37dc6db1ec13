"""The points audit against the truth: `python -m bench.sales_funnel.points [SEEDS]`.

Two claims are held against true probabilities: what became of leads that had reached a stricter threshold by their hand-over,
and by how much the proposed table ranks MQLs better than the company's. The truth of a lead is its probability as it was
handled.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from bench.sales_funnel.ledger import DAYS, EXPIRE_DAYS, LABEL_DAYS, START
from bench.sales_funnel.scale import made_up_predictions
from models.answers.risk_set import RiskSet
from models.params import PointsParams
from pipeline.console import console
from pipeline.params import LabelsParams, load_params
from pipeline.population.risk_set import risk_periods
from pipeline.sales_funnel.handed_over import handed_over, labelled_looks
from pipeline.sales_funnel.points_audit import audit_points
from pipeline.sales_funnel.points_counts import count_rules
from pipeline.sales_funnel.points_replay import replay_points
from pipeline.sales_funnel.points_setting import PointsSetting
from pipeline.simulator.chunks import Setting
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import write_world
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import read_table

__all__ = ["main", "true_auc"]

LEADS = 8_000


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


def _company(seed: int, folder: Path) -> None:
    params = load_params(("features", "points", "capacity", "evaluate"))
    table = points_table(COMPANY_POINTS, params.features)
    write_world(
        Setting(seed, LEADS, DAYS, clocks_from(START), table), START, folder / "raw", folder / "truth", lambda *_: None
    )
    canonical = folder / "canonical"
    ingest(Path("pipeline/sources/simulated.sql"), folder / "raw", canonical, folder / "quarantine", 0.05)
    periods = risk_periods(canonical, RiskSet("mql", EXPIRE_DAYS))
    periods = periods[periods["risk_period"] == 0].reset_index(drop=True)  # the truth is of first MQLs
    labels = LabelsParams(label_days=LABEL_DAYS, recording_delay_days=2)
    setting = PointsSetting(params.points, params.features, labels, params.capacity, params.evaluate)
    export = read_export(canonical)
    audit = audit_points(canonical, periods, made_up_predictions(periods), export, "simulated", setting)
    exported = pd.Timestamp(export.exported_at)
    looks = labelled_looks(periods, handed_over(canonical, periods).at, labels, exported)
    known = looks[looks["label"].notna()].reset_index(drop=True)
    truth = pd.read_parquet(folder / "truth" / "handling_truth.parquet").set_index("lead_id")
    # Of a hand-over the window begins later than at the MQL: 90 days from the MQL hold it
    true = truth["true_probability_as_handled_90d"].reindex(known["lead_id"]).to_numpy()
    leads = read_table(canonical / "leads.parquet", "leads").to_pandas()["lead_id"]
    until = np.nan_to_num(replay_points(canonical, leads, known, params.points, params.features).until)
    told = []
    for item in audit.thresholds:
        if item.observed is not None and item.observed.of:
            rate = float(true[until >= item.threshold].mean())
            held = item.observed.low <= rate <= item.observed.high
            told.append(
                f"{item.threshold:g}: observed {item.observed.value:.3f}, true {rate:.3f}{'' if held else ' OUTSIDE'}"
            )
    line = f"seed {seed}: thresholds {'; '.join(told)}"
    if audit.proposed is not None:
        gain = audit.proposed.gain
        proposed = PointsParams(
            interactions={rule.name: rule.points for rule in audit.proposed.rules},
            mql_threshold=audit.proposed.threshold,
            decay=tuple(step.model_dump() for step in audit.proposed.decay),
        )
        later = (known["snapshot_at"] >= known["snapshot_at"].quantile(0.7)).to_numpy()
        counted = count_rules(canonical, {"handed": known}, params.points, params.features)
        days = params.features.observation_days
        scores = [counted.points("handed", some, days).sum(axis=1)[later] for some in (proposed, params.points)]
        better = true_auc(scores[0], true[later]) - true_auc(scores[1], true[later])
        held = gain.low <= better <= gain.high
        line += f"; gain in AUC {gain.value:.3f} ({gain.low:.3f} to {gain.high:.3f}), true {better:.3f}"
        line += "" if held else " OUTSIDE"
    console.print(line, soft_wrap=True, highlight=False)


def main(seeds: int = 3) -> None:
    """Run the seeds and print a line each."""
    for seed in range(1, seeds + 1):
        with TemporaryDirectory() as name:
            _company(seed, Path(name))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

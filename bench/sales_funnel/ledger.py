"""The ledger against the truth: `python -m bench.sales_funnel [--seeds 30] [--first 1] [--leads 6000] [--store FILE]`.

Two companies per seed. In one a campaign draws leads of small firms and a team handles leads badly: do the true parts lie in
the 95 % intervals? Its other campaigns differ in what no column holds (whom they draw hangs on what leads want): theirs are
counted too, as unmeasured quality lands in handling. In the other campaigns and salespeople are alike: how many are blamed?
"""

import argparse
import datetime as dt
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.sales_funnel.stored_results import Results
from models.analyses.funnel import Gap
from models.answers.risk_set import RiskSet
from models.quality.rates import wilson
from pipeline.console import console
from pipeline.params import FunnelParams, LabelsParams, load_params
from pipeline.population.risk_set import risk_periods
from pipeline.sales_funnel.first_touches import first_touches
from pipeline.sales_funnel.gaps import Ledger, keep_ledger
from pipeline.sales_funnel.handled_leads import HandledLeads, handled_leads
from pipeline.simulator.chunks import Setting
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import write_world
from pipeline.simulator.handovers import HandoverRules
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.simulator.population import CampaignRules
from pipeline.simulator.world import CAMPAIGNS
from pipeline.tables.export import read_export
from pipeline.tables.ingested import ingest

__all__ = ["Company", "company", "main", "true_parts"]

START = dt.date(2024, 1, 1)
DAYS, LABEL_DAYS, EXPIRE_DAYS = 600, 60, 120
TEAMS, POOR_TEAM, POOR_CAMPAIGN = 4, 1, "social_awareness"


class Company(NamedTuple):
    """A simulated company: its leads, its ledger, and the truth by lead."""

    leads: HandledLeads
    ledger: Ledger
    truth: pd.DataFrame


def company(seed: int, leads: int, *, faults: bool, alike: bool = False) -> Company:
    """Simulate a company and keep its ledger.

    Parameters
    ----------
    seed, leads : int
    faults : bool
        A campaign draws leads of small firms, and a team handles leads badly.
    alike : bool
        Campaigns draw the same leads, and salespeople are the same.
    """
    params = load_params(("features",))
    setting = Setting(
        seed,
        leads,
        DAYS,
        clocks_from(START),
        points_table(COMPANY_POINTS, params.features),
        handover=HandoverRules(teams=TEAMS, poor_teams=(POOR_TEAM,) if faults else (), alike=alike),
        campaigns=CampaignRules(alike, (CAMPAIGNS.index(POOR_CAMPAIGN),) if faults else ()),
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_world(setting, START, folder / "raw", folder / "truth", lambda *_: None)
        canonical = folder / "canonical"
        ingest(Path("pipeline/sources/simulated.sql"), folder / "raw", canonical, folder / "quarantine", 0.05)
        periods = risk_periods(canonical, RiskSet("mql", EXPIRE_DAYS))
        labels = LabelsParams(label_days=LABEL_DAYS, recording_delay_days=2)
        exported = pd.Timestamp(read_export(canonical).exported_at)
        touches = first_touches(canonical, periods["lead_id"].drop_duplicates())
        known = handled_leads(canonical, periods, touches, labels, params.features, exported)
        truth = pd.read_parquet(folder / "truth" / "handling_truth.parquet").set_index("lead_id")
    return Company(known, keep_ledger(known, FunnelParams()), truth.reindex(known.looks["lead_id"]))


def true_parts(made: Company, own: np.ndarray) -> tuple[float, float, float]:
    """Give the true reference, expected and actual rate of some leads: means of true probabilities, months as the ledger's."""
    at_reference = made.truth[f"true_probability_at_reference_{LABEL_DAYS}d"].to_numpy()
    as_handled = made.truth[f"true_probability_as_handled_{LABEL_DAYS}d"].to_numpy()
    month = made.leads.handled.month
    weight = np.bincount(month[own], minlength=month.max() + 1) / own.sum()
    others = np.bincount(month[~own], minlength=len(weight))
    rate = np.bincount(month[~own], weights=as_handled[~own], minlength=len(weight)) / np.maximum(others, 1)
    weight = np.where(others > 0, weight, 0.0)
    reference = float((weight * rate).sum() / weight.sum())
    return reference, float(at_reference[own].mean()), float(as_handled[own].mean())


def _faults_of(seed: int, leads: int) -> dict[str, Any]:
    """Say whether the truth lies in the intervals, of the poor campaign and of the poor team."""
    made = company(seed, leads, faults=True)
    handled, ledger = made.leads.handled, made.ledger
    gap = next(gap for gap in ledger.gaps if gap.campaign == POOR_CAMPAIGN)
    reference, expected, actual = true_parts(made, handled.campaign == made.leads.campaigns.index(POOR_CAMPAIGN))
    name = f"new_business_{POOR_TEAM + 1}"
    team = next(team for team in ledger.teams if team.name == name)
    _, team_expected, team_actual = true_parts(made, handled.team == made.leads.teams.index(name))
    truth = {"quality": reference - expected, "handling": expected - actual, "team": team_expected - team_actual}
    found = {"quality": gap.quality, "handling": gap.handling, "team": team.handling}
    others = [
        _held_parts(made, other) for other in ledger.gaps if other.campaign != POOR_CAMPAIGN and other.shortage is None
    ]
    return {
        "leads": gap.leads,
        **{f"true_{part}": value for part, value in truth.items()},
        **{part: given.value for part, given in found.items()},
        **{f"{part}_half": None if given.low is None else given.value - given.low for part, given in found.items()},
        **{
            f"{part}_held": given.low is not None and given.low <= truth[part] <= given.high
            for part, given in found.items()
        },
        "blamed": ",".join(gap.blamed) + (",team" if team.is_blamed else ""),
        "others": len(others),
        "others_quality_held": sum(quality for quality, _ in others),
        "others_handling_held": sum(handling for _, handling in others),
    }


def _held_parts(made: Company, gap: Gap) -> tuple[bool, bool]:
    """Say whether the true parts of a campaign lie in the intervals."""
    reference, expected, actual = true_parts(
        made, made.leads.handled.campaign == made.leads.campaigns.index(gap.campaign)
    )
    return (
        gap.quality.low <= reference - expected <= gap.quality.high,
        gap.handling.low <= expected - actual <= gap.handling.high,
    )


def _blamed_of(seed: int, leads: int) -> tuple[int, int]:
    """Count campaigns and teams that are blamed though all are alike, and those that could be."""
    made = company(seed, leads, faults=False, alike=True)
    gaps = [gap for gap in made.ledger.gaps if gap.shortage is None]
    teams = [team for team in made.ledger.teams if team.shortage is None]
    blamed = sum(bool(gap.blamed) for gap in gaps) + sum(team.is_blamed for team in teams)
    return blamed, len(gaps) + len(teams)


def _line(seed: int, results: dict[str, Any], seconds: float) -> str:
    parts = [f"seed {seed}:"]
    if "faults" in results:
        parts += [
            f"{key}={value:.3f}" if isinstance(value, float) else f"{key}={value}"
            for key, value in results["faults"].items()
        ]
    if "alike" in results:
        parts.append("alike: {} of {} blamed".format(*results["alike"]))
    return f"{' '.join(parts)} ({seconds:.1f} s)"


def main() -> None:
    """Run the seeds and print a line each, and the two verdicts."""
    parser = argparse.ArgumentParser(prog="python -m bench.sales_funnel", description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--leads", type=int, default=6000)
    parser.add_argument("--only", choices=("faults", "alike"))
    parser.add_argument(
        "--store", type=Path, help="JSON lines: what was computed before is taken from here, and not again"
    )
    arguments = parser.parse_args()
    results = Results(arguments.store)
    rows, blamed, could = [], 0, 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        started = time.perf_counter()
        told: dict[str, Any] = {}
        if arguments.only != "alike":
            key = f"faults {seed} {arguments.leads}"
            told["faults"] = results.get(key, partial(_faults_of, seed, arguments.leads))
            rows.append(told["faults"])
        if arguments.only != "faults":
            key = f"alike {seed} {arguments.leads}"
            told["alike"] = results.get(key, partial(_blamed_of, seed, arguments.leads))
            blamed, could = blamed + told["alike"][0], could + told["alike"][1]
        console.print(_line(seed, told, time.perf_counter() - started), soft_wrap=True, highlight=False)
    if rows:
        held = {part: sum(row[f"{part}_held"] for row in rows) for part in ("quality", "handling", "team")}
        both = sum(row["quality_held"] and row["handling_held"] for row in rows)
        console.print(f"true parts within the intervals, of {len(rows)} seeds: both {both}, {held}")
        others, quality, handling = (
            sum(row[name] for row in rows) for name in ("others", "others_quality_held", "others_handling_held")
        )
        console.print(
            f"campaigns that differ in what nobody recorded: of {others} quality held {quality / others:.2f}, handling "
            f"{handling / others:.2f}"
        )
    if could:
        low, high = wilson(blamed, could)
        console.print(
            f"alike: {blamed} of {could} blamed, {blamed / could:.3f} ({float(low):.3f} to {float(high):.3f})"
        )

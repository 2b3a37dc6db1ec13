"""Stage `simulate`: a made-up company's raw files, and what really drove them."""

from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from features.errors import ParameterError
from pipeline.console import console, progress
from pipeline.params import SimulatorParams, load_params
from pipeline.simulator.chunks import Setting
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import Counts, write_world
from pipeline.simulator.handovers import HandoverRules
from pipeline.simulator.marketing import COMPANY_POINTS, points_table
from pipeline.simulator.population import CampaignRules
from pipeline.simulator.world import CAMPAIGNS

__all__ = ["SECTIONS", "campaigns_of", "main", "rules_of", "simulate"]

SECTIONS = ("features", "ingest", "paths", "simulator")


def rules_of(simulator: SimulatorParams) -> HandoverRules:
    """Take from the section `simulator` how sales treats the queue."""
    return HandoverRules(
        calls=simulator.handover == "queue",
        capacity=simulator.capacity,
        first=simulator.called_first,
        first_days=simulator.called_first_days,
        late_share=simulator.late_share,
        push_at_call=simulator.push_at_call,
        alike=simulator.alike,
        teams=simulator.teams,
        poor_teams=tuple(team - 1 for team in simulator.poor_teams),
    )


def campaigns_of(simulator: SimulatorParams) -> CampaignRules:
    """Take from the section `simulator` whom campaigns draw.

    Raises
    ------
    ParameterError
        A poor campaign is none of the company's, or all are poor.
    """
    unknown = sorted(set(simulator.poor_campaigns) - set(CAMPAIGNS))
    if unknown or len(set(simulator.poor_campaigns)) == len(CAMPAIGNS):
        raise ParameterError(
            f"simulator.poor_campaigns: got {', '.join(simulator.poor_campaigns)}; allowed are some, not all, of "
            f"{', '.join(CAMPAIGNS)}."
        )
    return CampaignRules(simulator.alike, tuple(CAMPAIGNS.index(name) for name in simulator.poor_campaigns))


def simulate(simulator: SimulatorParams, params: Any, raw: Path, truth: Path, bar: Progress) -> Counts:
    """Simulate a world and write its export and its truth tables.

    Parameters
    ----------
    simulator : SimulatorParams
        Size, length, start and seed.
    params : object
        Has the section `features`: the selectors of the company's points table.
    raw, truth : Path
        Folders for the export and for the truth; former files in them are replaced.
    bar : Progress
        Shows how far it is.
    """
    setting = Setting(
        seed=simulator.seed,
        leads=simulator.leads,
        days=simulator.days,
        clocks=clocks_from(simulator.start),
        points=points_table(COMPANY_POINTS, params.features),
        handover=rules_of(simulator),
        campaigns=campaigns_of(simulator),
        personas=simulator.personas,
    )
    tasks: dict[str, TaskID] = {}

    def advance(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total)
        bar.update(tasks[what], completed=done)

    return write_world(setting, simulator.start, raw, truth, advance)


def main() -> None:
    """Simulate the world of `params.yaml`."""
    params = load_params(SECTIONS)
    with progress() as bar:
        raw, truth = Path(params.ingest.raw_dir), params.paths.data_dir / "truth"
        counts = simulate(params.simulator, params, raw, truth, bar)
    console.print(
        f"simulate: {counts.leads:,} leads, {counts.touchpoints:,} touchpoints, {counts.mqls:,} became MQL, "
        f"{counts.requalified:,} of them twice",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()

"""Stage `simulate`: a made-up company's raw files, and what really drove them."""

from pathlib import Path

from rich.progress import TaskID

from features.errors import ParameterError
from pipeline.console import console, progress
from pipeline.params import load_params
from pipeline.simulator.chunks import Setting
from pipeline.simulator.clocks import clocks_from
from pipeline.simulator.export import write_world
from pipeline.simulator.marketing import points_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("features", "ingest", "paths", "points", "simulator")


def main() -> None:
    """Simulate the world of `params.yaml` and write its export and its truth tables."""
    params = load_params(SECTIONS)
    if params.points is None:
        raise ParameterError(
            "params.yaml: points is null, but the simulated company makes its MQLs by a points table. "
            "Restore `points`, or use another source."
        )
    setting = Setting(
        seed=params.simulator.seed,
        leads=params.simulator.leads,
        days=params.simulator.days,
        clocks=clocks_from(params.simulator.start),
        points=points_table(params.points, params.features),
    )
    with progress() as bar:
        tasks: dict[str, TaskID] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        counts = write_world(
            setting,
            params.simulator.start,
            Path(params.ingest.raw_dir),
            params.paths.data_dir / "truth",
            advance,
        )
    console.print(
        f"simulate: {counts.leads:,} leads, {counts.touchpoints:,} touchpoints, {counts.mqls:,} became MQL, "
        f"{counts.requalified:,} of them twice"
    )


if __name__ == "__main__":
    main()

"""Command `publish`: register the tracked model, judge it at the gate, make it champion; or roll back.

Exit codes: 0 the model of this workspace is the champion (or the rollback is done), 3 the gate kept the champion,
1 something is wrong.
"""

import argparse
import datetime as dt
from pathlib import Path

from rich.table import Table

from models.quality.gate import GateDecision
from pipeline.console import REFUSED, console, run_main
from pipeline.data_protection.registry_check import refuse_drafts
from pipeline.data_protection.trained_models import refuse_forgotten
from pipeline.handover.influence import influence_lines
from pipeline.mlflow_runs.promotion import Promotion, publish, rollback
from pipeline.mlflow_runs.provenance import read_tracking
from pipeline.mlflow_runs.registry import Registry
from pipeline.params import load_params
from pipeline.tables.json_files import read_json
from pipeline.tables.personal_fields import personal_fields

__all__ = ["SECTIONS", "main"]

SECTIONS = ("evaluate", "features", "ingest", "paths", "publish")


def _table(promotion: Promotion, decision: GateDecision, name: str) -> Table:
    champion = promotion.champion
    against = "no champion yet" if champion is None else f"champion: version {champion}"
    table = Table(title=f"{name}: challenger version {promotion.version}, {against}", show_lines=False)
    table.add_column("check")
    table.add_column("")
    table.add_column("result")
    for check in decision.checks:
        mark = "[green]passed[/green]" if check.passed else "[red]failed[/red]"
        table.add_row(check.name.replace("_", " "), mark, check.sentence)
    return table


def show(promotion: Promotion, name: str, target: Path) -> None:
    """Print what became of the model, and what the gate said."""
    version, champion, decision = promotion.version, promotion.champion, promotion.decision
    if promotion.unreadable:
        console.print(
            f"This code can't read the champion, version {champion}: judged by the baselines alone.", style="yellow"
        )
    if decision is not None:
        console.print(_table(promotion, decision, name))
        console.print(decision.verdict, style="bold green" if decision.promote else "bold red", markup=False)
    if promotion.label_days is not None:
        console.print(
            f"[yellow]The champion was trained for a label of {promotion.label_days} days; "
            "it was judged by the challenger's.[/yellow]"
        )
    kept = "there is still none" if champion is None else f"still version {champion}"
    outcome = {
        "promoted": f"models:/{name}@champion is version {version}; its bundle is in {target}.",
        "kept": f"The champion is unchanged: {kept}.",
        "already": f"publish: {name} version {version} is the champion already; nothing to decide.",
        "rolled_back": f"[yellow]publish: version {version} was champion and was rolled back, so it stays out. "
        "Train another one, or send it to the gate again with --again.[/yellow]",
    }
    console.print(outcome[promotion.outcome])


def main() -> None:
    """Publish or roll back.

    Raises
    ------
    SystemExit
        With `REFUSED` when the gate kept the champion.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.publish", description=__doc__)
    parser.add_argument("--rollback", action="store_true", help="make the previous champion the champion again")
    parser.add_argument("--again", action="store_true", help="let a rolled-back version come to the gate again")
    parser.add_argument(
        "--without-champion", action="store_true", help="go on when this code can't read the champion (other features)"
    )
    parser.add_argument(
        "--accept-types", action="store_true", help="go on when an attribute has another type than the champion's"
    )
    parser.add_argument(
        "--for-production",
        action="store_true",
        help="refuse unless every purpose that the model uses is confirmed (`python -m pipeline.privacy purposes`)",
    )
    parser.add_argument("--export", type=Path, metavar="DIR", help="write the champion's bundle here (data/champion)")
    arguments = parser.parse_args()
    params = load_params(SECTIONS)
    target = arguments.export or params.paths.data_dir / "champion"
    if arguments.rollback:
        previous = Registry.open(Path.cwd(), params.publish.model_name).alias("previous_champion")
        if previous is not None:
            refuse_forgotten(Path.cwd(), previous.tags["bundle_sha256"], dt.datetime.now(dt.UTC))
        gone, back = rollback(Path.cwd(), params, target)
        console.print(
            f"rollback: version {back.version} is the champion again instead of version {gone.version}; "
            f"its bundle is in {target}."
        )
        return
    if arguments.for_production:
        refuse_drafts(
            params.ingest.source, personal_fields(params.paths.data_dir / "canonical"), params.features.groups
        )
    tracking = params.paths.data_dir / "tracking.json"
    if tracking.exists():
        refuse_forgotten(Path.cwd(), read_tracking(tracking)["bundle_sha256"], dt.datetime.now(dt.UTC))
    with console.status("comparing at the gate"):
        promotion = publish(
            Path.cwd(), params, target, arguments.again, arguments.without_champion, arguments.accept_types
        )
    show(promotion, params.publish.model_name, target)
    timing = params.paths.metrics_dir / "timing.json"
    told = read_json(timing, "timing") if timing.exists() else {}
    for line in influence_lines(told.get("own_influence")):
        console.print(line, markup=False)
    if not promotion.is_champion:
        raise SystemExit(REFUSED)


if __name__ == "__main__":
    run_main(main)

"""Command `publish`: register the tracked model, judge it at the gate, make it champion; or roll back.

Exit codes: 0 the model of this workspace is the champion (or the rollback is done), 3 the gate kept the champion,
1 something is wrong.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from features.errors import BundleError, DataError
from models.bundle import Bundle
from models.calibration.level_shift import month_blocks
from models.fitting.recipe import baseline_values, row_groups
from models.quality.gate import GateDecision, decide_promotion
from pipeline.console import REFUSED, console, run_main
from pipeline.mlflow_runs.comparison import champion_probabilities, gate_rows, same_question
from pipeline.mlflow_runs.provenance import bundle_hash, read_tracking
from pipeline.mlflow_runs.registry import Registry, Version
from pipeline.params import load_params
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "export", "gate_rows", "main", "publish", "rollback"]

SECTIONS = ("evaluate", "paths", "publish")


def _judge(rows: pd.DataFrame, champion: Bundle | None, canonical: Path, params: Any, ordinal: bool) -> GateDecision:
    beside = None if champion is None else champion_probabilities(rows, champion, canonical)
    return decide_promotion(
        rows["label"].to_numpy(dtype=np.float64),
        row_groups(rows),
        rows["probability"].to_numpy(dtype=np.float64),
        beside,
        baseline_values(rows),
        params.publish,
        params.evaluate,
        month_blocks(rows["snapshot_at"].dt.tz_convert(None).to_numpy(), ordinal),
    )


def export(source: Path, target: Path, provenance: dict[str, Any]) -> None:
    """Copy a bundle for serving without the registry, with `provenance.json`; the old one is replaced at the end.

    Parameters
    ----------
    source : Path
        The bundle.
    target : Path
        Folder to write, such as `data/champion`.
    provenance : dict
        Registered name and version, MLflow run, git commit, when known.
    """
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh)
    (fresh / "provenance.json").write_text(
        json.dumps(provenance, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    Bundle.load(fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def publish(
    workspace: Path,
    params: Any,
    target: Path,
    again: bool = False,
    without_champion: bool = False,
    accept_types: bool = False,
) -> int:
    """Register this workspace's model and let the gate decide; the same bundle is registered only once.

    Parameters
    ----------
    workspace : Path
        Decides the store.
    params : object
        Sections `evaluate`, `paths` and `publish`.
    target : Path
        Where the champion's bundle is exported to.
    again : bool
        Let a version that was rolled back come to the gate again.
    without_champion : bool
        Judge by the baselines alone if this code can't read the champion; a champion that it can read is always compared.
    accept_types : bool
        Go on where an attribute has another type than the champion's.

    Returns
    -------
    int
        0 when this model is the champion now, `REFUSED` when the champion was kept.

    Raises
    ------
    DataError
        If there is no tracked run, the bundle is not the one that was tracked, the champion predicts something else, or an
        attribute has another type than the champion's.
    BundleError
        If this code can't read the new bundle, which is not registered then, or the champion.
    """
    data = workspace / params.paths.data_dir
    tracking = read_tracking(data / "tracking.json")
    if bundle_hash(data / "bundle") != tracking["bundle_sha256"]:
        raise DataError(
            f"{data / 'bundle'}: not the bundle that run {tracking['run_id']} recorded. "
            "Run `dvc repro`, so that the run and the bundle belong together."
        )
    Bundle.load(data / "bundle")  # before anything is registered: what can't be read can't be served
    registry = Registry.open(workspace, params.publish.model_name)
    challenger = registry.register(tracking)
    champion = registry.alias("champion")
    name = params.publish.model_name
    if champion is not None and champion.version == challenger.version:
        export(registry.bundle(champion), target, registry.provenance(champion))
        console.print(f"publish: {name} version {champion.version} is the champion already; nothing to decide.")
        return 0
    if challenger.tags.get("rolled_back") == "true" and not again:
        console.print(
            f"publish: version {challenger.version} was champion and was rolled back, so it stays out. "
            "Train another one, or send it to the gate again with --again.",
            style="yellow",
        )
        return REFUSED
    registry.set_alias("challenger", challenger)
    new = Bundle.load(registry.bundle(challenger))
    old = None if champion is None else _readable(registry, champion, without_champion)
    if old is not None and champion is not None:
        same_question(new, old, name, champion.version)
        if not accept_types:
            _same_types(new, old, name, champion.version)
    predictions = read_table(data / "predictions.parquet", "predictions").to_pandas()
    rows = gate_rows(predictions, old)
    with console.status("comparing at the gate"):
        decision = _judge(rows, old, data / "canonical", params, new.metadata.get("clock") == "ordinal")
    # A champion that could not be read was compared with nothing.
    registry.tag_decision(challenger, decision, None if old is None else champion, _facts(rows))
    _show(decision, name, challenger.version, None if champion is None else champion.version)
    if old is not None and old.metadata["label_days"] != new.metadata["label_days"]:
        console.print(
            f"[yellow]The champion was trained for a label of {old.metadata['label_days']} days; "
            "it was judged by the challenger's.[/yellow]"
        )
    if not decision.promote:
        kept = "there is still none" if champion is None else f"still version {champion.version}"
        console.print(f"The champion is unchanged: {kept}.")
        return REFUSED
    registry.promote(challenger, champion)
    export(registry.bundle(challenger), target, registry.provenance(challenger))
    console.print(f"models:/{name}@champion is version {challenger.version}; its bundle is in {target}.")
    return 0


def _same_types(new: Bundle, old: Bundle, name: str, version: str) -> None:
    """Refuse a model that would answer 422 to what every caller sends today."""
    before = {spec.name: spec.type for spec in old.catalog.attributes}
    changed = [spec for spec in new.catalog.attributes if before.get(spec.name, spec.type) != spec.type]
    if changed:
        listed = ", ".join(f"{spec.name} (now {spec.type}, champion {before[spec.name]})" for spec in changed)
        raise DataError(
            f"publish: attributes have another type than in the champion {name} version {version}: {listed}. Requests that the "
            "champion takes would be refused. Nothing was compared. Correct the types in the source's view `attributes` "
            "(`python -m serving.export_store --types-from` keeps the champion's) and train again; or, when callers "
            "send the new types, publish with --accept-types."
        )


def _readable(registry: Registry, champion: Version, without_champion: bool) -> Bundle | None:
    """Load the champion; None if this code can't and the caller says to go on without."""
    try:
        return Bundle.load(registry.bundle(champion))
    except BundleError as error:
        if not without_champion:
            raise BundleError(
                f"this code can't read the champion, version {champion.version}, so nothing was compared: {error} Publish with "
                "the code it was made by, or judge by the baselines alone: `python -m pipeline.publish --without-champion`."
            ) from error
        console.print(
            f"This code can't read the champion, version {champion.version}: judged by the baselines alone.",
            style="yellow",
        )
        return None


def rollback(workspace: Path, params: Any, target: Path) -> None:
    """Make the previous champion the champion again.

    Raises
    ------
    LeadQualificationError
        If there is no previous champion.
    BundleError
        If this code can't read it; nothing has changed then.
    """
    registry = Registry.open(workspace, params.publish.model_name)
    previous = registry.alias("previous_champion")
    if previous is not None:
        Bundle.load(registry.bundle(previous))  # before anything moves: what can't be read can't be served
    gone, back = registry.roll_back()
    export(registry.bundle(back), target, registry.provenance(back))
    console.print(
        f"rollback: version {back.version} is the champion again instead of version {gone.version}; its bundle is in {target}."
    )


def _facts(rows: pd.DataFrame) -> dict[str, str]:
    if rows.empty:
        return {"gate_rows": "0"}
    return {
        "gate_rows": str(len(rows)),
        "gate_first_snapshot": rows["snapshot_at"].min().isoformat(),
        "gate_last_snapshot": rows["snapshot_at"].max().isoformat(),
    }


def _show(decision: GateDecision, name: str, challenger: str, champion: str | None) -> None:
    against = "no champion yet" if champion is None else f"champion: version {champion}"
    table = Table(title=f"{name}: challenger version {challenger}, {against}", show_lines=False)
    table.add_column("check")
    table.add_column("")
    table.add_column("result")
    for check in decision.checks:
        mark = "[green]passed[/green]" if check.passed else "[red]failed[/red]"
        table.add_row(check.name.replace("_", " "), mark, check.sentence)
    console.print(table)
    console.print(decision.verdict, style="bold green" if decision.promote else "bold red", markup=False)


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
    parser.add_argument("--export", type=Path, metavar="DIR", help="write the champion's bundle here (data/champion)")
    arguments = parser.parse_args()
    params = load_params(SECTIONS)
    target = arguments.export or params.paths.data_dir / "champion"
    if arguments.rollback:
        rollback(Path.cwd(), params, target)
        return
    code = publish(Path.cwd(), params, target, arguments.again, arguments.without_champion, arguments.accept_types)
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    run_main(main)

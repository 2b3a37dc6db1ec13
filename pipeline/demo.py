"""Command `demo`: the main job end to end, from raw files to one served answer and a table of what it is worth."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.rule import Rule

from features.errors import DataError, LeadQualificationError
from models.answers.risk_set import CUSTOMERS
from models.bundle import Bundle
from models.data_protection.crm_ids import crm_ids
from models.data_protection.pseudonyms import SERVED_IDS, any_looks_like_one
from models.presentation.terminal import calibration_note, coverage_note, metrics_table, signal_note, unseen_note
from pipeline.console import REFUSED, console, run_main
from pipeline.demonstration.beside import APART, MODEL, beside
from pipeline.demonstration.compiling import compiling
from pipeline.demonstration.ending import ending
from pipeline.demonstration.service import post_score, serve_bundle
from pipeline.pages.target_words import WORDS
from pipeline.params import load_params
from pipeline.population.risk_set import leads_at_risk
from pipeline.scoring.requests import lead_requests
from pipeline.tables.parquet import read_table
from pipeline.workspaces.workspace import make_workspace, presets, resized_workspace

__all__ = ["main"]

SHOWN = 2
STORE = "store.db"
REPRO = ("dvc", "--wait-for-lock", "repro")  # what an earlier demonstration left running comes to its end first


def _run(workspace: Path, *command: str, allowed: tuple[int, ...] = (0,)) -> int:
    code = subprocess.run(command, cwd=workspace, check=False).returncode
    if code not in allowed:
        raise LeadQualificationError(f"`{' '.join(command)}` in {workspace} failed with exit code {code}; see above.")
    return code


def _step(title: str) -> None:
    console.print(Rule(f"[bold]{title}", align="left"))


def _example_request(data: Path, sections: Any, bundle: Bundle) -> dict[str, Any]:
    """Take the best open lead of the scores, or without open leads the newest snapshot, as a CRM would send it."""
    canonical = data / "canonical"
    rows = leads_at_risk(canonical, sections.snapshots)
    if rows.empty:
        rows = read_table(data / "snapshots.parquet", "snapshots").to_pandas().nlargest(1, "snapshot_at")
    else:
        best = pd.read_csv(data / "scores.csv", dtype={"lead_id": str})["lead_id"].iloc[0]
        ids = crm_ids(Path.cwd(), "as_given")
        rows = rows[rows["lead_id"].astype(str).map(ids.if_known) == best]
    if rows.empty:
        raise DataError(f"{data}: no snapshot to make a request of. Run `dvc repro` first.")
    return {"leads": lead_requests(canonical, rows, bundle.catalog), "language": "en", "reasons": 3}


def _shortened(request: dict[str, Any]) -> str:
    """Write the request with the newest entries of each list alone; what was sent holds them all."""
    lead = dict(request["leads"][0])
    for name in ("touchpoints", "stage_changes"):
        left_out = len(lead[name]) - SHOWN
        if left_out > 0:
            lead[name] = [f"... {left_out} earlier ones", *lead[name][-SHOWN:]]
    return json.dumps({**request, "leads": [lead]}, ensure_ascii=False)


def _run_stages(workspace: Path, targets: list[str]) -> None:
    """Run what changed, and what nothing waits for beside the rest.

    Two of DVC wait for one another's lock, which neither holds while a stage runs. They look at the named stages alone: what
    one reads can't be looked at by the other as something that might be written.
    """
    with beside(workspace, *REPRO, "--single-item", *APART):
        _run(workspace, *REPRO, "--single-item", *MODEL)
    _run(workspace, *REPRO, *targets)  # what is left; and it says so where a stage failed beside the others


def _filling_store(workspace: Path, data: Path, risk_set: str) -> contextlib.AbstractContextManager[Callable[[], int]]:
    """Give the service's pages something to show; a store that is there already is somebody's, and is left alone."""
    canonical = data / "canonical"
    if any_looks_like_one(read_table(canonical / "leads.parquet", "leads")["lead_id"].slice(0, 1).to_pylist()):
        os.environ[SERVED_IDS] = "pseudonyms"  # for this demonstration's service, too
    if os.environ.get("LEAD_STORE_URL") or (workspace / STORE).exists():
        return contextlib.nullcontext(lambda: 0)
    # the data of a demonstration ends in the past
    options = ("--until-now", "--only-customers" if risk_set == CUSTOMERS else "--only-open")
    return beside(workspace, sys.executable, "-m", "serving.import_store", str(canonical), *options)


def _workspace(repository: Path, source: str | None, leads: int | None) -> Path:
    if leads is not None:
        return resized_workspace(repository, leads)
    return repository if source is None else make_workspace(repository, source)


def demo(repository: Path, source: str | None, leads: int | None) -> None:
    """Run the whole job for the repository's own source, or for another one in a workspace of its own.

    Parameters
    ----------
    repository : Path
        The repository's root.
    source : str or None
        The name of a preset; None: what `params.yaml` says.
    leads : int or None
        So many leads of the simulated company; None: what `params.yaml` says.
    """
    begin = time.monotonic()
    workspace = _workspace(repository, source, leads)
    os.chdir(workspace)
    python = sys.executable
    # Stages are run as `python -m ...` by DVC: the same environment must answer to that name.
    os.environ["PATH"] = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"

    _step("1 Pipeline: dvc repro")
    sections = load_params(("paths", "ingest", "snapshots", "publish"))
    data = sections.paths.data_dir
    with contextlib.ExitStack() as others:
        with compiling(workspace):
            _run(workspace, *REPRO, "features")
            filled = others.enter_context(_filling_store(workspace, data, sections.snapshots.risk_set))
            _run_stages(workspace, [] if workspace == repository else ["tracking"])
        _step("2 Gate and registry: python -m pipeline.publish")
        code = _run(workspace, python, "-m", "pipeline.publish", allowed=(0, REFUSED))
        if filled():  # before the service makes an empty one
            for part in workspace.glob(f"{STORE}*"):
                part.unlink()  # the next demonstration fills it anew
            raise LeadQualificationError(f"`python -m serving.import_store` in {workspace} failed; see above.")
    champion = data / "champion"
    bundle_dir = champion if champion.is_dir() else data / "bundle"
    if bundle_dir != champion:
        console.print(
            "[yellow]No champion: this demonstration goes on with the refused model, and marks its list so.[/yellow]"
        )
    elif code == REFUSED:
        console.print("The gate kept the champion of an earlier run: this demonstration goes on with it.")
    leads_file = data / "leads.xlsx"
    outs = ("--out", f"{data}/scores.csv", "--out", str(leads_file))
    log = sections.paths.reports_dir.resolve() / "service.log"
    with serve_bundle(workspace, bundle_dir, log) as wait_for_address:  # it starts while the list is made
        _step("3 Everyone at risk: python -m pipeline.score")
        _run(workspace, python, "-m", "pipeline.score", *outs, "--unpromoted")
        _step("4 Service: POST /score")
        request = _example_request(data, sections, Bundle.load(bundle_dir))
        with console.status("starting the service") as status:
            answer = post_score(wait_for_address(status.update), request)
    console.print("request", style="bold")
    console.print_json(_shortened(request))
    console.print("answer", style="bold")
    console.print_json(json.dumps(answer, ensure_ascii=False))

    _step("5 What it is worth")
    result = json.loads((sections.paths.metrics_dir / "evaluate.json").read_text(encoding="utf-8"))
    who = WORDS[result["target"]].rows
    honest = f"{result['source']}, honest split (training labels purged)" if source else result["source"]
    console.print(
        metrics_table(
            result,
            f"{honest}: {result['rows']:,} test {who}, base rate {result['base_rate']:.1%}, "
            f"capacity {result['capacity']:,} {who}, 95 % intervals",
        )
    )
    console.print(calibration_note(result))
    console.print(coverage_note(result))
    console.print(signal_note(result["verdict"]))
    console.print(unseen_note(result["unseen_accounts"]))
    if (workspace / "published.yaml").exists():
        _run(workspace, python, "-m", "bench.published_split")
    console.print()
    for line in ending(
        "customers" if sections.snapshots.risk_set == CUSTOMERS else "leads",
        repository,
        workspace,
        sections.paths.reports_dir / "report.html",
        (leads_file, data / "scores.csv"),
        time.monotonic() - begin,
    ):
        console.print(line, markup=False, soft_wrap=True)


def main() -> None:
    """Parse the command line and run."""
    repository = Path.cwd()
    parser = argparse.ArgumentParser(prog="python -m pipeline.demo", description=__doc__)
    parser.add_argument("--source", help=f"a preset: {', '.join(presets(repository)) or 'none'}")
    parser.add_argument("--leads", type=int, help="so many leads of the simulated company, in runs/simulated_<leads>")
    arguments = parser.parse_args()
    source = None if arguments.source in (None, "simulated") else arguments.source
    if source is not None and arguments.leads is not None:
        parser.error(f"--leads is for the simulated company, not for --source {source}: leave one of them out")
    demo(repository, source, arguments.leads)


if __name__ == "__main__":
    run_main(main)

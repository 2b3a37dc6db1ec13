"""Command `demo`: the main job end to end, from raw files to one served answer and a table of what it is worth."""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.rule import Rule

from features.errors import DataError, LeadQualificationError
from models.bundle import Bundle
from pipeline.console import calibration_note, console, coverage_note, metrics_table, run_main, signal_note, unseen_note
from pipeline.pages.target_words import WORDS
from pipeline.params import load_params
from pipeline.population.risk_set import leads_at_risk
from pipeline.publish import REFUSED
from pipeline.scoring.requests import lead_requests
from pipeline.tables.parquet import read_table
from pipeline.workspaces.workspace import make_workspace, presets

__all__ = ["main"]

START_SECONDS = 120
SHOWN = 2


def _run(workspace: Path, *command: str, allowed: tuple[int, ...] = (0,)) -> int:
    code = subprocess.run(command, cwd=workspace, check=False).returncode
    if code not in allowed:
        raise LeadQualificationError(f"`{' '.join(command)}` in {workspace} failed with exit code {code}; see above.")
    return code


def _step(title: str) -> None:
    console.print(Rule(f"[bold]{title}", align="left"))


@contextlib.contextmanager
def _service(workspace: Path, bundle: Path) -> Iterator[str]:
    """Serve a bundle on a free loopback port; yields the address, stops the service at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = workspace / "reports" / "service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "serving", "--port", str(port)]
    environment = {**os.environ, "LEAD_BUNDLE_DIR": str(bundle.resolve()), "LEAD_DRAIN_SECONDS": "0"}
    with log.open("w", encoding="utf-8") as out:
        service = subprocess.Popen(command, cwd=workspace, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait(service, address, log)
            yield address
        finally:
            service.terminate()
            service.wait(timeout=30)


def _wait(service: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with console.status("waiting for the service"):
        while time.monotonic() < deadline:
            if service.poll() is not None:
                raise LeadQualificationError(f"the service stopped with exit code {service.returncode}; see {log}")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=2):
                return
            time.sleep(0.3)
    raise LeadQualificationError(f"the service did not answer within {START_SECONDS} s; see {log}")


def _post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/score", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        raise LeadQualificationError(f"the service answered {error.code}: {error.read().decode()}") from error


def _example_request(data: Path, sections: Any, bundle: Bundle) -> dict[str, Any]:
    """Take the best open lead of the scores, or without open leads the newest snapshot, as a CRM would send it."""
    canonical = data / "canonical"
    rows = leads_at_risk(canonical, sections.snapshots)
    if rows.empty:
        rows = read_table(data / "snapshots.parquet", "snapshots").to_pandas().nlargest(1, "snapshot_at")
    else:
        best = pd.read_csv(data / "scores.csv", dtype={"lead_id": str})["lead_id"].iloc[0]
        rows = rows[rows["lead_id"].astype(str) == best]
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


def demo(repository: Path, source: str | None) -> None:
    """Run the whole job for the repository's own source, or for a preset in a workspace of its own.

    Parameters
    ----------
    repository : Path
        The repository's root.
    source : str or None
        The name of a preset; None: what `params.yaml` says.
    """
    begin = time.monotonic()
    workspace = repository if source is None else make_workspace(repository, source)
    os.chdir(workspace)
    python = sys.executable
    # Stages are run as `python -m ...` by DVC: the same environment must answer to that name.
    os.environ["PATH"] = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"

    _step("1 Pipeline: dvc repro")
    _run(workspace, "dvc", "repro", *([] if source is None else ["tracking"]))
    sections = load_params(("paths", "ingest", "snapshots", "publish"))
    data = sections.paths.data_dir
    _step("2 Gate and registry: python -m pipeline.publish")
    code = _run(workspace, python, "-m", "pipeline.publish", allowed=(0, REFUSED))
    champion = data / "champion"
    bundle_dir = champion if code == 0 or champion.exists() else data / "bundle"
    if bundle_dir != champion:
        console.print("[yellow]No champion: this demonstration goes on with the refused challenger.[/yellow]")
    _step("3 Everyone at risk: python -m pipeline.score")
    _run(workspace, python, "-m", "pipeline.score", "--out", f"{data}/scores.csv", "--bundle", str(bundle_dir))
    _step("4 Service: POST /score")
    request = _example_request(data, sections, Bundle.load(bundle_dir))
    with _service(workspace, bundle_dir) as address:
        answer = _post(address, request)
    console.print("request", style="bold")
    console.print_json(_shortened(request))
    console.print("answer", style="bold")
    console.print_json(json.dumps(answer, ensure_ascii=False))

    _step("5 What it is worth")
    result = json.loads((sections.paths.metrics_dir / "evaluate.json").read_text(encoding="utf-8"))
    who = WORDS[result["target"]].rows[0]
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
    _next_commands(source, time.monotonic() - begin)


def _next_commands(source: str | None, seconds: float) -> None:
    console.print(f"\nDone in {seconds:.0f} s. Next:")
    here = "" if source is None else f"cd runs/{source} && "
    for command, meaning in (
        (f"{here}dvc metrics show", "the figures again"),
        (f"{here}dvc plots show", "curves in the browser"),
        ("make ui", "runs, models and their reports in MLflow"),
        ("make serve", "keep the service running"),
        *([("dvc exp run -S train.learning_rate=0.05", "an experiment; then dvc exp show")] if source is None else []),
        ("make demo SOURCE=saas_logins", "the same on real journeys"),
    ):
        console.print(f"  {command:<48} {meaning}", markup=False)


def main() -> None:
    """Parse the command line and run."""
    repository = Path.cwd()
    parser = argparse.ArgumentParser(prog="python -m pipeline.demo", description=__doc__)
    parser.add_argument("--source", help=f"a preset: {', '.join(presets(repository)) or 'none'}")
    arguments = parser.parse_args()
    demo(repository, None if arguments.source in (None, "simulated") else arguments.source)


if __name__ == "__main__":
    run_main(main)

"""Whether two commits give the same: `python -m bench.compare_commits OLD NEW [--sources simulated olist ...] [--leads N]`.

For changes that are to change nothing, such as moving code. Each commit is checked out into a folder of its own and runs
`python -m pipeline.demo` there, for the simulator and every preset: stages, registry, gate, scores, service. Then every file
that the run left (matrix, splits, bundle, predictions with intervals, metrics, curves, score files) is compared, and the same
requests are sent to both services: scores, intervals, contributions, warnings, codes and fields of errors.

Files are equal if their contents are: Parquet by values and types, JSON by values, all others by bytes. What differs is listed,
and the exit code is 1. Both commits run with the environment of this command, one after the other; nothing is timed.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.catalog import Catalog
from pipeline.console import console
from pipeline.params import dump_yaml, read_yaml
from pipeline.scoring.requests import lead_requests
from pipeline.tables.parquet import read_table
from pipeline.workspaces.workspace import data_folder, presets

ROOT = Path.cwd()
COMPARED = ("data", "metrics", "plots")
# What holds moments of the run, names of runs, or pages whose texts may change
LEFT_OUT = ("provenance.json", "tracking.json", "service.log", ".html", ".png", ".sqlite", "checksums.json")
REQUESTS = 200
START_SECONDS = 300
ODD: tuple[bytes, ...] = (
    b"",
    b"[]",
    b'{"leads": []}',
    b'{"leads": [{}]}',
    b'{"leads": [{"lead_id": ""}]}',
    b'{"leads": [{"lead_id": "L", "lead_id": "L"}]}',
    b'{"leads": [{"lead_id": "L", "snapshot_at": "2026-01-05T10:00"}]}',
    b'{"leads": [{"lead_id": "L", "touchpoints": [{"kind": "x", "occurred_at": 5}]}]}',
    b'{"leads": [{"lead_id": "L", "touchpoints": [{"kind": "x", "occurred_at": "2026-01-05T10:00:00Z", "more": 1}]}]}',
    b'{"leads": [{"lead_id": "L", "stage_changes": [{"stage": "sql", "occurred_at": "2026-01-05T10:00:00Z"}]}]}',
    b'{"leads": [{"lead_id": "L"}], "language": "fr"}',
    b'{"leads": [{"lead_id": "L"}], "reasons": 11}',
    b'{"leads": [{"lead_id": "L", "attributes": {"a": NaN}}]}',
    b"not JSON",
)


def main() -> None:
    """Compare, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--sources", nargs="+", default=["simulated", *presets(ROOT)])
    parser.add_argument("--leads", type=int, help="of the simulated company (default: as params.yaml says)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
        commits = (arguments.old, arguments.new)
        trees = [_checkout(commit, Path(scratch) / f"{number}-{commit}") for number, commit in enumerate(commits)]
        try:
            differences: list[str] = []
            for source in arguments.sources:
                for tree in trees:
                    _run(tree, source, arguments.leads)
                places = [tree if source == "simulated" else tree / "runs" / source for tree in trees]
                found = [*compare_folders(*places), *_compare_answers(*places)]
                console.print(f"{source}: {len(found) or 'no'} difference(s)")
                for line in found:
                    console.print(f"  {line}", markup=False)
                differences += found
        finally:
            for tree in trees:
                subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=False)
    raise SystemExit(1 if differences else 0)


def _checkout(commit: str, folder: Path) -> Path:
    subprocess.run(["git", "worktree", "add", "--detach", "--quiet", str(folder), commit], cwd=ROOT, check=True)
    return folder


def _run(tree: Path, source: str, leads: int | None) -> None:
    if leads is not None:
        path = tree / "params.yaml"
        params = read_yaml(path)
        params["simulator"]["leads"] = leads
        path.write_text(dump_yaml(params), encoding="utf-8")
    console.print(f"{tree.name}: {source}")
    command = [sys.executable, "-m", "pipeline.demo", *([] if source == "simulated" else ["--source", source])]
    log = tree / f"{source}.log"
    with log.open("w", encoding="utf-8") as out:
        done = subprocess.run(command, cwd=tree, env=_environment(tree), stdout=out, stderr=out, check=False)
    if done.returncode:
        raise SystemExit(f"{tree.name}, {source}: the demo failed.\n{log.read_text(encoding='utf-8')[-3000:]}")


def _environment(tree: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEAD_", "MLFLOW_"))}
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{tree / 'mlflow.db'}", "LEAD_DATA_DIR": str(data_folder(ROOT))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, **own, "PATH": path, "LEAD_STORE_URL": f"sqlite:///{tree / 'store.db'}"}


def compare_folders(old: Path, new: Path) -> list[str]:
    """List the files that differ, or are in one of two workspaces alone."""
    listed = [
        {path.relative_to(place) for top in COMPARED for path in (place / top).rglob("*") if path.is_file()}
        for place in (old, new)
    ]
    listed = [{path for path in paths if not path.name.endswith(LEFT_OUT)} for paths in listed]
    alone = [f"{path}: only in the {'old' if path in listed[0] else 'new'} one" for path in listed[0] ^ listed[1]]
    differ = [f"{path}: {why}" for path in listed[0] & listed[1] if (why := _difference(old / path, new / path))]
    return sorted([*alone, *differ])


def _difference(old: Path, new: Path) -> str:
    if old.read_bytes() == new.read_bytes():
        return ""
    if old.suffix == ".parquet":
        tables = [pq.read_table(path) for path in (old, new)]
        return (
            "" if tables[0].equals(tables[1]) else f"values differ ({tables[0].num_rows} and {tables[1].num_rows} rows)"
        )
    if old.suffix == ".json":
        return "; ".join(differing_values(*(json.loads(path.read_bytes()) for path in (old, new))))
    return "bytes differ"


def differing_values(old: Any, new: Any, where: str = "") -> list[str]:
    """List the places at which two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted(set(old) | set(new))
        missing = object()
        pairs = [(f"{where}.{name}", old.get(name, missing), new.get(name, missing)) for name in names]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(f"{where}[{place}]", *items) for place, items in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new and type(old) is type(new) else [where or "everything"]
    return [line for place, one, other in pairs for line in differing_values(one, other, place)]


def _compare_answers(old: Path, new: Path) -> list[str]:
    snapshots = read_table(old / "data" / "snapshots.parquet", "snapshots").to_pandas()
    chosen = snapshots.iloc[:: max(len(snapshots) // REQUESTS, 1)].head(REQUESTS)
    catalog = Catalog.from_json((old / "data" / "bundle" / "catalog.json").read_text(encoding="utf-8"))
    leads = lead_requests(old / "data" / "canonical", chosen, catalog)
    options: list[dict[str, Any]] = [{"reasons": 10, "debug": True}, {"language": "de", "reasons": 3}]
    bodies = [json.dumps({"leads": [lead], **option}).encode() for lead in leads for option in options]
    answers = []
    for place in (old, new):
        with _service(place) as address:
            answers.append([_ask(address, body) for body in [*bodies, *ODD]])
    lines = [
        f"answer {number} ({one[0]}, {other[0]}): {'; '.join(differing_values(one[1], other[1], 'answer')) or 'status'}"
        for number, (one, other) in enumerate(zip(*answers, strict=True))
        if one != other
    ]
    return [*lines[:20], *([f"... {len(lines) - 20} more answers"] if len(lines) > 20 else [])]


@contextlib.contextmanager
def _service(place: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tree = place.parents[1] if place.parent.name == "runs" else place
    command = [sys.executable, "-m", "serving"] if (tree / "serving" / "__main__.py").exists() else []
    command = command or ["bentoml", "serve", "serving.service:LeadQualification"]
    environment = {**_environment(tree), "LEAD_BUNDLE_DIR": str(place / "data" / "bundle")}
    with (tree / "service.log").open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=tree,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=2):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{tree.name}: the service did not start; see {out.name}")
                time.sleep(0.3)
            yield address
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _ask(address: str, body: bytes) -> tuple[int, Any]:
    request = urllib.request.Request(f"{address}/score", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


if __name__ == "__main__":
    main()

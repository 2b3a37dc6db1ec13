"""Subcommand `purge`: take out of online store and score log what is past its retention; `ingest` does so for tables."""

import argparse
import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from features.errors import LeadQualificationError
from models.audit_log.settings import say
from models.monitoring.score_log import FOLDER
from pipeline.console import console
from pipeline.data_protection.registry import PurposeRegistry, read_registry, registry_file
from pipeline.params import load_params

__all__ = ["HELP", "add_arguments", "purge_score_log", "run"]

HELP = "take out of the online store and the score log what is past its retention"
DAY_FOLDER = re.compile(r"\d{4}-\d{2}-\d{2}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--log", type=Path, help=f"folder of the score log (default: {FOLDER})")


def purge_score_log(folder: Path, days: int, today: dt.date) -> int:
    """Remove the days of a score log that are older; give how many.

    Parameters
    ----------
    folder : Path
        The log; one that is not there holds nothing.
    days : int
        How many are kept, today among them.
    today : date
        In UTC.
    """
    removed = 0
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if not path.is_dir() or not DAY_FOLDER.fullmatch(path.name):
            continue
        if (today - dt.date.fromisoformat(path.name)).days >= days:
            shutil.rmtree(path)
            removed += 1
    return removed


def run(arguments: argparse.Namespace) -> None:
    """Purge both, and say what went.

    Raises
    ------
    LeadQualificationError
        The store can't be cleaned.
    """
    params, workspace = load_params(("ingest", "privacy")), Path.cwd()
    now = dt.datetime.now(dt.UTC)
    registry = read_registry(registry_file(params.ingest.source))
    if registry is None:
        console.print(
            f"purge: {registry_file(params.ingest.source)} is not there, so nothing says how long events are kept. Write it: "
            "python -m pipeline.privacy purposes --draft"
        )
    else:
        rows = _purge_store(workspace, registry)
        gone = ", ".join(f"{count:,} {name}" for name, count in rows.items())
        console.print(f"purge: from the online store: {gone or 'nothing'}")
        say(workspace, "purged", [], what="store", rows=sum(rows.values()))
    log = arguments.log or (Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None)
    if log is not None:
        days = purge_score_log(log, params.privacy.score_log_days, now.date())
        console.print(f"purge: {days:,} day(s) of the score log {log}", markup=False)
        say(workspace, "purged", [], what="score_log", days=days)
    console.print("purge: the tables lose their rows with the next `dvc repro` on a newer export.")


def _purge_store(workspace: Path, registry: PurposeRegistry) -> dict[str, int]:
    """Let the serving side purge; empty where there is no store here."""
    if not os.environ.get("LEAD_STORE_URL") and not (workspace / "store.db").exists():
        return {}
    given = {
        section: {name: entry.retention_days for name, entry in getattr(registry, section).items()}
        for section in ("attributes", "touchpoint_kinds", "tables")
    }
    command = [sys.executable, "-m", "serving.purge_store"]
    done = subprocess.run(command, cwd=workspace, input=json.dumps(given), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LeadQualificationError(f"purge: the store could not be cleaned: {done.stderr.strip()[-500:]}")
    answer = json.loads(done.stdout)
    if answer["left"]:
        console.print(f"purge: not reached: {answer['left']}", markup=False)
    return {name: int(count) for name, count in answer["rows"].items()}

"""Subcommand `verify-log`: is the audit log as it was written? Exit code 0: it is; 1: it was changed, cut short or removed."""

import argparse
import re
from pathlib import Path

from features.errors import DataError, LeadQualificationError, ParameterError
from models.audit_log.log import AuditLog
from models.audit_log.settings import AUDIT_HEAD, AUDIT_LOG, audit_log
from models.audit_log.verification import read_entries, verify
from models.data_protection.crm_ids import crm_ids
from pipeline.console import console

__all__ = ["HELP", "add_arguments", "run"]

HELP = "find out whether the audit log was changed, cut short or removed; show what it says of a lead"

NOTED = re.compile(r"([1-9][0-9]{0,11}):([0-9a-f]{12,64})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--noted",
        metavar="NUMBER:MAC",
        help="what an earlier verification printed and was kept elsewhere: finds a log that was put back to an older state",
    )
    parser.add_argument("--lead", metavar="LEAD", help="also print the entries of this lead")


def _noted(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    parts = NOTED.fullmatch(text)
    if parts is None:
        raise ParameterError(
            f"--noted {text!r:.80}: a number and a MAC are expected, as verify-log prints them: 812:3fa9..."
        )
    return int(parts[1]), parts[2]


def run(arguments: argparse.Namespace) -> None:
    """Verify, and say what was found.

    Raises
    ------
    DataError
        The log is not as it was written.
    """
    noted, log = _noted(arguments.noted), _log()
    verified = verify(log, noted)
    for finding in verified.findings:
        console.print(f"{finding.code}: {finding.text}", style="red", markup=False)
    if verified.findings:
        raise DataError(
            f"{log.folder}: the audit log is not as it was written; {verified.entries:,} entries before the first change are "
            "authentic. Compare with a backup, and find out who can write there."
        )
    console.print(
        f"{verified.entries:,} entries, all as they were written. The newest is {verified.count}:{verified.mac[:16]}"
    )
    console.print("Note that down elsewhere; verify-log --noted finds a log and head that were both put back.")
    if log.head_folder.parent == log.folder.parent:
        console.print(
            f"Entries and head lie side by side in {log.folder.parent}. Let {AUDIT_HEAD} name a place that whoever can change "
            "the entries can't.",
            style="yellow",
            markup=False,
        )
    if arguments.lead is not None:
        entries = [
            entry
            for name in sorted(crm_ids(Path.cwd(), "as_given").all_names([arguments.lead]))
            for entry in read_entries(log, name)
        ]
        for entry in sorted(entries, key=lambda entry: str(entry["at"])):
            details = " ".join(f"{name}={value}" for name, value in entry.get("details", {}).items())
            console.print(f"{entry['at']}  {entry['action']:<9} {entry['actor']}  {details}", markup=False)


def _log() -> AuditLog:
    log = audit_log(Path.cwd())
    if log is None:
        raise LeadQualificationError(
            f"there is no audit log: {AUDIT_LOG} is off, or there are no keys yet. Make them once: python -m pipeline.privacy "
            "keys; from then on the service and the commands write it."
        )
    return log

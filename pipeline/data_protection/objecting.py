"""Subcommand `object`: note that leads objected to being scored, or took that back; without leads, obey what is noted."""

import argparse
import datetime as dt
from pathlib import Path

from features.errors import ParameterError
from features.timeline import from_micros
from models.answers.requests.fields import parse_moment
from models.audit_log.settings import say
from models.data_protection.crm_ids import crm_ids
from models.data_protection.suppression import Cause, Entry, count_entries, remember, suppression_list
from pipeline.console import console
from pipeline.params import load_params
from pipeline.workspaces.params_edit import write_section

__all__ = ["HELP", "add_arguments", "obey_list", "run"]

HELP = "note that leads objected to being scored, or took that back"
PARAMS = Path("params.yaml")
SECTIONS = ("ingest", "privacy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "leads", nargs="*", metavar="LEAD", help="lead_id, as the CRM knows it; none: only obey the list"
    )
    parser.add_argument("--withdraw", action="store_true", help="the persons want to be scored again")
    parser.add_argument("--at", metavar="MOMENT", help="when they said so, with a zone (default: now)")


def obey_list(params: Path = PARAMS) -> bool:
    """Write into `params.yaml` how many entries the list has now, so that the next `dvc repro` reads the raw files anew.

    Returns
    -------
    bool
        Whether there was anything new.
    """
    entries = count_entries(Path.cwd())
    if load_params(("privacy",), params).privacy.suppression_entries == entries:
        return False
    write_section(params, "privacy", {"suppression_entries": entries})
    return True


def run(arguments: argparse.Namespace) -> None:
    """Note it, and say what follows."""
    if not arguments.leads and (arguments.withdraw or arguments.at):
        raise ParameterError("object: --withdraw and --at say something of leads. Name them, or leave the options out.")
    now = dt.datetime.now(dt.UTC)
    at = now if arguments.at is None else from_micros(parse_moment(arguments.at, "--at"))
    if at > now:
        raise ParameterError(f"object: --at {arguments.at} lies in the future. Name when the person said so.")
    params = load_params(SECTIONS)
    ids = crm_ids(Path.cwd(), params.privacy.ids_of(params.ingest.source))
    cause: Cause = "withdrawal" if arguments.withdraw else "objection"
    entries = [Entry(lead, cause, at) for lead in arguments.leads]
    listed = suppression_list(Path.cwd())
    news = listed.news(Entry(name, cause, at) for lead in arguments.leads for name in sorted(ids.all_names([lead])))
    remember(Path.cwd(), news)
    told = {ids.inward(entry.lead_id) for entry in news}
    if told:
        say(Path.cwd(), "objected", sorted(told), withdrawn=arguments.withdraw)
    if entries:
        what = "took an objection back" if arguments.withdraw else "objected"
        console.print(f"object: {len(told)} of {len(entries)} lead(s) {what}; the others had said so before, or later.")
    if obey_list():
        console.print(
            "object: params.yaml says so, too: the next `dvc repro` leaves them out of tables, training and lists."
        )
    else:
        console.print("object: params.yaml is up to date.")
    console.print("A service beside this repository obeys within a second; elsewhere send POST /objections.")

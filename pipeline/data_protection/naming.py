"""Subcommand `who`: whom pseudonyms stand for, by the mapping table and its key; the audit log keeps who asked of whom."""

import argparse
from pathlib import Path

from features.errors import DataError, ParameterError
from models.audit_log.settings import say
from models.data_protection.crm_ids import crm_ids
from models.data_protection.names import names_folder
from models.data_protection.pseudonyms import looks_like_one
from pipeline.console import console

__all__ = ["HELP", "add_arguments", "run"]

HELP = "say whom pseudonyms stand for; the audit log keeps who asked"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "pseudonyms", nargs="+", metavar="PSEUDONYM", help="as tables, reports and logs have it: lead_..., owner_..."
    )


def run(arguments: argparse.Namespace) -> None:
    """Name them, after the audit log was told.

    Raises
    ------
    ParameterError
        One has not the form of a pseudonym.
    DataError
        One is in no mapping table; the others are named all the same.
    """
    asked = list(dict.fromkeys(arguments.pseudonyms))
    for text in asked:
        if not looks_like_one(text):
            raise ParameterError(
                f"who: {text!r:.60} is no pseudonym; lead_, owner_ or visitor_ and 32 digits from 0 to f are. Ids that stand "
                "as given (`privacy.ids`) name the CRM's record themselves."
            )
    ids = crm_ids(Path.cwd(), "pseudonyms")
    named = {text: ids.if_known(text) for text in asked}
    say(Path.cwd(), "named", [text for text in asked if named[text] != text], asked=len(asked))
    for text, name in named.items():
        if name != text:
            console.print(f"{text}  {name}", markup=False, highlight=False, soft_wrap=True)
    unknown = [text for text in asked if named[text] == text]
    if unknown:
        raise DataError(
            f"who: {len(unknown)} of {len(asked)} stand in no mapping table of {names_folder(Path.cwd())}: {unknown[0]}. The "
            "lead was erased or left the CRM, another key made it, or the online store alone knows it "
            "(`python -m serving.export_store`, then ingest of the source `store`)."
        )

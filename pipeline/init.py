"""Command `init`: look at a company's exports, and write the source and the preset that read them."""

import argparse
import datetime as dt
import re
from pathlib import Path

from rich.text import Text

from features.errors import ParameterError
from models.data_protection.key_ring import keys_file
from pipeline.console import console, run_main
from pipeline.data_protection.keys import keys_where_none
from pipeline.data_protection.registry import registry_file
from pipeline.data_protection.registry_drafts import add_drafts
from pipeline.onboarding.names import plain_word
from pipeline.onboarding.propose import propose
from pipeline.onboarding.questions import parse_answers
from pipeline.onboarding.show import show
from pipeline.onboarding.written import write_unless_edited

__all__ = ["main"]

SOURCES, PRESETS = Path("pipeline/sources"), Path("pipeline/presets")
NAME = re.compile(r"[a-z][a-z0-9_]*")
TAKEN = "exports"


def _name(given: str | None, paths: list[Path]) -> str:
    """Name the source: as asked for, else after the folder of the files."""
    folder = paths[0].resolve().parent.name if paths else ""
    name = given if given is not None else plain_word(folder) or TAKEN
    if not NAME.fullmatch(name):
        raise ParameterError(
            f"--name {name!r}: a source is named with small letters, digits and underscores, a letter first, e.g. acme."
        )
    return name


def _write(path: Path, body: str) -> bool:
    difference = write_unless_edited(path, body)
    if difference is None:
        console.print(f"written: {path}", markup=False)
        return True
    console.print(
        Text(f"{path} was edited, so it stays as it is. What would have been written differs:", style="yellow")
    )
    console.print(Text(difference))
    return False


def main() -> None:
    """Parse the command line, print what was concluded, and write the two files unless a person edited them."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.init", description=__doc__)
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="CSV, TSV, gzip, XLSX, JSON lines or Parquet"
    )
    parser.add_argument("--name", help="of the source; otherwise that of the files' folder")
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing: take what is sure and safe defaults, else stop"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="answer a question, e.g. zone=UTC"
    )
    arguments = parser.parse_args()
    name = _name(arguments.name, arguments.files)
    proposal = propose(arguments.files, name, Path.cwd(), parse_answers(arguments.set), yes=arguments.yes)
    show(proposal)
    _write(SOURCES / f"{name}.sql", proposal.sql)
    _write(PRESETS / f"{name}.yaml", proposal.preset)
    if proposal.fields.attributes:
        purposes = registry_file(name)
        added = add_drafts(purposes, proposal.fields)
        console.print(f"written: {purposes}: {len(added):,} draft(s) of what each field is used for", markup=False)
    else:
        after = (
            "python -m pipeline.privacy purposes --draft, after the first ingest, writes what each field is used for"
        )
        console.print(after, markup=False)
    keys_where_none(keys_file(Path.cwd()), dt.datetime.now(dt.UTC))
    console.print(f"Next: make demo SOURCE={name}", markup=False)


if __name__ == "__main__":
    run_main(main)

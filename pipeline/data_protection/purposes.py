"""Subcommand `purposes`: what the registry says of each field of this source; `--draft` writes the entries that are missing."""

import argparse

from rich.table import Table

from pipeline.console import console
from pipeline.data_protection.registry import read_registry, registry_file
from pipeline.data_protection.registry_drafts import add_drafts
from pipeline.params import load_params
from pipeline.tables.personal_fields import EMPTY, personal_fields

__all__ = ["HELP", "SECTIONS", "add_arguments", "run"]

HELP = "show what each field is used for; write drafts of what is missing"
SECTIONS = ("ingest", "paths")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--draft", action="store_true", help="add a draft for each field that has no entry")


def run(arguments: argparse.Namespace) -> None:
    """Show the registry of the source in `params.yaml`, or add drafts to it."""
    params = load_params(SECTIONS)
    path = registry_file(params.ingest.source)
    canonical = params.paths.data_dir / "canonical"
    fields = personal_fields(canonical) if (canonical / "attributes.parquet").exists() else EMPTY
    if arguments.draft:
        added = add_drafts(path, fields)
        console.print(f"{path}: {len(added):,} draft(s) added; check them, and write `state: confirmed`.", markup=False)
        if not fields.attributes:
            console.print(
                "There are no canonical tables yet. Run `dvc repro ingest`, and this command again.", style="yellow"
            )
        return
    registry = read_registry(path)
    if registry is None:
        console.print(f"{path}: there is no registry yet. Write drafts: python -m pipeline.privacy purposes --draft")
        return
    table = Table("section", "name", "purpose", "legal basis", "days", "state", title=str(path))
    for section, name, entry in registry.entries():
        table.add_row(section, name, entry.purpose, entry.legal_basis, f"{entry.retention_days:,}", entry.state)
    console.print(table)
    for section, name in registry.missing(fields):
        console.print(f"no entry: {section}.{name}", style="red", markup=False)

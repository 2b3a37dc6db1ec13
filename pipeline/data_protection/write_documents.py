"""Subcommand `documents`: privacy notice, record of processing and impact assessment from the purpose registry."""

import argparse
from pathlib import Path

from features.errors import ParameterError
from pipeline.console import console
from pipeline.data_protection.registry import read_registry, registry_file
from pipeline.data_protection.registry_documents import documents
from pipeline.params import load_params

__all__ = ["HELP", "SECTIONS", "add_arguments", "run"]

HELP = "write privacy notice, record of processing (Art. 30) and impact assessment (Art. 35)"
SECTIONS = ("ingest", "labels", "paths")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to (default: reports/privacy)")


def run(arguments: argparse.Namespace) -> None:
    """Write the documents of the source in `params.yaml`.

    Raises
    ------
    ParameterError
        The source has no registry.
    """
    params = load_params(SECTIONS)
    path = registry_file(params.ingest.source)
    registry = read_registry(path)
    if registry is None:
        raise ParameterError(f"{path} does not exist. Write drafts first: python -m pipeline.privacy purposes --draft")
    folder = arguments.out or params.paths.reports_dir / "privacy"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents(registry, params.labels.label_days).items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
        console.print(f"written: {folder / name}.html", markup=False)
    drafts = len(registry.drafts())
    if drafts:
        console.print(f"{drafts:,} purposes are drafts; the documents say so.", style="yellow")

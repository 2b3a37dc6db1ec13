"""Command `privacy`: keys, objections, erasure, retention, audit log. docs/privacy.md maps them to the GDPR."""

import argparse
from typing import Protocol

from pipeline.console import run_main
from pipeline.data_protection import (
    erasing,
    exporting,
    keys,
    naming,
    objecting,
    purging,
    purposes,
    replaying,
    verify_log,
    write_documents,
)

__all__ = ["SUBCOMMANDS", "main"]


class Subcommand(Protocol):
    """A module of `pipeline.data_protection` that can be run."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    def run(self, arguments: argparse.Namespace) -> None:
        """Do it."""


SUBCOMMANDS: dict[str, Subcommand] = {
    "documents": write_documents,
    "export": exporting,
    "keys": keys,
    "object": objecting,
    "erase": erasing,
    "purge": purging,
    "purposes": purposes,
    "replay": replaying,
    "verify-log": verify_log,
    "who": naming,
}
"""By name; one module each."""


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.privacy", description=__doc__)
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    for name, module in SUBCOMMANDS.items():
        module.add_arguments(subparsers.add_parser(name, help=module.HELP, description=module.__doc__))
    arguments = parser.parse_args()
    SUBCOMMANDS[arguments.subcommand].run(arguments)


if __name__ == "__main__":
    run_main(main)

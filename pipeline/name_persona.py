"""Command: give a persona a name that survives new runs, or list personas: `python -m pipeline.name_persona [KEY NAME]`."""

import argparse
from collections.abc import Sequence

from models.analyses.figures import Absent
from models.analyses.personas import PERSONAS, Personas
from pipeline.console import console, run_main
from pipeline.params import load_params
from pipeline.sales_funnel.personas_names import FILE, read_names, rename, traits_of, write_names

__all__ = ["SECTIONS", "main"]

SECTIONS = ("paths",)


def _list(personas: Personas) -> None:
    for persona in personas.personas:
        traits = sorted(traits_of(persona).items(), key=lambda item: -item[1])[:4]
        told = ", ".join(name for name, _ in traits)
        console.print(
            f"{persona.key}  {persona.name or '(no name)'}: {persona.customers:,} customers; {told}", markup=False
        )
    if not personas.personas:
        console.print("no segment of the customers is stable: there is nothing to name")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the analysis, and write `persona_names.yaml`."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.name_persona", description=__doc__)
    parser.add_argument("key", nargs="?", help="of the persona: P1, P2 ...; without it they are listed")
    parser.add_argument("name", nargs="?", help="1 to 80 characters")
    given = parser.parse_args(arguments)
    if given.key is not None and given.name is None:
        parser.error(f"no name is given for {given.key}: python -m pipeline.name_persona {given.key} NAME")
    params = load_params(SECTIONS)
    content = PERSONAS.read(params.paths.data_dir / "analyses")
    if isinstance(content, Absent) or not isinstance(content, Personas):
        console.print("no personas were made of these data; reports/personas.html says why")
        return
    if given.key is None:
        _list(content)
        return
    write_names(rename(content.personas, read_names(), given.key, given.name))
    console.print(
        f"{given.key} is called {given.name!r} in {FILE}. `dvc repro personas` writes it into the report, `python -m "
        "pipeline.publish` and a restart of the service onto the page.",
        markup=False,
    )


if __name__ == "__main__":
    run_main(main)

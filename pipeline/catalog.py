"""Command `catalog`: every feature with its meaning, unit and value for an empty journey, as a table or as Markdown."""

import argparse
from pathlib import Path

from rich.table import Table

from features.catalog import Catalog, Feature, build_catalog
from features.operations import GROUPS
from pipeline.console import console, run_main
from pipeline.params import load_params

__all__ = ["catalog_markdown", "catalog_table", "main", "of_parameters"]

SECTIONS = ("features", "paths")
LANGUAGES = {"en": "English", "de": "Deutsch"}


def of_parameters() -> Catalog:
    """Build the catalog of `params.yaml` alone, with every group: what there can be before anything is learned from data."""
    return build_catalog(load_params(SECTIONS).features.model_copy(update={"groups": GROUPS}), [])


def catalog_table(catalog: Catalog, language: str = "en") -> Table:
    """Lay a catalog out for the terminal; one row per feature, groups set apart.

    Parameters
    ----------
    catalog : Catalog
    language : {"en", "de"}
        Of the meanings.
    """
    table = Table(title=f"{len(catalog)} features, fingerprint {catalog.fingerprint[:12]}")
    table.add_column("feature", no_wrap=True)
    table.add_column("meaning")
    table.add_column("unit")
    table.add_column("empty", justify="right")
    group = None
    for feature in catalog.features:
        if feature.group != group:
            group = feature.group
            table.add_section()
            table.add_row(f"[bold]{group}[/bold]")
        table.add_row(feature.name, feature.meaning(language), feature.unit, _empty(feature))
    return table


def catalog_markdown(catalog: Catalog, switched_on: tuple[str, ...] = GROUPS) -> str:
    """Write a catalog as a Markdown page.

    Parameters
    ----------
    catalog : Catalog
    switched_on : tuple of str
        Groups that `params.yaml` asks for; the others are marked.
    """
    lines = [
        "# Catalog of features",
        "",
        f"What `params.yaml` can make of a journey: {len(catalog)} features. `make catalog` prints this list, or the one a",
        "model was trained with, which has more: kinds and channels with enough support in training, roles, attributes.",
        "",
        "A name is `operation__selector__window`. *Empty* is the value for a lead without any such touchpoint; *missing*",
        "says that there is nothing to measure. All look back from the snapshot, none further than `observation_days`.",
    ]
    for group in GROUPS:
        chosen = [feature for feature in catalog.features if feature.group == group]
        if chosen:
            note = "" if group in switched_on else " (off by default)"
            lines += ["", f"## {group}{note}", ""]
            lines += ["| feature | unit | empty | meaning | Bedeutung |", "|---|---|---|---|---|"]
            lines += [
                f"| `{f.name}` | {f.unit} | {_empty(f)} | {f.meaning('en')} | {f.meaning('de')} |" for f in chosen
            ]
    return "\n".join(lines) + "\n"


def _empty(feature: Feature) -> str:
    return "missing" if feature.empty != feature.empty else f"{feature.empty:g}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.catalog", description=__doc__)
    parser.add_argument(
        "--catalog", type=Path, help="a catalog.json (default: the one in data/features; without one, params.yaml's)"
    )
    parser.add_argument(
        "--params-only", action="store_true", help="every group of params.yaml, nothing learned from data"
    )
    parser.add_argument("--out", type=Path, help="write Markdown to this file instead of printing")
    parser.add_argument("--language", choices=list(LANGUAGES), default="en", help="of the printed meanings")
    return parser.parse_args()


def main() -> None:
    """Print the catalog, or write it to a file."""
    arguments = _arguments()
    params = load_params(SECTIONS)
    stored = arguments.catalog or params.paths.data_dir / "features" / "catalog.json"
    if arguments.params_only or not (arguments.catalog or stored.exists()):
        catalog = of_parameters()
    else:
        catalog = Catalog.from_json(stored.read_text(encoding="utf-8"))
    if arguments.out:
        arguments.out.write_text(catalog_markdown(catalog, params.features.groups), encoding="utf-8")
        console.print(f"catalog: {len(catalog)} features in {arguments.out}")
    else:
        console.print(catalog_table(catalog, arguments.language))


if __name__ == "__main__":
    run_main(main)

"""The figures of the documents: `docs/results.json` holds them, the tables in README.md and docs/ are made from it.

    python -m bench.results                     make the tables anew
    python -m bench.results runs/olist ...      take `metrics/evaluate.json` of workspaces first (`.`: the repository's), and
                                                what `bench.published_split` wrote there

Benches write their own section with `record`. A table stands between `<!-- results: NAME -->` and `<!-- /results -->`; a test
fails where one differs from the file, so no figure is written by hand.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from bench.results_tables import TABLES
from models.presentation.metric_names import COMPARED
from pipeline.console import console, run_main
from pipeline.tables.json_files import read_json, write_json

__all__ = ["FILE", "PAGES", "best_tenth", "record", "rendered", "worth_row"]

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "results.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "results.md")
BLOCK = re.compile(r"(<!-- results: (\w+) -->)(.*?)(<!-- /results -->)", flags=re.DOTALL)
BESIDE = ("untuned_lightgbm", "logistic_regression")


def rendered(text: str, results: dict[str, Any]) -> str:
    """Give a document with every table made from the figures.

    Raises
    ------
    KeyError
        If the document asks for a table that does not exist.
    """
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]](results)}{block[4]}", text)


def record(section: str, figures: dict[str, Any]) -> None:
    """Lay figures over a section of the file, and make the documents' tables anew.

    Parameters
    ----------
    section : str
        "worth", "contenders", "groups", "peers" or "short_histories".
    figures : dict
        Of rows, sets or sources that were measured; others stay as they are.
    """
    results = json.loads(FILE.read_text(encoding="utf-8"))
    results[section] |= figures
    write_json(FILE, results)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(rendered(text, results), encoding="utf-8")


def worth_row(evaluated: dict[str, Any]) -> dict[str, Any]:
    """Take what a row of the documents' first table says from a workspace's `metrics/evaluate.json`."""
    return {
        "rows": evaluated["rows"],
        "base_rate": evaluated["base_rate"],
        "product": {name: evaluated["product"][name] for name in COMPARED},
        "log_loss_of": {name: evaluated["baselines"][name]["log_loss"]["value"] for name in BESIDE},
    }


def best_tenth(gain: list[dict[str, Any]]) -> dict[str, float]:
    """Take from `plots/gain.json` what calling about a tenth of the leads, best first, reaches.

    Returns
    -------
    dict of str to float
        share of the leads, in [0, 1]; gain: share of the positives among them, in [0, 1]; lift: the one over the other.
    """
    tenth = min((point for point in gain if point["model"] == "product"), key=lambda point: abs(point["share"] - 0.1))
    return {name: tenth[name] for name in ("share", "gain", "lift")}


def _name(workspace: Path, evaluated: dict[str, Any]) -> str:
    """Name the row: a workspace of its own is known by its folder, the repository's by its source."""
    return str(evaluated["source"]) if workspace.resolve() == ROOT else workspace.name


def main() -> None:
    """Read workspaces, write the file and the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.results", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("workspaces", nargs="*", type=Path, help="folders in which `make demo` has run")
    arguments = parser.parse_args()
    rows = {}
    for workspace in arguments.workspaces:
        evaluated = read_json(workspace / "metrics" / "evaluate.json", "evaluate")
        gain = read_json(workspace / "plots" / "gain.json", "evaluate")
        name = _name(workspace, evaluated)
        rows[name] = worth_row(evaluated) | {"best_tenth": best_tenth(gain)}
        published = workspace / "metrics" / "published.json"
        if published.exists():
            rows[f"{name}_published"] = worth_row(read_json(published, "evaluate"))
    record("worth", rows)
    console.print(
        f"{FILE.relative_to(ROOT)}: {', '.join(rows) or 'unchanged'}; tables of {len(PAGES)} pages made from it"
    )


if __name__ == "__main__":
    run_main(main)

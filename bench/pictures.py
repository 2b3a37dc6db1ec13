"""The pictures of the documents that follow from `docs/results.json`: `python -m bench.pictures` draws them anew."""

import argparse
import json
from pathlib import Path
from typing import Any

from bench.models.learning_curve import SIMULATED
from bench.models.short_histories_table import picture_of_sets_png
from bench.models.short_histories_table import picture_png as short_histories_png
from bench.peers.picture import picture_png as peers_png
from bench.results import FILE
from bench.spark_picture import picture_png as spark_png
from pipeline.console import console, run_main

__all__ = ["drawn"]


def drawn(results: dict[str, Any]) -> dict[str, bytes]:
    """Draw them.

    Returns
    -------
    dict of str to bytes
        Name of the file to a PNG; the same figures give the same bytes.
    """
    setting = results["peers_setting"]
    peers = {name: {**setting, "summary": summary} for name, summary in results["peers"].items()}
    histories = results["short_histories"]
    of_sets = [row for name, rows in sorted(histories.items()) if name != SIMULATED for row in rows]
    return {
        "feature_peers.png": peers_png({"settings": peers}),
        "short_histories.png": short_histories_png(histories[SIMULATED]),
        "short_histories_of_sets.png": picture_of_sets_png(of_sets),
        "spark_scaling.png": spark_png(results["spark"]),
    }


def main() -> None:
    """Write them into ``docs/images``."""
    argparse.ArgumentParser(prog="python -m bench.pictures", description=__doc__).parse_args()
    folder = Path(FILE).parent / "images"
    for name, content in drawn(json.loads(FILE.read_text(encoding="utf-8"))).items():
        (folder / name).write_bytes(content)
        console.print(f"{folder / name}: {len(content):,} bytes", markup=False)


if __name__ == "__main__":
    run_main(main)

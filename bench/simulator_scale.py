"""Simulate a large world and print how long it takes and how much memory it needs: `python -m bench.simulator_scale`.

By default 1,000,000 leads with about 40 million touchpoints, written to a temporary folder that is removed afterwards; a first
argument gives another number of leads.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from pipeline.console import console, progress
from pipeline.params import load_params
from pipeline.simulate import SECTIONS, simulate

__all__ = ["main"]

MILLION = 1_000_000


def main(leads: int = MILLION) -> None:
    """Simulate and measure."""
    params = load_params(SECTIONS)
    simulator = params.simulator.model_copy(update={"leads": leads})
    with tempfile.TemporaryDirectory() as folder, progress() as bar:
        started = time.perf_counter()
        counts = simulate(simulator, params, Path(folder) / "raw", Path(folder) / "truth", bar)
        seconds = time.perf_counter() - started
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"{counts.leads:,} leads, {counts.touchpoints:,} touchpoints, {counts.mqls:,} MQLs: {seconds:.1f} s "
        f"({counts.touchpoints / seconds / MILLION:.2f} M touchpoints/s), peak {peak:,.0f} MiB, files {size / 2**20:,.0f} MiB",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))

"""One contender, once, in its own environment: files in, a result file and its timings out.

Run by bench.feature_peers as ``python -m bench.peers.worker <contender> <touchpoints> <snapshots> <folder> <timings>``.
Starting Python, importing, and loading compiled code are not timed.
"""

import gc
import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["run"]


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    begin = time.perf_counter()
    result = action()
    return time.perf_counter() - begin, result


def run(contender: str, touchpoints: Path, snapshots: Path, folder: Path) -> dict[str, float]:
    """Time a contender end to end, then its loading and its computing apart.

    Parameters
    ----------
    contender : str
        Module ``bench.peers.with_<contender>``.
    touchpoints, snapshots : Path
        Parquet files.
    folder : Path
        Where ``<contender>.parquet`` is written.

    Returns
    -------
    dict
        Seconds of ``end_to_end``, and of ``load`` and ``compute`` where the contender has them; ``memory_gb``, the peak.
    """
    module = importlib.import_module(f"bench.peers.with_{contender}")
    module.prepare(folder)
    timings: dict[str, float] = {}
    timings["end_to_end"], _ = _timed(
        lambda: module.end_to_end(touchpoints, snapshots, folder / f"{contender}.parquet")
    )
    if hasattr(module, "load"):
        timings["load"], loaded = _timed(lambda: module.load(touchpoints, snapshots))
        timings["compute"], _ = _timed(lambda: module.compute(loaded))
    timings["memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return timings


if __name__ == "__main__":
    name, *paths, timings_path = sys.argv[1:]
    Path(timings_path).write_text(json.dumps(run(name, *map(Path, paths))), encoding="utf-8")

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


def _timed(timings: dict[str, float], name: str, action: Callable[[], Any]) -> Any:
    gc.collect()
    begin, used = time.perf_counter(), time.process_time()
    result = action()
    timings[name] = time.perf_counter() - begin
    timings[f"{name}_processor"] = time.process_time() - used
    return result


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
        Seconds of ``end_to_end``, and of ``load`` and ``compute`` where the contender has them; with the ending ``_processor``
        the processor time of all threads, which is steadier on a busy machine; ``memory_gb``, the peak.
    """
    module = importlib.import_module(f"bench.peers.with_{contender}")
    module.prepare(folder)
    timings: dict[str, float] = {}
    out = folder / f"{contender}.parquet"
    _timed(timings, "end_to_end", lambda: module.end_to_end(touchpoints, snapshots, out))
    if hasattr(module, "load"):
        loaded = _timed(timings, "load", lambda: module.load(touchpoints, snapshots))
        _timed(timings, "compute", lambda: module.compute(loaded))
    timings["memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return timings


if __name__ == "__main__":
    name, *paths, timings_path = sys.argv[1:]
    Path(timings_path).write_text(json.dumps(run(name, *map(Path, paths))), encoding="utf-8")

"""The benchmark of growth runs, and measures the engine and the limit in processes of their own."""

import subprocess
import sys
from pathlib import Path


def test_quick_run_measures_all_sizes(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.feature_scale", "--quick"], cwd=root, check=True, capture_output=True, text=True
    )
    for figure in ("10,000", "100,000", "25,000", "peak MiB"):
        assert figure in done.stdout

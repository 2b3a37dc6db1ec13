"""What a stage does not use, it does not import: starting Python is most of a small stage's time."""

import subprocess
import sys

import pytest

HEAVY = (
    "bentoml",
    "lightgbm",
    "mlflow",
    "numba",
    "optuna",
    "pyarrow.dataset",
    "scipy.stats",
    "sklearn",
    "vl_convert",
)
USES = {
    "simulate": (),
    "ingest": (),
    "snapshots": (),
    "labels": (),
    "split": (),
    "build_features": ("numba",),
    "evaluate": (),
    "segments": (),
    "funnel": ("numba",),
    "points": ("numba", "scipy.stats", "sklearn"),
    "personas": ("numba", "scipy.stats", "sklearn"),
    "report": ("vl_convert",),
}


@pytest.mark.parametrize("stage", USES)
def test_a_stage_imports_no_heavy_package_that_it_does_not_use(stage: str) -> None:
    code = f"import sys, pipeline.{stage}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= set(USES[stage])

"""Kernels are made ready beside other work, and what is under way ends with it."""

from pathlib import Path

import pytest

from features.kernels.cache import cache_folder, environment_key, kept_signatures
from pipeline.demonstration.compiling import compiling

ROOT = Path(__file__).parents[3]
FOLD = ROOT / "features" / "kernels" / "fold.py"


def test_kernels_are_kept_for_the_processes_that_come_after() -> None:
    with compiling(ROOT) as process:
        assert process.wait(900) == 0
    assert kept_signatures(cache_folder(environment_key(FOLD.read_bytes())) / "features.kernels.fold.fold")


def test_what_is_under_way_ends_with_the_work_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    with compiling(ROOT) as process:
        pass
    assert process.poll() is not None

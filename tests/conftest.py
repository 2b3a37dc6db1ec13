"""What every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that is busy is no failure: what an example takes is left to benchmarks
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets; tests that need it are skipped without it."""
    folder = Path(os.environ.get("LEAD_DATA_DIR") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data sets at {folder}; set LEAD_DATA_DIR to run this test")
    return folder

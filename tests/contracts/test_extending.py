"""What people add most often takes as few files as CONTRIBUTING says: each is added in a copy of the project and counted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("features", "models", "pipeline", "serving", "tests")
FILES = ("params.yaml", "dvc.yaml", "pyproject.toml")

AGREES = """
import numpy as np
from features.catalog import build_catalog
from features.compute import Snapshots, compute_features
from features.journeys import Journeys, LeadJourney, TouchpointRecord
from features.params import FeaturesParams
from tests.oracle import oracle_row
day = 86_400_000_000
params = FeaturesParams(
    observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement",), selectors={}, operations=("paid",)
)
catalog = build_catalog(params, [])
lead = LeadJourney("L-1", [TouchpointRecord("order", at * day, value=at - 10.0) for at in (1, 8, 10, 16, 18)])
for at in (1, 9, 17, 20, 48, 60):
    row = compute_features(Journeys.from_records([lead]), Snapshots(np.array([0]), np.array([at * day])), catalog)[0]
    np.testing.assert_array_equal(row, np.array(oracle_row(lead, at * day, catalog), dtype=np.float32))
feature = catalog.features[catalog.positions["paid__all__7d"]]
print(feature.text(3.0), "|", feature.text(1.0, "de"))
"""


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    for name in PACKAGES:
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def changed(copy: Path, root: Path) -> set[str]:
    """List the files that were added, or differ, in the copy."""
    files = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return {
        str(path)
        for path in files
        if not (root / path).is_file() or (root / path).read_bytes() != (copy / path).read_bytes()
    }


def run(copy: Path, *arguments: str) -> str:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old, text.count(old))
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_operation(copy: Path, root: Path) -> None:
    run(copy, "-m", "pipeline.new_operation", "paid", "--group", "engagement", "--unit", "touchpoints with a value")
    assert changed(copy, root) == {"features/operations/engagement.py", "features/kernels/fold.py", "tests/oracle.py"}
    replace(
        copy / "features/kernels/fold.py",
        "start[c] < end[c]:\n                out[row[c], column] = end[c] - start[c]\n",
        "start[c] < end[c]:\n"
        "                paid = 0\n"
        "                for j in range(start[c], end[c]):\n"
        "                    paid += picked.value[position[j]] != 0\n"
        "                out[row[c], column] = paid\n",
    )
    replace(
        copy / "tests/oracle.py",
        'raise NotImplementedError("measure look.items")',
        "return float(sum(bool(item.value) for item in look.items))",
    )
    replace(
        copy / "features/operations/engagement.py", 'en="{label}, paid {window}: {n}"', 'en="{n} paid {label} {window}"'
    )
    said = run(copy, "-W", "ignore::RuntimeWarning", "-c", AGREES)
    assert said == "3 paid all in the last 7 days | all, paid in den letzten 7 Tagen: 1\n"
    assert len(changed(copy, root)) == 3


def test_the_start_of_an_operation_fails_until_it_is_defined(copy: Path) -> None:
    run(copy, "-m", "pipeline.new_operation", "paid", "--group", "engagement")
    with pytest.raises(AssertionError, match="measure look.items"):
        run(copy, "-c", AGREES)


@pytest.mark.parametrize(("name", "says"), [("count", "is taken or not usable"), ("Paid", "is taken or not usable")])
def test_an_operation_of_a_name_that_is_no_good(copy: Path, root: Path, name: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        run(copy, "-m", "pipeline.new_operation", name, "--group", "engagement")
    assert changed(copy, root) == set()

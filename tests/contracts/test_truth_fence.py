"""The simulator's truth tables are for judging only: no stage and no code of the product can reach them."""

import ast
import re
from pathlib import Path

import grimp
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
TRUTH = Path("data/truth")
NAMES = re.compile(r"^truth$|[/\\]truth\b|\btruth[/\\]|_truth\b", re.IGNORECASE)
ALLOWED = ("pipeline/simulator/", "pipeline/simulate.py")
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("features", "models", "pipeline", "serving")
    for path in (ROOT / package).rglob("*.py")
    if not path.relative_to(ROOT).as_posix().startswith(ALLOWED)
)


def strings(source: str) -> list[str]:
    """Every string in the code that is not a docstring."""
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"simulate"}))
def test_no_stage_but_the_simulator_touches_the_truth(stage: str) -> None:
    definition = STAGES[stage]
    assert not NAMES.search(str(definition)), stage
    for dependency in definition["deps"]:
        path = Path(dependency)
        assert path != TRUTH
        assert path not in TRUTH.parents, f"stage {stage}: dependency {dependency} holds {TRUTH}"


def test_the_simulator_writes_the_truth_where_the_fence_looks() -> None:
    assert str(TRUTH) in {path for output in STAGES["simulate"]["outs"] for path in output}


@pytest.mark.parametrize("source", SOURCES)
def test_no_module_names_the_truth(source: str) -> None:
    found = [text for text in strings((ROOT / source).read_text()) if NAMES.search(text)]
    assert not found, f"{source} names the truth tables: {found}"


def test_no_source_reads_the_truth() -> None:
    for path in (ROOT / "pipeline" / "sources").glob("*.sql"):
        assert not NAMES.search(path.read_text()), path.name


def test_only_the_stage_imports_the_simulator() -> None:
    graph = grimp.build_graph("features", "models", "pipeline", "serving")
    inside = {"pipeline.simulator", *graph.find_descendants("pipeline.simulator")}
    importers = {name for module in inside for name in graph.find_modules_that_directly_import(module)}
    assert importers - inside <= {"pipeline.simulate"}


@pytest.mark.parametrize("text", ["data/truth", "snapshot_truth.parquet", "truth"])
def test_the_fence_would_notice(text: str) -> None:
    assert NAMES.search(text)
    assert strings(f'"""The truth."""\npath = "{text}"\n') == [text]

"""`dvc.yaml` says what each stage really reads: its parameters, and the code that it imports."""

import importlib
from pathlib import Path

import grimp
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "pipeline", "serving")
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def module_of(stage: str) -> str:
    command = STAGES[stage]["cmd"].split()
    assert command[:2] == ["python", "-m"], f"stage {stage}: {command}"
    assert len(command) == 3, f"stage {stage} takes arguments: {command}"
    return command[2]


def covered(path: Path, deps: list[str]) -> bool:
    return any(path == Path(dep) or Path(dep) in path.parents for dep in deps)


@pytest.fixture(scope="session")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)  # a cache goes by the files' times, and misses changes


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_those_the_stage_loads(stage: str) -> None:
    sections = importlib.import_module(module_of(stage)).SECTIONS
    assert sorted(STAGES[stage].get("params", [])) == sorted(sections)


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_cover_every_import(stage: str, graph: grimp.ImportGraph) -> None:
    module = module_of(stage)
    imported = {module, *graph.find_upstream_modules(module)}
    missing = []
    for name in sorted(imported):
        path = Path(name.replace(".", "/"))
        path = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
        is_empty_package = path.name == "__init__.py" and len((ROOT / path).read_text().splitlines()) <= 1
        if not is_empty_package and not covered(path, STAGES[stage]["deps"]):
            missing.append(str(path))
    assert not missing, f"stage {stage}: dvc.yaml lacks deps {missing}"


@pytest.mark.parametrize("stage", STAGES)
def test_every_output_is_out_of_git_or_declared_uncached(stage: str) -> None:
    for output in STAGES[stage].get("outs", []):
        assert isinstance(output, str), f"stage {stage}: {output}"
        assert output.startswith(("data/", "reports")), f"stage {stage}: {output} would be cached outside data/"

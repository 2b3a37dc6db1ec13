"""`dvc.yaml` says what each stage really reads: its parameters (what a stage did not name it can't read, see
`pipeline.params.load_params`), and the folders of code that it imports from.

A module in a folder of a package stands for its folder, a module at a package's top for itself; who imports a kernel reads
all of `features`. `UPDATE_STAGES=1 python -m pytest tests/contracts/test_stages.py` rewrites the code among the deps.
"""

import importlib
import os
import re
from pathlib import Path

import grimp
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "models", "pipeline", "serving")
FILE = ROOT / "dvc.yaml"
STAGES = yaml.safe_load(FILE.read_text())["stages"]


def module_of(stage: str) -> str:
    command = STAGES[stage]["cmd"].split()
    assert command[:2] == ["python", "-m"], f"stage {stage}: {command}"
    assert len(command) == 3, f"stage {stage} takes arguments: {command}"
    return command[2]


def covers(dep: str, path: Path) -> bool:
    return path == Path(dep) or Path(dep) in path.parents


def is_code(dep: str) -> bool:
    return dep.split("/")[0] in PACKAGES and not dep.endswith(".sql")


def folders_of(paths: list[Path]) -> list[str]:
    """The deps that stand for these files."""
    whole = any(path.parts[:2] == ("features", "kernels") for path in paths)
    deps = {"features" if whole and path.parts[0] == "features" else "/".join(path.parts[:2]) for path in paths}
    return sorted(deps)


@pytest.fixture(scope="session")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)  # a cache goes by the files' times, and misses changes


def imported_files(stage: str, graph: grimp.ImportGraph) -> list[Path]:
    module = module_of(stage)
    files = []
    for name in sorted({module, *graph.find_upstream_modules(module)}):
        path = Path(name.replace(".", "/"))
        path = path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")
        if path.name != "__init__.py" or len((ROOT / path).read_text().splitlines()) > 1:
            files.append(path)
    return files


@pytest.fixture(scope="session", autouse=True)
def rewritten(graph: grimp.ImportGraph) -> None:
    if not os.environ.get("UPDATE_STAGES"):
        return
    text = FILE.read_text()
    for name, stage in STAGES.items():
        deps = [dep for dep in stage["deps"] if not is_code(dep)] + folders_of(imported_files(name, graph))
        lines = "".join(f'      - "{dep}"\n' if "$" in dep else f"      - {dep}\n" for dep in deps)
        pattern = rf"(\n  {name}:\n(?:    .*\n|      .*\n)*?    deps:\n)(?:      - .*\n)*"
        text, count = re.subn(pattern, lambda match, lines=lines: match.group(1) + lines, text)
        assert count == 1, name
        stage["deps"] = deps
    FILE.write_text(text)


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_are_those_the_stage_loads(stage: str) -> None:
    sections = importlib.import_module(module_of(stage)).SECTIONS
    assert sorted(STAGES[stage].get("params", [])) == sorted(sections)


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_the_folders_it_imports_from(stage: str, graph: grimp.ImportGraph) -> None:
    files = imported_files(stage, graph)
    deps = STAGES[stage]["deps"]
    missing = [str(path) for path in files if not any(covers(dep, path) for dep in deps)]
    assert not missing, f"stage {stage}: dvc.yaml lacks deps for {missing}; see this file's first lines"
    unused = [dep for dep in deps if is_code(dep) and not any(covers(dep, path) for path in files)]
    assert not unused, f"stage {stage}: dvc.yaml names {unused}, from which it imports nothing"
    assert [dep for dep in deps if is_code(dep)] == folders_of(files), f"stage {stage}: see this file's first lines"


def outputs_of(stage: str) -> dict[str, dict[str, bool]]:
    """From each output's path to its options."""
    listed = STAGES[stage].get("outs", [])
    return {path: flags for item in listed for path, flags in (item if isinstance(item, dict) else {item: {}}).items()}


@pytest.mark.parametrize("stage", STAGES)
def test_every_output_is_out_of_git(stage: str) -> None:
    for output in outputs_of(stage):
        assert output.startswith(("data/", "reports")), f"stage {stage}: {output} would be cached outside data/"


def test_no_stage_lets_dvc_keep_a_raw_export() -> None:
    """Raw files and the simulator's truth hold persons as they are, and DVC's cache keeps each version of what it is given.

    `cache: false` keeps an output out of the cache, `persist: true` out of the run cache, which `dvc commit` fills.
    """
    presets = [yaml.safe_load(file.read_text()) for file in (ROOT / "pipeline" / "presets").glob("*.yaml")]
    parameters = [yaml.safe_load((ROOT / "params.yaml").read_text()), *presets]
    raw = {
        Path("data/raw"),
        Path("data/truth"),
        *(Path(given.get("ingest", {}).get("raw_dir", "data/raw")) for given in parameters),
    }
    written = {
        (stage, output, flags.get("cache", True), flags.get("persist", False))
        for stage in STAGES
        for output, flags in outputs_of(stage).items()
        if any(
            Path(output) == folder or folder in Path(output).parents or Path(output) in folder.parents for folder in raw
        )
    }
    assert written == {("simulate", "data/raw", False, True), ("simulate", "data/truth", False, True)}

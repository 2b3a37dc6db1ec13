"""What is installed by which command: the lock files agree with one another and with `pyproject.toml`."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from features.errors import ParameterError

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
LOCKS = {
    "": ROOT / "requirements.lock",
    **{group: ROOT / f"requirements-{group}.lock" for group in GROUPS},
    "deploy": ROOT / "deploy" / "requirements.lock",
}


def pins(path: Path) -> dict[str, dict[str, frozenset[str]]]:
    """Hashes by version by package."""
    text = re.sub(r" \\\n\s+--hash", " --hash", path.read_text(encoding="utf-8"))
    found: dict[str, dict[str, frozenset[str]]] = {}
    for line in text.splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.split(" --hash")[0])
            version = str(requirement.specifier).removeprefix("==")
            found.setdefault(requirement.name, {})[version] = frozenset(re.findall(r"--hash=(\S+)", line))
    return found


@pytest.fixture(scope="module")
def locked() -> dict[str, dict[str, dict[str, frozenset[str]]]]:
    return {name: pins(path) for name, path in LOCKS.items()}


def make(*arguments: str) -> str:
    done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_lock_has_the_same_versions_and_hashes(locked) -> None:
    """Several versions of one package, for several Pythons, stand together in each."""
    seen: dict[str, tuple[str, object]] = {}
    for lock, packages in locked.items():
        for package, versions in packages.items():
            first, expected = seen.setdefault(package, (lock, versions))
            assert versions == expected, f"{package} in {LOCKS[lock].name} and in {LOCKS[first].name}"
            assert all(hashes for hashes in versions.values()), package


def test_each_lock_holds_what_pyproject_asks_for(locked) -> None:
    asked = {"": PROJECT["project"]["dependencies"], **GROUPS}
    for name, requirements in asked.items():
        for requirement in map(Requirement, requirements):
            versions = locked[name][canonicalize_name(requirement.name)]
            assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_running_needs_no_tools_for_tests_no_spark_and_no_clients(locked) -> None:
    foreign = {"pyspark", "pytest", "hypothesis", "mypy", "ruff", "hubspot-api-client", "simple-salesforce", "psycopg"}
    assert foreign & set(locked[""]) == set()
    assert foreign <= set().union(*(locked[group] for group in GROUPS))
    assert set(locked["spark"]) == {"pyspark", "py4j"}


def test_no_lock_names_an_index_or_a_folder_of_this_machine() -> None:
    for path in LOCKS.values():
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"^--|://|#\s+-c ", text, re.MULTILINE) == [], path.name


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("demo", set()),
        ("serve", set()),
        ("ui", set()),
        ("score", set()),
        ("check", {"dev", "spark", "crm"}),
        ("test", set(GROUPS)),
        ("env-all", set(GROUPS)),
        ("env-crm", {"crm"}),
    ],
)
def test_a_command_installs_what_it_needs(target: str, wanted: set[str], tmp_path: Path) -> None:
    told = make(target, f"VENV={tmp_path}/venv", "UV=", "PYTHON=python3")
    installed = re.findall(r"--require-hashes -r requirements(?:-(\w+))?\.lock \|", told)
    assert sorted(installed) == sorted({"", *wanted})


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    for name in ("", *(f"-{group}" for group in GROUPS)):
        (tmp_path / f".installed{name}").touch()
    assert "--require-hashes" not in make("test", f"VENV={tmp_path}", "UV=", "PYTHON=python3")


def test_the_size_of_the_simulated_company_reaches_the_command() -> None:
    assert "pipeline.demo  --leads 60000" in make("demo", "LEADS=60000")


def test_the_engine_spark_says_what_to_install(monkeypatch) -> None:
    for name in [name for name in sys.modules if name == "pipeline.spark" or name.startswith("pipeline.spark.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(ParameterError, match="make env-spark"):
        importlib.import_module("pipeline.spark.matrix")


@pytest.mark.parametrize(("crm", "client"), [("hubspot", "hubspot"), ("salesforce", "simple_salesforce")])
def test_the_commands_of_a_crm_say_what_to_install(crm: str, client: str, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, f"pipeline.crm.{crm}", raising=False)
    monkeypatch.setitem(sys.modules, client, None)
    with pytest.raises(ParameterError, match=f"--crm {crm}: .* is not installed.*make env-crm"):
        importlib.import_module(f"pipeline.crm.{crm}")


def test_a_store_without_its_driver_says_what_to_install(monkeypatch) -> None:
    from features.errors import LeadQualificationError
    from serving.store.connect import Store

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LeadQualificationError, match="make env-postgres"):
        Store("postgresql+psycopg://lead@127.0.0.1:1/leads")

"""The container recipe names what there is, and its commands run: registry and store on PostgreSQL, the service over both."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from models.bundle import Bundle, bundle_hash
from tests.serving.running import free_port

NAME = "lead-qualification"
BIN = Path(sys.executable).parent
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
SECRETS = {"POSTGRES_PASSWORD", "LEAD_PSEUDONYM_KEY", "LEAD_WEBHOOK_SECRET"}


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((root / "compose.yaml").read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def recipe(root: Path) -> str:
    return (root / "Containerfile").read_text(encoding="utf-8")


def example(root: Path) -> dict[str, str]:
    """Read the variables that an operator sets."""
    lines = (root / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def with_values(text: str, values: dict[str, str]) -> str:
    """Put values for variables, as compose does."""

    def value(found: re.Match[str]) -> str:
        name, kind, other = found.groups()
        if kind == "?" and not values.get(name):
            raise AssertionError(f"{name}: {other}")
        return values.get(name) or (other if kind == "-" else "")

    return VARIABLE.sub(value, text)


def test_every_variable_is_explained_and_no_secret_has_a_value(root: Path) -> None:
    known = example(root)
    used = {name for name, _, _ in VARIABLE.findall((root / "compose.yaml").read_text(encoding="utf-8"))}
    assert used == set(known)
    assert {name: known[name] for name in SECRETS} == dict.fromkeys(SECRETS, "")
    ignored = subprocess.run(["git", "check-ignore", "--quiet", ".env"], cwd=root, check=False)
    assert ignored.returncode in (0, 128)  # 128: not in a repository


def test_every_setting_is_one_that_the_product_or_mlflow_reads(
    root: Path, compose: dict[str, Any], recipe: str
) -> None:
    named = {name for one in compose["services"].values() for name in one.get("environment", {})}
    named |= set(re.findall(r"(?:ENV| )([A-Z_]+)=\S+ ?\\?\n", recipe))
    sources = [*(root / "serving").rglob("*.py"), *(root / "models").rglob("*.py")]
    product = "".join(path.read_text(encoding="utf-8") for path in sources)
    ours = {name for name in named if name.startswith("LEAD_")}
    assert len(ours) > 7
    assert [name for name in sorted(ours) if name not in product] == []
    from mlflow import environment_variables
    from mlflow.cli import cli

    options = cli.commands["server"].params
    by_variable = {option.envvar for option in options}

    theirs = {name for name in named if name.startswith("MLFLOW_")}
    assert len(theirs) >= 4
    assert [name for name in theirs if not hasattr(environment_variables, name) and name not in by_variable] == []
    for option in compose["services"]["mlflow"]["command"][2:]:
        assert any(option.split("=")[0] in one.opts for one in options)


def test_the_image_copies_what_there_is_and_the_context_holds_nothing_else(root: Path, recipe: str) -> None:
    copied = [line.split()[1] for line in recipe.splitlines() if line.startswith("COPY ") and "--from" not in line]
    assert [name for name in copied if not (root / name).exists()] == []
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = [rule.removeprefix("!").removesuffix("/**") for rule in rules if rule.startswith("!")]
    assert sorted(let_in) == sorted(copied)


def test_the_image_runs_the_service_as_nobody_special_and_looks_after_its_health(root: Path, recipe: str) -> None:
    command = json.loads(re.findall(r"^CMD (\[.*\])$", recipe, re.MULTILINE)[-1])
    assert command[:3] == ["python", "-m", "serving"]
    assert "python -m serving --host" in (root / "Makefile").read_text(encoding="utf-8")
    last_stage = recipe.split("\nFROM ")[-1]
    assert re.findall(r"^USER (\d+)", last_stage, re.MULTILINE)[-1] != "0"
    assert f"http://127.0.0.1:{command[-1]}/health" in last_stage
    assert not any(name in recipe for name in SECRETS)


def test_the_image_has_the_locked_packages_and_all_that_a_bento_has(root: Path) -> None:
    def pins(*paths: Path) -> dict[str, str]:
        text = "".join(path.read_text(encoding="utf-8") for path in paths).replace(" \\\n    --hash", " --hash")
        found = (re.match(r"([a-z0-9-]+)==(\S+)(.*)", line) for line in text.splitlines())
        return {f"{one[1]}=={one[2]}": " ".join(sorted(re.findall(r"--hash=\S+", one[3]))) for one in found if one}

    ours = pins(root / "deploy" / "requirements.lock")
    all_of_them = pins(root / "requirements.lock", root / "requirements-postgres.lock")
    assert len(ours) > 100
    assert {name: hashes for name, hashes in ours.items() if all_of_them.get(name) != hashes} == {}
    bento = yaml.safe_load((root / "bentofile.yaml").read_text(encoding="utf-8"))["python"]["packages"]
    assert {line.split(" ;")[0] for line in bento} <= set(ours)
    assert {name.split("==")[0] for name in ours} >= {"mlflow", "psycopg"}


def test_one_starts_after_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for one in services.values():
        for other, how in one.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in services[other]["healthcheck"]
            else:
                assert (how["condition"], services[other]["restart"]) == (
                    "service_completed_successfully",
                    "on-failure",
                )
    volumes = {volume.split(":")[0] for one in services.values() for volume in one.get("volumes", [])}
    assert {volume for volume in volumes if not volume.startswith("./")} == set(compose["volumes"])


class _Machine:
    """Runs the commands of `compose.yaml` here: on free ports, in a folder, over a PostgreSQL server of the tests."""

    def __init__(self, compose: dict[str, Any], root: Path, folder: Path, postgres: str) -> None:
        self.compose, self.root, self.folder = compose, root, folder
        server = sa.make_url(postgres)
        self.server = f"{server.host}:{server.port}"
        self.ports = {"mlflow:5000": free_port(), "0.0.0.0:3000": free_port()}
        self.values = {**example(root), "POSTGRES_PASSWORD": "not-asked-for"}

    def here(self, text: str) -> str:
        """Put addresses and folders of this machine for those of the containers."""
        text = with_values(text, self.values).replace("@postgres/", f"@{self.server}/")
        text = text.replace("http://mlflow:5000", f"http://127.0.0.1:{self.ports['mlflow:5000']}")
        return text.replace("/var/lib/lead", str(self.folder))

    def environment(self, service: str) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("LEAD_", "MLFLOW_", "PYTHONPATH"))
        }
        wanted = self.compose["services"][service]["environment"]
        recipe = {
            "BENTOML_HOME": "/var/lib/lead/bentoml",
            "LEAD_LAST_GOOD_DIR": "/var/lib/lead/last_champion",
            "LEAD_REQUIRE_KEYS": "always",  # as in the container, which listens beyond loopback
        }
        return kept | {name: self.here(value) for name, value in {**recipe, **wanted}.items()}

    def command(self, service: str, words: list[str], port: int) -> list[str]:
        """Give a command with this environment's programs, on a port of its own, on loopback."""
        words = [self.here(word) for word in words]
        words = [re.sub(r"^--port=\d+$", f"--port={port}", word) for word in words]
        words = ["--host=127.0.0.1" if word == "--host=0.0.0.0" else word for word in words]
        return [str(BIN / words[0]), *words[1:]]

    @contextmanager
    def running(self, name: str, command: list[str], address: str) -> Iterator[None]:
        """Run a program until the block ends, from when it answers on."""
        log = self.folder / f"{name}.txt"
        with log.open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment(name),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                for _ in range(6000):
                    if process.poll() is not None or _answers(address):
                        break
                    time.sleep(0.1)
                if not _answers(address):
                    pytest.fail(f"{name} does not answer:\n{log.read_text(encoding='utf-8')}")
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=600)
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _call(address: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _publish(address: str, bundle: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Track and register a bundle as training does, and make it champion; over HTTP, artifacts too."""
    from pipeline.mlflow_runs.registry import Registry
    from pipeline.mlflow_runs.store import open_store
    from pipeline.mlflow_runs.training import log_model

    bundle.save(folder / "bundle")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    mlflow, experiment = open_store(folder, NAME)
    with mlflow.start_run(experiment_id=experiment, description="of a test") as run:
        logged = log_model(mlflow, bundle, folder / "bundle")
    registry = Registry.open(folder, NAME)
    tracked = {
        "run_id": run.info.run_id,
        "model_uri": logged.model_uri,
        "bundle_sha256": bundle_hash(folder / "bundle"),
    }
    version = registry.register(tracked)
    registry.set_alias("champion", version)
    return version.version


def test_the_commands_of_the_recipe_give_a_working_system(
    root: Path,
    compose: dict[str, Any],
    recipe: str,
    bundle: Bundle,
    postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = _Machine(compose, root, tmp_path, postgres)
    engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        for statement in (root / "deploy" / "create-databases.sql").read_text(encoding="utf-8").split(";"):
            if "CREATE" in statement:
                connection.exec_driver_sql(statement)
    migrate = machine.command("migrate", compose["services"]["migrate"]["command"], 0)
    for _ in range(2):  # the second time there is nothing to do
        subprocess.run(migrate, cwd=root, env=machine.environment("migrate"), check=True, capture_output=True)

    make_key = [sys.executable, "-m", "serving.keys", "create", "--scope", "admin", "--name", "crm"]
    made = subprocess.run(
        make_key, cwd=root, env=machine.environment("service"), check=True, capture_output=True, text=True
    )
    key = {"Authorization": f"Bearer {made.stdout.split()[-1]}"}

    registry, service = (f"http://127.0.0.1:{port}" for port in machine.ports.values())
    ports = list(machine.ports.values())
    words = json.loads(re.findall(r"^CMD (\[.*\])$", recipe, re.MULTILINE)[-1])
    serve = [*words[:3], "--host", "127.0.0.1", "--port", str(ports[1])]
    mlflow_command = machine.command("mlflow", compose["services"]["mlflow"]["command"], ports[0])
    with machine.running("mlflow", mlflow_command, f"{registry}/health"):
        # By the name that the service calls it by inside compose, and by no other
        search = f"{registry}/api/2.0/mlflow/registered-models/search"
        assert _call(search, Host="mlflow:5000")[0] == 200
        assert _call(search, Host="elsewhere.example")[0] == 403
        version = _publish(registry, bundle, tmp_path, monkeypatch)
        assert [path.name for path in tmp_path.glob("artifacts/**/model.txt")] == ["model.txt"]
        with machine.running("service", machine.command("service", serve, ports[1]), f"{service}/ready"):
            status, ready = _call(f"{service}/ready")
            assert (status, ready["store"], ready["model"]["version"]) == (200, "up", version)
            told = {"touchpoints": [{"lead_id": "L-1", "kind": "webinar", "occurred_at": "2026-01-05T10:00:00Z"}]}
            assert _call(f"{service}/touchpoints", told)[0] == 401
            assert _call(f"{service}/touchpoints", told, **key)[0] == 200
            status, answer = _call(f"{service}/leads/L-1/score", **key)
            assert (status, answer["model"]["version"]) == (200, version)
            assert answer["lead"]["probability"] is not None
    kept = json.loads((tmp_path / "last_champion" / "provenance.json").read_text(encoding="utf-8"))
    assert kept == {"name": NAME, "version": version}

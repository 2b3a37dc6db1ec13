"""Which bundle is served, in which order, and what is said when there is none."""

import json
import shutil
from pathlib import Path

import pytest

from features.errors import BundleError
from serving.scoring import champion
from serving.scoring.registry import Champion


def find_champion(root: Path, download_to: Path, environ: dict[str, str]) -> Champion:
    """Find what would be served, whatever is in it."""
    return champion.find_champion(root, download_to, environ, check=lambda folder: None)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Return a folder that stands for the code's, outside any repository."""
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def _pack(folder: Path, **known: str) -> Path:
    packed = folder / "data" / "champion"
    packed.mkdir(parents=True)
    if known:
        (packed / "provenance.json").write_text(json.dumps(known), encoding="utf-8")
    return packed


def test_a_folder_named_by_hand_comes_first(code: Path, tmp_path: Path) -> None:
    _pack(code, name="packed", version="1")
    by_hand = tmp_path / "mine"
    by_hand.mkdir()
    found = find_champion(code, tmp_path / "down", {"LEAD_BUNDLE_DIR": str(by_hand)})
    assert (found.folder, found.name, found.version) == (by_hand, "lead-qualification", "unregistered")


def test_a_folder_that_is_not_there_is_an_error(code: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="LEAD_BUNDLE_DIR is '/no/such', which is not a folder"):
        find_champion(code, tmp_path, {"LEAD_BUNDLE_DIR": "/no/such"})


def test_without_a_registry_the_packed_bundle_is_served_under_its_registered_name(code: Path, tmp_path: Path) -> None:
    packed = _pack(code, name="lead-qualification", version="4")
    found = find_champion(code, tmp_path, {})
    assert (found.folder, found.name, found.version) == (packed, "lead-qualification", "4")


def test_a_bento_serves_what_it_carries(code: Path, tmp_path: Path) -> None:
    packed = _pack(code, name="lead-qualification", version="4")
    (code.parent / "bento.yaml").touch()
    assert find_champion(code, tmp_path, {"MLFLOW_TRACKING_URI": "sqlite:////no/such.db"}).folder == packed


def test_with_nothing_to_serve_the_message_says_what_to_do(code: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BundleError, match="no champion to serve: .*make demo.*python -m pipeline.publish.*LEAD_BUNDLE_DIR"
    ):
        find_champion(code, tmp_path, {})


def test_the_registrys_champion_is_copied(
    code: Path, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    for name in ("MLFLOW_DISABLE_TELEMETRY", "GIT_PYTHON_REFRESH", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.setenv(name, "0" if name.endswith("RETRIES") else "true" if "TELEMETRY" in name else "quiet")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    _pack(code, name="packed", version="1")
    logged = tmp_path / "logged"
    shutil.copytree(bundle_folder, logged / "artifacts" / "bundle", ignore=shutil.ignore_patterns("analyses"))
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    address = f"sqlite:///{tmp_path / 'store.db'}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        client = mlflow.MlflowClient()
        client.create_registered_model("lead-qualification")
        environ = {"MLFLOW_TRACKING_URI": address}
        assert find_champion(code, tmp_path / "a", environ).name == "packed"  # registered, but no champion yet
        experiment = client.create_experiment("x", artifact_location=(tmp_path / "artifacts").as_uri())
        run_id = client.create_run(experiment).info.run_id
        client.log_artifacts(run_id, str(bundle_folder / "analyses"), "analyses")
        client.create_model_version("lead-qualification", logged.as_uri(), run_id)
        client.set_registered_model_alias("lead-qualification", "champion", "1")
        found = find_champion(code, tmp_path / "b", environ)
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    assert (found.name, found.version) == ("lead-qualification", "1")
    assert found.folder.is_relative_to(tmp_path / "b")
    assert (found.folder / "model.txt").read_bytes() == (bundle_folder / "model.txt").read_bytes()
    name = "analyses/points_audit.json"  # out of the run, not out of the logged model
    assert (found.folder / name).read_bytes() == (bundle_folder / name).read_bytes()

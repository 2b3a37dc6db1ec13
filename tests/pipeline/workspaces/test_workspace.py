from pathlib import Path

import pytest

from features.errors import DataError, ParameterError
from pipeline.params import dump_yaml, load_params, read_yaml
from pipeline.workspaces.workspace import (
    CODE,
    FILES,
    KEPT,
    data_folder,
    make_workspace,
    overlay,
    presets,
    resized_workspace,
)

ROOT = Path(__file__).resolve().parents[3]


def test_overlay_merges_mappings_and_replaces_everything_else() -> None:
    base = {"points": {"interactions": {"a": 1}}, "split": {"mode": "grouped", "test_from": None}, "windows": [7]}
    changes = {"points": None, "split": {"mode": "time"}, "windows": [3, 14]}
    assert overlay(base, changes) == {"points": None, "split": {"mode": "time", "test_from": None}, "windows": [3, 14]}
    assert base["split"]["mode"] == "grouped"


def test_an_unknown_source_names_those_with_a_preset(root) -> None:
    with pytest.raises(ParameterError, match=r"'nowhere' has no preset\. Allowed: .*saas_logins"):
        make_workspace(root, "nowhere")


def test_absent_files_are_named_with_the_way_out(root, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LEAD_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match="saas_logins.*LEAD_DATA_DIR.*simulator"):
        make_workspace(root, "saas_logins")


def test_a_preset_without_raw_files_leaves_them_to_the_simulator(root, tmp_path, monkeypatch) -> None:
    for name in (*CODE, *FILES, *KEPT, "params.yaml", ".dvc"):
        (tmp_path / name).symlink_to(root / name)
    monkeypatch.setenv("LEAD_DATA_DIR", str(tmp_path / "nowhere"))
    workspace = make_workspace(tmp_path, "simulated_upsell")
    made, base = read_yaml(workspace / "params.yaml"), read_yaml(root / "params.yaml")
    assert made["ingest"] == base["ingest"]
    assert made["snapshots"]["risk_set"] == "customers"
    assert not (workspace / "published.yaml").exists()


@pytest.mark.parametrize("name", presets(ROOT))
def test_every_preset_keeps_to_what_parameters_allow(name, tmp_path) -> None:
    params = overlay(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "pipeline" / "presets" / f"{name}.yaml"))
    params.pop("published", None)
    (tmp_path / "params.yaml").write_text(dump_yaml(params))
    load_params(tuple(params), tmp_path / "params.yaml")


def test_the_data_folder_follows_the_environment(root, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LEAD_DATA_DIR", str(tmp_path))
    assert data_folder(root) == tmp_path
    monkeypatch.delenv("LEAD_DATA_DIR")
    assert data_folder(root).name == "data"


def _repository(root: Path, folder: Path, changes: dict) -> Path:
    for name in (*CODE, *FILES, *KEPT, ".dvc"):
        (folder / name).symlink_to(root / name)
    (folder / "params.yaml").write_text(dump_yaml(overlay(read_yaml(root / "params.yaml"), changes)))
    return folder


def test_another_size_of_the_company_is_a_workspace_and_leaves_params_alone(root, tmp_path) -> None:
    repository = _repository(root, tmp_path, {"simulator": {"leads": 20_000}, "capacity": {"leads_per_week": 6}})
    before = (repository / "params.yaml").read_bytes()
    workspace = resized_workspace(repository, 60_000)
    assert workspace == repository / "runs" / "simulated_60000"
    assert (repository / "params.yaml").read_bytes() == before
    made, base = read_yaml(workspace / "params.yaml"), read_yaml(repository / "params.yaml")
    assert (made["simulator"].pop("leads"), base["simulator"].pop("leads")) == (60_000, 20_000)
    assert (made["capacity"].pop("leads_per_week"), base["capacity"].pop("leads_per_week")) == (18, 6)
    assert made["publish"].pop("model_name") == base["publish"].pop("model_name") + "-simulated-60000"
    assert made == base


def test_the_size_of_params_yaml_is_the_repository_itself(root, tmp_path) -> None:
    repository = _repository(root, tmp_path, {"simulator": {"leads": 500}})
    assert resized_workspace(repository, 500) == repository
    assert not (repository / "runs").exists()


def test_a_share_of_capacity_needs_no_scaling(root, tmp_path) -> None:
    repository = _repository(root, tmp_path, {"capacity": {"share": 0.1, "leads_per_week": None}})
    made = read_yaml(resized_workspace(repository, 500) / "params.yaml")
    assert made["capacity"] == {"share": 0.1, "leads_per_week": None}


def test_only_the_simulated_company_has_a_size_and_not_every_size(root, tmp_path) -> None:
    with pytest.raises(ParameterError, match=r"simulator\.leads: .*\(got 5\)"):
        resized_workspace(_repository(root, tmp_path, {}), 5)
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(ParameterError, match=r"reads the source 'csv_files'.*leave --leads out"):
        resized_workspace(_repository(root, own, {"ingest": {"source": "csv_files"}}), 500)


def test_what_a_person_confirmed_in_a_workspace_stays(root, tmp_path) -> None:
    for name in (*CODE, *FILES, *KEPT, "params.yaml", ".dvc"):
        (tmp_path / name).symlink_to(root / name)
    workspace = make_workspace(tmp_path, "simulated_upsell")
    confirmed = workspace / "purposes" / "simulated.yaml"
    confirmed.write_text(confirmed.read_text().replace("state: draft", "state: confirmed"))
    (workspace / "purposes" / "of_mine.yaml").write_text("purposes: {}")
    (workspace / "persona_names.yaml").write_text("names:\n- {name: Mine, traits: {}}\n")
    make_workspace(tmp_path, "simulated_upsell")
    assert "state: draft" not in confirmed.read_text()
    assert (workspace / "purposes" / "of_mine.yaml").exists()
    assert "Mine" in (workspace / "persona_names.yaml").read_text()
    assert (workspace / "purposes" / "olist.yaml").exists()

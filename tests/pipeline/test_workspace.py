import pytest

from features.errors import DataError, ParameterError
from pipeline.workspace import data_folder, make_workspace, overlay


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


def test_the_data_folder_follows_the_environment(root, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LEAD_DATA_DIR", str(tmp_path))
    assert data_folder(root) == tmp_path
    monkeypatch.delenv("LEAD_DATA_DIR")
    assert data_folder(root).name == "data"

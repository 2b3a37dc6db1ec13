import sys
from pathlib import Path

import pytest

from features.errors import DataError, ParameterError
from models.data_protection.suppression import suppression_list
from pipeline import privacy
from pipeline.matrix.labelled_rows import refuse_objectors
from pipeline.params import load_params


@pytest.fixture
def run(tmp_path, monkeypatch, root: Path):
    """Give a way to run the command in a workspace with keys."""
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    (tmp_path / "params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["privacy", *words])
        privacy.main()

    command("keys")
    return command


def obeyed() -> int:
    return load_params(("privacy",)).privacy.suppression_entries


def test_an_objection_changes_a_parameter_of_ingest_and_a_repeated_one_nothing(run) -> None:
    run("object", "L-17", "L-18")
    assert obeyed() == 2
    assert suppression_list(Path.cwd()).suppressed(["L-16", "L-17", "L-18"]) == {"L-17", "L-18"}
    text = Path("params.yaml").read_text()
    run("object", "--at", "2026-01-01T00:00:00Z", "L-17")
    assert Path("params.yaml").read_text() == text
    run("object", "--withdraw", "L-17")
    assert obeyed() == 3
    assert suppression_list(Path.cwd()).cause("L-17") is None


def test_nobody_is_trained_on_who_objected_since_ingest(run) -> None:
    refuse_objectors(["L-17"], suppression_list(Path.cwd()))
    run("object", "L-17")
    with pytest.raises(DataError, match="1 lead"):
        refuse_objectors(["L-16", "L-17"], suppression_list(Path.cwd()))


def test_what_was_noted_elsewhere_is_obeyed_without_a_lead(run, root) -> None:
    run("object", "L-17")
    Path("params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    run("object")
    assert obeyed() == 1


@pytest.mark.parametrize("words", [["--withdraw"], ["L-1", "--at", "2199-01-01T00:00:00Z"]])
def test_what_says_nothing_is_refused(run, words) -> None:
    with pytest.raises(ParameterError):
        run("object", *words)

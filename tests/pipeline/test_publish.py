"""The command `publish`: its exit codes, what it says, and that each option reaches the gate."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.errors import DataError
from pipeline import publish
from pipeline.console import REFUSED
from pipeline.mlflow_runs.promotion import Promotion
from pipeline.mlflow_runs.registry import Version


def test_the_command_ends_with_the_gates_exit_code(
    workspace: Path, make_bundle: Any, lay_out: Any, monkeypatch: pytest.MonkeyPatch, root: Path, capsys: Any
) -> None:
    lay_out(make_bundle(1))
    text = (root / "params.yaml").read_text(encoding="utf-8")
    (workspace / "params.yaml").write_text(text.replace("min_positives: 50", "min_positives: 9999"), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["publish"])
    with pytest.raises(SystemExit) as stopped:
        publish.main()
    assert stopped.value.code == REFUSED == 3
    assert "The champion is unchanged: there is still none." in capsys.readouterr().out
    (workspace / "params.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["publish", "--export", "elsewhere"])
    publish.main()
    assert (workspace / "elsewhere" / "provenance.json").exists()
    assert "@champion is version 1; its bundle is in elsewhere." in capsys.readouterr().out
    publish.main()
    assert "version 1 is the champion already; nothing to decide." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--again", (True, False, False)),
        ("--without-champion", (False, True, False)),
        ("--accept-types", (False, False, True)),
    ],
)
def test_each_option_reaches_the_gate(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, root: Path, option: str, expected: tuple[bool, ...]
) -> None:
    (workspace / "params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    asked: list[Any] = []

    def answer(folder: Path, params: Any, target: Path, *options: bool) -> Promotion:
        asked.append((target, options))
        return Promotion("already", "1", "1")

    monkeypatch.setattr(publish, "publish", answer)
    monkeypatch.setattr("sys.argv", ["publish", option])
    publish.main()
    assert asked == [(Path("data/champion"), expected)]


def test_nobody_rolls_back_to_a_model_that_should_have_forgotten_somebody(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path
) -> None:
    (workspace / "params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    certificate = {
        "receipt": "ers_1",
        "models": [{"bundle_sha256": "ab" * 32}],
        "retrain_by": "2026-01-01T00:00:00+00:00",
    }
    (tmp_path / "privacy" / "erasures").mkdir(parents=True)
    (tmp_path / "privacy" / "erasures" / "ers_1.json").write_text(json.dumps(certificate), encoding="utf-8")
    previous = Version("1", "run", "source", {"bundle_sha256": "ab" * 32})
    registry = SimpleNamespace(alias={"previous_champion": previous}.get)
    monkeypatch.setattr(publish.Registry, "open", lambda *_: registry)
    back: list[Version] = []
    monkeypatch.setattr(publish, "rollback", lambda *_: (previous, back.append(previous) or previous))
    monkeypatch.setattr("sys.argv", ["publish", "--rollback"])
    with pytest.raises(DataError, match="learned from 1 lead.*receipts ers_1"):
        publish.main()
    assert back == []
    previous.tags["bundle_sha256"] = "cd" * 32
    publish.main()
    assert back == [previous]


def test_what_was_rolled_back_and_what_could_not_be_compared_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    publish.show(Promotion("rolled_back", "2", "1"), "leads", Path("champion"))
    assert "version 2 was champion and was rolled back, so it stays out." in capsys.readouterr().out
    publish.show(Promotion("kept", "3", "2", unreadable=True, label_days=30), "leads", Path("champion"))
    said = capsys.readouterr().out
    assert "This code can't read the champion, version 2: judged by the baselines alone." in said
    assert "The champion was trained for a label of 30 days;" in said
    assert "The champion is unchanged: still version 2." in said

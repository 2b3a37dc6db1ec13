"""What is not pushed to a CRM: what nobody confirmed where a person must, and leads that objected."""

import datetime as dt
from pathlib import Path

import pytest

from features.errors import CrmError
from models.answers.confirmation import HUMAN_CONFIRMATION
from models.audit_log.settings import audit_log
from models.audit_log.verification import read_entries
from models.data_protection.key_ring import keys_file
from models.data_protection.suppression import Entry, remember
from pipeline.crm.write import Update
from pipeline.data_protection.keys import make_keys
from pipeline.push_crm import _confirmation, _without_suppressed


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep keys and log apart, and demand confirmation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.setenv(HUMAN_CONFIRMATION, "required")
    return tmp_path


def test_a_push_without_a_name_is_refused_and_a_dry_run_is_not() -> None:
    with pytest.raises(CrmError, match="--confirmed-by NAME"):
        _confirmation(None, dry_run=False)
    _confirmation(None, dry_run=True)(["L-1"])


def test_a_confirmation_that_nobody_could_find_again_is_refused() -> None:
    with pytest.raises(CrmError, match="pipeline.privacy keys"):
        _confirmation("Ana", dry_run=False)


def test_who_confirmed_stands_in_the_audit_log(folder: Path) -> None:
    make_keys(keys_file(folder), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    _confirmation("Ana Roe", dry_run=False)(["L-1", "L-2"])
    log = audit_log(folder)
    assert log is not None
    (entry,) = read_entries(log, "L-2")
    assert (entry["action"], entry["actor"]) == ("decided", f"person:{log.key.pseudonym('Ana Roe')}")
    assert b"Ana" not in b"".join(path.read_bytes() for path in log.folder.iterdir())


def test_without_the_switch_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HUMAN_CONFIRMATION)
    _confirmation(None, dry_run=False)(["L-1"])


def test_whoever_objected_since_the_scores_were_made_is_not_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    make_keys(keys_file(folder), at)
    remember(folder, [Entry("L-1", "objection", at)])
    wanted = [Update("L-1", {"tier": "A"}), Update("L-2", {"tier": "B"})]
    assert [update.lead_id for update in _without_suppressed(wanted)] == ["L-2"]
    assert "1 lead(s) objected" in capsys.readouterr().out

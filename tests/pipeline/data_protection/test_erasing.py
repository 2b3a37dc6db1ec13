"""A lead is erased from every file of a workspace and from DVC's cache; interrupted anywhere, the next run finishes."""

import datetime as dt
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from features.errors import DataError
from models.data_protection.suppression import count_entries, suppression_list
from models.monitoring.score_log import pseudonym
from pipeline.data_protection import erasing
from pipeline.data_protection.erasing import erase
from pipeline.data_protection.keys import make_keys
from pipeline.data_protection.places import places_of
from pipeline.data_protection.trained_models import certificates, refuse_forgotten
from pipeline.params import PrivacyParams, load_params

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LOG_KEY = "a key of the score log"
PARAMS = SimpleNamespace(
    paths=SimpleNamespace(data_dir=Path("data")),
    privacy=PrivacyParams(),
    ingest=SimpleNamespace(source="simulated"),
    publish=SimpleNamespace(model_name="leads"),
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Make a workspace with files of every kind, under DVC."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=folder, check=True)
    leads = ["L-0016", "L-0017", "L-0017-old", "L-0018"]
    data = folder / "data"
    for name in ("canonical", "quarantine", "features", "raw", "score_log/2026-01-01", "bundle"):
        (data / name).mkdir(parents=True)
    pd.DataFrame({"lead_id": [leads[0], leads[1], leads[3]], "role": "x"}).to_parquet(data / "canonical/leads.parquet")
    pd.DataFrame({"lead_id": [leads[2]], "merged_into": [leads[1]]}).to_parquet(data / "canonical/merged_leads.parquet")
    identities = {"visitor_id": ["V-17", "V-shared", "V-shared"], "lead_id": [leads[1], leads[1], leads[3]]}
    pd.DataFrame(identities).to_parquet(data / "canonical/identities.parquet")
    pd.DataFrame({"lead_id": leads, "f": 1.0}).to_parquet(data / "features/matrix.parquet")
    rows = [json.dumps({"lead_id": one, "occurred_at": "no moment at all", "note": "bad"}) for one in leads]
    pd.DataFrame({"reason": "bad", "row": rows}).to_parquet(data / "quarantine/leads.parquet")
    slices = ["train", "train", "test", "test"]
    pd.DataFrame({"lead_id": leads, "slice": slices}).to_parquet(data / "predictions.parquet")
    (data / "bundle/model.txt").write_text("tree")
    (data / "raw/leads.csv").write_text("lead_id,name\n" + "".join(f"{one},n\n" for one in leads))
    (data / "raw/web.csv").write_text("visitor_id,page\nV-17,a\nV-shared,b\nV-18,c\n")
    (data / "scores.csv").write_text("lead_id,probability\n" + "".join(f"{one},0.5\n" for one in leads))
    pd.DataFrame({"Lead": leads}).to_excel(data / "scores.xlsx", engine="xlsxwriter")
    keyed = [pseudonym(LOG_KEY, one) for one in leads]
    pd.DataFrame({"lead_id": keyed, "probability": 0.5}).to_parquet(data / "score_log/2026-01-01/scores-1.parquet")
    with closing(sqlite3.connect(data / "crm.db")) as connection, connection:
        connection.execute("CREATE TABLE acknowledged (lead_id TEXT, fields TEXT)")
        connection.executemany("INSERT INTO acknowledged VALUES (?, '{}')", [(one,) for one in leads])
    subprocess.run(
        [sys.executable, "-m", "dvc", "add", "-q", "data/canonical", "data/scores.csv"], cwd=folder, check=True
    )
    return folder


@pytest.fixture
def place(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of it, with keys and without MLflow."""
    folder = tmp_path / "workspace"
    shutil.copytree(filled, folder)
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.setenv("LEAD_PSEUDONYM_KEY", LOG_KEY)
    for name in ("LEAD_PRIVACY_KEYS", "LEAD_STORE_URL", "LEAD_SCORE_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # elsewhere, and so named as not reached
    make_keys(tmp_path / "privacy" / "keys.json", NOW)
    monkeypatch.chdir(folder)
    return folder


def erased(place: Path) -> dict[str, Any]:
    return erase("L-0017", place, places_of(place), PARAMS, NOW)


def holding(folder: Path, *texts: str) -> list[str]:
    """List the files that hold a text, read as what they are."""
    found = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        content = path.read_bytes()
        readable = pd.read_parquet(path).to_csv() if content.startswith(b"PAR1") else content.decode("utf-8", "replace")
        if any(text in readable for text in texts):
            found.append(path.name)
    return found


TRACES = ("L-0017", "V-17", pseudonym(LOG_KEY, "L-0017"), pseudonym(LOG_KEY, "L-0017-old"))


def test_nothing_is_left_and_everybody_else_is(place: Path) -> None:
    assert len(holding(place, *TRACES)) > 10
    certificate = erased(place)
    assert certificate["search"]["found"] == []
    assert holding(place, *TRACES) == []
    assert holding(place.parent / "privacy", *TRACES) == []
    for other in ("L-0016", "L-0018", "V-shared", "V-18", pseudonym(LOG_KEY, "L-0018")):
        assert holding(place / "data", other), other
    assert suppression_list(place).erased(["L-0016", "L-0017", "L-0017-old", "L-0018"]) == {"L-0017", "L-0017-old"}
    assert certificate["dvc_cache"]["objects"] == 4
    assert any("mlflow" in words.lower() for words in certificate["beyond"])
    assert json.loads((certificates(place) / f"{certificate['receipt']}.json").read_text()) == certificate
    assert count_entries(place) == 2  # both leads
    assert load_params(("privacy",), place / "params.yaml").privacy.suppression_entries == 2


def test_models_that_learned_from_the_person_are_named_and_later_refused(place: Path) -> None:
    (model,) = erased(place)["models"]
    assert model["certain"]
    late = NOW + dt.timedelta(days=30)
    refuse_forgotten(place, model["bundle_sha256"], late - dt.timedelta(seconds=1))
    refuse_forgotten(place, "another", late)
    with pytest.raises(DataError, match="learned from 1 lead"):
        refuse_forgotten(place, model["bundle_sha256"], late)


def test_a_lead_of_the_test_slice_is_in_no_model(place: Path) -> None:
    assert erase("L-0018", place, places_of(place), PARAMS, NOW)["models"] == []


STEPS = ("find_person", "remember", "obey_list", "_erase_from_store", "_clean_caches", "_search", "certificates")


@pytest.mark.parametrize("step", [*STEPS, *range(1, 12, 2)])
def test_interrupted_anywhere_it_is_finished_by_the_next_run(place: Path, monkeypatch, step: str | int) -> None:
    calls = 0
    real = erasing.take_out

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def die_later(path: Path, person: Any) -> str:
        nonlocal calls
        calls += 1
        if calls == step:
            path.with_name(path.name + ".erasing").write_text("L-0017")  # what a kill leaves
            raise KeyboardInterrupt
        return real(path, person)

    with monkeypatch.context() as patch:
        if isinstance(step, str):
            patch.setattr(erasing, step, die)
        else:
            patch.setattr(erasing, "take_out", die_later)
        with pytest.raises(KeyboardInterrupt):
            erased(place)
    certificate = erased(place)
    assert certificate["search"]["found"] == []
    assert holding(place, *TRACES) == []
    assert holding(place.parent / "privacy", *TRACES) == []
    assert len(certificate["models"]) == 1


CHANGES = ("os.rename", "os.remove", "shutil.rmtree")
"""What Python's audit hooks call the ways in which files are replaced and removed."""


def killed_after(changes: int, place: Path) -> bool:
    """Erase in a process of its own, and kill that before its change of a file with this number; tell whether it was."""
    child = os.fork()
    if child == 0:
        left = changes

        def watch(event: str, _: object) -> None:
            nonlocal left
            if event in CHANGES:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(watch)
            erased(place)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_again_and_again_it_is_finished_by_the_last_run(place: Path) -> None:
    """Each run is killed one change later than the one before, by a signal that nothing can catch."""
    changes = 0
    while killed_after(changes, place):
        changes += 1
        assert changes < 40, "a run that is killed gets no further"
    assert changes >= 6
    assert erased(place)["search"]["found"] == []
    assert holding(place, *TRACES) == []
    assert holding(place.parent / "privacy", *TRACES) == []
    assert suppression_list(place).erased(["L-0017", "L-0017-old"]) == {"L-0017", "L-0017-old"}


def test_what_can_t_be_written_is_named(place: Path, monkeypatch) -> None:
    real = erasing.take_out

    def refuse(path: Path, person: Any) -> str:
        if path.parent.name == "raw":
            raise PermissionError
        return real(path, person)

    monkeypatch.setattr(erasing, "take_out", refuse)
    left = [Path(item["path"]).name for item in erased(place)["search"]["found"]]
    assert left == ["leads.csv", "web.csv"]
    monkeypatch.undo()

"""The audit log as the real service writes it: who asked for whose score, looked at whom, decided, took a file along."""

import contextlib
import datetime as dt
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.audit_log.log import AuditLog
from models.audit_log.settings import audit_log
from models.audit_log.verification import read_entries, verify
from models.bundle import Bundle
from models.data_protection.key_ring import PURPOSES, KeyRing, changing_keys, new_key
from models.monitoring.score_log_reader import log_tables
from models.monitoring.score_replay import replay
from tests.serving.app.pages import Browser, open_lead_events
from tests.serving.keyed import Keyed, Keys
from tests.serving.planted import LEAD, files_of, found_in, send_planted
from tests.serving.running import Client

Serve = Callable[..., contextlib.AbstractContextManager[Client]]


@pytest.fixture(scope="module")
def written(
    serve_store: Serve,
    root: Path,
    leads: list[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[AuditLog, Keyed, str]:
    """Let a service answer programs and a person, and stop it; return its log, its keys and the person's key's id."""
    folder = tmp_path_factory.mktemp("audited")
    keys = Keys(folder / "api_keys.json", root)
    made = [keys.create("--scope", scope, name=scope) for scope in ("score", "write", "admin")]
    with changing_keys(folder / "privacy/keys.json") as rings:
        rings |= {purpose: KeyRing(purpose, (new_key(dt.datetime.now(dt.UTC)),)) for purpose in PURPOSES}
    settings = {
        "LEAD_API_KEYS": str(keys.file),
        "LEAD_REQUIRE_KEYS": "always",
        "LEAD_PRIVACY_DIR": str(folder / "privacy"),
        "LEAD_AUDIT_HEAD": str(folder / "elsewhere"),
        "LEAD_SCORE_LOG": str(folder / "scores"),
        "LEAD_HUMAN_CONFIRMATION": "required",
        "LEAD_WEBHOOK_URL": "http://127.0.0.1:9/nobody",  # what is sent stays in the outbox
        "LEAD_WEBHOOK_SECRET": "whsec_YSBzZWNyZXQgb2Ygbm9ib2R5IGJ1dCB0ZXN0cw==",
    }
    (folder / "store").mkdir()
    with serve_store(f"sqlite:///{folder / 'store' / 'store.db'}", **settings) as client:
        keyed = Keyed(client, keys, *made)
        for kind, events in open_lead_events(("L-1", "L-2")).items():
            assert keyed.ask(f"/{kind}", {kind: events}, keyed.write)[0] == 200
        for _ in range(3):
            status, _, answer = keyed.ask("/score", {"leads": leads[:20]}, keyed.score)
            assert status == 200
        decided = [lead["decision"] for lead in json.loads(answer)["leads"] if lead["decision"] is not None]
        assert decided
        assert {decision["confirmation"] for decision in decided} == {"required"}
        assert keyed.ask("/leads/L-2/score", None, keyed.score)[0] == 200
        assert keyed.ask("/score", {"leads": leads[:1]}, "lq_" + "0" * 12 + "_" + "a" * 43)[0] == 401
        browser = Browser(client.address)
        browser.log_in(keyed.admin)
        browser.ask("/app/leads/L-1")
        form = {"token": browser.token("/app/leads/L-1"), "lead_id": "L-1", "do": "sal", "to": "/app"}
        assert browser.ask("/app/decide", form)[0] == 303
        assert "People and the advice" in browser.ask("/app/model")[2]
        assert browser.ask("/app/export?show=all&format=csv")[0] == 200
        answers = "".join(send_planted(keyed, browser)) + browser.ask("/app/export?show=all&format=csv")[2]
        (folder / "answers.txt").write_text(answers, encoding="utf-8")
        (folder / "service.txt").write_bytes(client.log.read_bytes())
        wait_for_outbox(folder / "store" / "store.db")
        for file in (folder / "store").iterdir():  # with its write-ahead log, which goes when the service ends
            shutil.copy2(file, folder / f"served_{file.name}")
    environ = {"LEAD_AUDIT_HEAD": settings["LEAD_AUDIT_HEAD"], "LEAD_AUDIT_LOG": str(folder / "privacy/audit_log")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAD_PRIVACY_DIR", settings["LEAD_PRIVACY_DIR"])
        log = audit_log(root, environ)
    assert log is not None
    return log, keyed, made[2].split("_")[1]


def wait_for_outbox(file: Path) -> None:
    """Wait until the planted lead's webhook is there."""
    for _ in range(600):
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            if LEAD in "".join(str(row) for row in connection.execute("SELECT * FROM outbox")):
                return
        time.sleep(0.1)
    pytest.fail("no webhook waits in the outbox")


def test_no_direct_identifier_of_a_request_is_kept_anywhere(written: tuple[AuditLog, Keyed, str]) -> None:
    """Not in answers, store, write-ahead log, outbox, score log, service log, audit log; pseudonyms are there."""
    folder = written[0].folder.parents[1]
    held = {path.relative_to(folder): content for path, content in files_of(folder)}
    assert {name: found for name, content in held.items() if (found := found_in(content))} == {}
    assert {name.parts[0] for name in held} >= {
        "scores",
        "privacy",
        "answers.txt",
        "service.txt",
        "served_store.db-wal",
    }
    store = b"".join(content for name, content in held.items() if name.name.startswith("served_"))
    for kind in (b"[mail:", b"[phone:", b"[ip:"):
        assert kind in store


def test_the_log_is_whole_though_several_processes_wrote_it(written: tuple[AuditLog, Keyed, str]) -> None:
    log, *_ = written
    found = verify(log)
    assert found.findings == ()
    assert found.entries > 5


def test_it_says_who_did_what_to_whom(written: tuple[AuditLog, Keyed, str], leads: list[dict[str, Any]]) -> None:
    log, keyed, admin = written
    of_program = keyed.score.split("_")[1]
    asked = list(read_entries(log, leads[7]["lead_id"]))
    assert {(entry["actor"], entry["action"]) for entry in asked} == {(f"key:{of_program}", "scored")}
    assert sum(entry["details"]["requests"] for entry in asked) >= 3
    of_person = {(entry["actor"], entry["action"]) for entry in read_entries(log, "L-1")}
    assert {(f"key:{admin}", action) for action in ("viewed", "decided", "exported")} <= of_person
    assert (f"key:{of_program}", "scored") in {(e["actor"], e["action"]) for e in read_entries(log, "L-2")}


def test_it_holds_no_id_and_no_name(written: tuple[AuditLog, Keyed, str], leads: list[dict[str, Any]]) -> None:
    log, *_ = written
    text = b"".join(path.read_bytes() for path in log.folder.iterdir())
    assert b'"L-1"' not in text
    assert leads[7]["lead_id"].encode() + b'"' not in text


def test_every_score_that_was_served_can_be_computed_again(
    written: tuple[AuditLog, Keyed, str], bundle_folder: Path
) -> None:
    log, *_ = written
    bundle = Bundle.load(bundle_folder)
    tables = [table for _, table in log_tables(log.folder.parents[1] / "scores")]
    assert [difference for table in tables for difference in replay(bundle, table)] == []
    rows = [row for table in tables for row in table.to_pylist()]
    assert {row["bundle_sha256"] for row in rows} == {bundle.sha256}
    assert {row["origin"] for row in rows} == {"service", "page", "webhook"}
    of_store = [row for row in rows if row["touchpoint_ids"] and row["lead_id"] != LEAD]
    assert {(row["lead_id"], len(row["touchpoint_ids"])) for row in of_store} == {("L-1", 10), ("L-2", 10)}

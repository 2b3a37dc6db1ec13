"""The audit log: what is written is read back, and whatever is changed, cut off or taken away is found."""

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import DataError
from models.audit_log.entries import MOST_LEADS, AuditKey
from models.audit_log.head import FILE, read_head, write_head
from models.audit_log.log import AuditLog, chain_files
from models.audit_log.verification import read_entries, verify
from models.audit_log.writer import AuditLogWriter

KEY = AuditKey("k1", b"the first key of the log")
DAY = 86_400_000_000
NOW = 20_000 * DAY


def make(tmp_path: Path, **settings: int) -> AuditLog:
    return AuditLog(tmp_path / "entries", tmp_path / "elsewhere", (KEY,), **settings)


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """Return a log of a handful of entries, in two files."""
    log = make(tmp_path, file_bytes=1_000)
    for number in range(9):
        log.say("scored", [f"L-{number}", "L-all"], "key:crm", NOW + number, model_version="7")
    return log


def codes(log: AuditLog, noted: tuple[int, str] | None = None) -> list[str]:
    return [finding.code for finding in verify(log, noted).findings]


def test_what_is_written_is_read_back_as_pseudonyms(log: AuditLog) -> None:
    entries = list(read_entries(log))
    assert [entry["number"] for entry in entries] == list(range(1, 11))
    assert entries[0]["action"] == "began"
    assert entries[1]["details"] == {"model_version": "7"}
    assert [entry["at"] for entry in read_entries(log, "L-3")] == ["2024-10-04T00:00:00.000003Z"]
    assert len(list(read_entries(log, "L-all"))) == 9
    assert len(chain_files(log.folder)) > 1
    held = b"".join(path.read_bytes() for path in log.folder.iterdir())
    assert b"L-3" not in held
    assert KEY.pseudonym("L-3").encode() in held
    assert verify(log).findings == ()
    assert verify(log).entries == 10


def test_a_rewritten_entry_is_found(log: AuditLog) -> None:
    for path in chain_files(log.folder):
        before = path.read_bytes()
        path.write_bytes(before.replace(b"key:crm", b"key:xyz", 1))
        assert codes(log) == ["entry_altered"]
        path.write_bytes(before)
    assert codes(log) == []


def test_entries_with_macs_of_another_key_are_found(log: AuditLog, tmp_path: Path) -> None:
    forged = AuditLog(tmp_path / "forged", tmp_path / "forged_head", (AuditKey("k1", b"a key that was guessed"),))
    forged.say("scored", ["L-1"], "key:crm", NOW)
    chain = json.loads((log.head_folder / FILE).read_text())["chains"][0]["name"]
    text = chain_files(forged.folder)[0].read_bytes()
    first = chain_files(log.folder, chain)[0]
    for path in chain_files(log.folder)[1:]:
        path.unlink()
    first.write_bytes(text)
    assert codes(log) == ["entry_altered"]
    shutil.copy(forged.head_folder / FILE, log.head_folder / FILE)
    assert codes(log) == ["head_altered"]


def test_a_log_that_was_cut_short_is_found_at_every_line(log: AuditLog) -> None:
    *_, last = chain_files(log.folder)
    lines = last.read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        last.write_bytes(b"".join(lines[:kept]))
        assert codes(log) == ["entries_missing"]
    last.write_bytes(b"".join(lines)[:-10])
    assert codes(log) == ["entry_altered"], "half a line"


def test_a_removed_entry_or_file_is_found(log: AuditLog) -> None:
    first, *_ = chain_files(log.folder)
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:1] + lines[2:]))
    assert codes(log) == ["entry_altered"]
    first.unlink()
    assert codes(log) == ["file_missing"]


def test_a_removed_head_and_a_removed_log_are_found(log: AuditLog) -> None:
    (log.head_folder / FILE).rename(log.head_folder / "kept")
    assert codes(log) == ["head_missing"]
    (log.head_folder / "kept").rename(log.head_folder / FILE)
    shutil.rmtree(log.folder)
    assert codes(log) == ["entries_missing"]


def test_damage_stays_visible_after_more_was_written(log: AuditLog) -> None:
    *_, last = chain_files(log.folder)
    last.write_bytes(last.read_bytes()[:-20])
    log.say("viewed", ["L-1"], "key:crm", NOW + 20)
    found = verify(log)
    assert {"entry_altered", "broken_off"} <= {finding.code for finding in found.findings}
    began = [entry for entry in read_entries(log) if entry["action"] == "began"]
    assert began[-1]["details"]["why"] == "entries_missing"

    (log.head_folder / FILE).unlink()
    log.say("viewed", ["L-1"], "key:crm", NOW + 30)
    assert "unknown_chain" in codes(log)


def test_an_older_state_of_log_and_head_is_found_by_what_was_noted(log: AuditLog, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "entries", tmp_path / "old/entries")
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "old/elsewhere")
    log.say("erased", ["L-1"], "key:admin", NOW + 50)
    noted = verify(log)
    assert codes(log, (noted.count, noted.mac[:12])) == []
    old = replace(log, folder=tmp_path / "old/entries", head_folder=tmp_path / "old/elsewhere")
    assert codes(old) == [], "by itself it is a whole log"
    assert codes(old, (noted.count, noted.mac[:12])) == ["another_log"]


def test_what_a_process_wrote_before_it_ended_is_kept_and_half_a_line_is_not(log: AuditLog) -> None:
    before = read_head(log.head_folder, log.keys)
    assert before is not None
    log.say("decided", ["L-5"], "key:sales", NOW + 60)
    write_head(log.head_folder, before, KEY)  # as if it had ended before the head was written
    with (log.folder / before.chains[-1].file).open("ab") as file:
        file.write(b'{"number":12,"at":"20')
    assert codes(log) == []
    log.say("viewed", ["L-6"], "key:sales", NOW + 61)
    actions = [entry["action"] for entry in read_entries(log)][-2:]
    assert (actions, codes(log)) == (["decided", "viewed"], [])


def test_old_files_go_and_the_log_says_so(tmp_path: Path) -> None:
    log = make(tmp_path, file_bytes=1_000, days=30)
    for day in range(100):
        log.say("scored", ["L-1"], "key:crm", NOW + day * DAY)
    kept = list(read_entries(log))
    assert kept[0]["at"] > "2024-11"
    assert kept[0]["number"] > 50
    assert "trimmed" in {entry["action"] for entry in kept}
    assert codes(log) == []
    chain_files(log.folder)[0].unlink()
    assert codes(log) == ["file_missing"], "what was removed by anybody else is still found"

    small = make(tmp_path / "small", file_bytes=1_000, most_bytes=5_000)
    for number in range(200):
        small.say("scored", ["L-1"], "key:crm", NOW + number)
    assert sum(path.stat().st_size for path in chain_files(small.folder)) < 7_000
    assert codes(small) == []


def test_a_new_key_begins_a_new_chain_and_the_old_one_still_verifies(log: AuditLog) -> None:
    rotated = replace(log, keys=(AuditKey("k2", b"the second key of the log"), KEY))
    rotated.say("viewed", ["L-all"], "key:crm", NOW + 70)
    assert codes(rotated) == []
    assert len(list(read_entries(rotated, "L-all"))) == 10
    without = replace(log, keys=rotated.keys[:1])
    assert codes(without) == ["no_key"]


def _append(folder: Path, worker: int) -> None:
    log = make(folder)
    for number in range(20):
        log.say("scored", [f"L-{worker}-{number}"], f"key:{worker}", NOW)


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append, args=(tmp_path, worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = verify(make(tmp_path))
    assert (found.entries, found.findings, found.count) == (61, (), 61)


def test_the_writer_gathers_what_is_alike_and_waits_for_a_disk(tmp_path: Path) -> None:
    log = make(tmp_path)
    log.folder.parent.mkdir(exist_ok=True)
    log.folder.touch()  # a file where the folder should be: nothing can be written
    writer = AuditLogWriter(log, seconds=3600, most_leads=MOST_LEADS + 100)
    for number in range(50):
        writer.add(NOW, "key:crm", "scored", [f"L-{number}"], model_version="7")
    writer.add(NOW, "person:ana@example.com", "decided", ["L-1"])
    writer.add(NOW, "key:crm", "scored", [f"M-{number}" for number in range(MOST_LEADS + 1)], model_version="8")
    with pytest.raises(DataError, match="can't be written"):
        writer.flush()
    assert writer.lost == 1, "more than may wait"
    log.folder.unlink()
    writer.close()
    entries = list(read_entries(log))
    assert [entry["action"] for entry in entries] == ["began", "scored", "decided", "lost"]
    assert (len(entries[1]["leads"]), entries[1]["details"]["requests"]) == (50, 50)
    assert entries[2]["actor"] == f"person:{KEY.pseudonym('ana@example.com')}"
    assert entries[3]["details"] == {"actions": 1}
    assert not any(b"example.com" in path.read_bytes() for path in log.folder.iterdir())


def test_an_entry_of_many_leads_is_several(tmp_path: Path) -> None:
    log = make(tmp_path)
    log.say("exported", [f"L-{number}" for number in range(MOST_LEADS + 1)], "key:crm", NOW)
    assert [len(entry.get("leads", [])) for entry in read_entries(log)] == [0, MOST_LEADS, 1]

"""The score log: what goes in comes out, nothing waits for it, and it never grows without bound."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError, ParameterError
from models.answers.scoring import Score
from models.answers.warnings import InputWarning
from models.monitoring import score_log_writer
from models.monitoring.score_log import LogSettings, Model, Record, in_sample, log_table, pseudonym, write_log_file
from models.monitoring.score_log_reader import read_log
from models.monitoring.score_log_writer import ScoreLogWriter

MODEL = Model("lead-qualification", "7", "ab" * 32)
DAY = 86_400_000_000
WIDTH = 5


def score(number: int, **changes: object) -> Score:
    fields = {
        "lead_id": f"L-{number}",
        "snapshot_at": number * 1000,
        "probability": number / 100,
        "low": 0.0,
        "high": 1.0,
        "tier": "A",
        "warnings": (InputWarning("unknown_kind", "words with a value", "touchpoints[0].kind"),) if number % 2 else (),
        "vector": np.array([number, np.nan, 0.1, -1e30, 3], dtype=np.float32),
    }
    return Score(**(fields | changes))


def test_what_was_handed_over_is_read_back(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path), MODEL)
    given = [score(n) for n in range(20)]
    writer.add(DAY, given[:12])
    writer.add(2 * DAY, given[12:])
    writer.add(2 * DAY, [score(99, probability=None, low=None, high=None, tier=None, not_scored="disqualified")])
    writer.close()
    log = read_log(tmp_path, MODEL, WIDTH)
    assert (writer.written, writer.dropped) == (21, 0)
    assert log.rows["lead_id"].tolist() == [*(f"L-{n}" for n in range(20)), "L-99"]
    np.testing.assert_array_equal(log.matrix, np.stack([item.vector for item in [*given, score(99)]]))
    assert log.rows["probability"].isna().tolist() == [False] * 20 + [True]
    assert log.rows["probability"].iloc[7] == np.float32(0.07)
    assert log.rows["not_scored"].iloc[-1] == "disqualified"
    assert [list(codes) for codes in log.rows["warnings"][:2]] == [[], ["unknown_kind"]]
    assert set(log.rows["origin"]) == {"service"}
    text = b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert b"words with a value" not in text, "codes of warnings alone: a value may be anything"


def test_files_are_written_without_being_asked_once_there_is_enough(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path, seconds=3600), MODEL, rows_per_file=10)
    for n in range(40):
        writer.add(DAY, [score(n)])
    for _ in range(1000):
        if list(tmp_path.rglob("*.parquet")):
            break
        threading.Event().wait(0.01)
    else:
        pytest.fail("no file without closing")
    writer.close()
    assert len(read_log(tmp_path, MODEL, WIDTH).rows) == 40


def test_files_are_written_after_the_time_that_was_set(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path, seconds=0.01), MODEL)
    writer.add(DAY, [score(1)])
    for _ in range(1000):
        if list(tmp_path.rglob("*.parquet")):
            break
        threading.Event().wait(0.01)
    else:
        pytest.fail("no file after its time")
    writer.close()


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.LogCaptureFixture]:
    """Hear the writer's own logger: bentoml's tell the root nothing, and other tests' libraries silence existing ones."""
    logger = logging.getLogger(score_log_writer._log.name)
    monkeypatch.setattr(logger, "disabled", False)
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_a_slow_disk_neither_blocks_nor_fills_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: pytest.LogCaptureFixture
) -> None:
    disk, at_work = threading.Event(), threading.Event()

    def slow(*arguments: object) -> Path:
        at_work.set()
        assert disk.wait(300)
        return write_log_file(*arguments)

    monkeypatch.setattr(score_log_writer, "write_log_file", slow)
    writer = ScoreLogWriter(LogSettings(tmp_path), MODEL, most_rows=50, rows_per_file=10)
    writer.add(DAY, [score(n) for n in range(10)])
    assert at_work.wait(300)
    for n in range(10, 200):
        writer.add(DAY, [score(n)])
    assert writer.dropped == 140, "fifty may wait beside what is being written"
    disk.set()
    with warned.at_level(logging.WARNING, score_log_writer._log.name):
        writer.close()
    assert writer.written == 60
    assert "140 dropped so far" in warned.text
    writer.add(DAY, [score(1)])
    assert writer.dropped == 141, "after closing nothing is taken any more"


def test_a_folder_that_cannot_be_written_costs_rows_but_no_answer(
    tmp_path: Path, warned: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file, where the log's folder should be")
    writer = ScoreLogWriter(LogSettings(tmp_path / "taken"), MODEL)
    with warned.at_level(logging.WARNING, score_log_writer._log.name):
        writer.add(DAY, [score(1), score(2)])
        writer.close()
    assert (writer.written, writer.dropped) == (0, 2)
    assert "2 rows lost" in warned.text


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(table: pa.Table, path: Path, **options: object) -> None:
        path.write_bytes(b"PAR1 and then the disk was full")
        raise OSError("no space left")

    record = Record(DAY, "L", 0, 0.5, 0.4, 0.6, "A", None, (), np.zeros(WIDTH, np.float32))
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(OSError, match="no space left"):
            write_log_file(tmp_path, "w", 0, log_table([record], MODEL, "batch", LogSettings(tmp_path)))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_writers_never_meet_and_files_lie_by_day(tmp_path: Path) -> None:
    for at in (0, DAY, DAY):
        writer = ScoreLogWriter(LogSettings(tmp_path), MODEL)
        writer.add(at, [score(1)])
        writer.close()
    assert sorted(path.parent.name for path in tmp_path.rglob("*.parquet")) == ["1970-01-01"] + ["1970-01-02"] * 2


def test_ids_become_pseudonyms_where_there_is_a_key(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path, key="secret"), MODEL)
    writer.add(DAY, [score(3), score(4)])
    writer.close()
    rows = read_log(tmp_path, MODEL, WIDTH).rows
    assert rows["lead_id"].tolist() == [pseudonym("secret", "L-3"), pseudonym("secret", "L-4")]
    assert rows["keyed"].all()


def test_a_sampled_lead_is_in_the_log_with_all_its_scores(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path, share=0.5), MODEL)
    for at in (DAY, 2 * DAY):
        writer.add(at, [score(n) for n in range(200)])
    writer.close()
    counts = read_log(tmp_path, MODEL, WIDTH).rows["lead_id"].value_counts()
    assert set(counts) == {2}
    assert set(counts.index) == {f"L-{n}" for n in range(200) if in_sample(f"L-{n}", 0.5)}


def test_where_no_lead_is_in_the_sample_nothing_is_written_and_nothing_lost(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path, share=1e-9), MODEL)
    writer.add(DAY, [score(1)])
    writer.close()
    assert (writer.written, writer.dropped) == (0, 0)
    assert not list(tmp_path.iterdir())


def test_rows_of_other_models_are_counted_not_mixed_in(tmp_path: Path) -> None:
    for version, count in (("7", 3), ("8", 5)):
        writer = ScoreLogWriter(LogSettings(tmp_path), Model(MODEL.name, version, MODEL.fingerprint))
        writer.add(DAY, [score(n) for n in range(count)])
        writer.close()
    log = read_log(tmp_path, MODEL, WIDTH)
    assert len(log.rows) == 3
    assert log.others == {"lead-qualification 8": 5}


def test_a_log_without_rows_of_the_model_is_empty(tmp_path: Path) -> None:
    writer = ScoreLogWriter(LogSettings(tmp_path), MODEL)
    writer.add(DAY, [score(1)])
    writer.close()
    log = read_log(tmp_path, Model("another", "1", "cd"), WIDTH)
    assert log.rows.empty
    assert log.matrix.shape == (0, WIDTH)


def test_what_is_no_log_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no score log here"):
        read_log(tmp_path, MODEL, WIDTH)
    damaged = tmp_path / "2026-01-01" / "scores-x-000000.parquet"
    damaged.parent.mkdir()
    damaged.write_bytes(b"not Parquet")
    with pytest.raises(DataError, match=r"scores-x-000000\.parquet: not readable as Parquet"):
        read_log(tmp_path, MODEL, WIDTH)
    pq.write_table(pa.table({"lead_id": ["L"]}), damaged)
    with pytest.raises(DataError, match=r"column\(s\) scored_at, .* missing; it is no file of a score log"):
        read_log(tmp_path, MODEL, WIDTH)


@pytest.mark.parametrize(
    ("name", "value"),
    [("LEAD_SCORE_LOG_SHARE", "1.5"), ("LEAD_SCORE_LOG_SHARE", "all"), ("LEAD_SCORE_LOG_SECONDS", "0")],
)
def test_a_wrong_setting_is_said(name: str, value: str) -> None:
    with pytest.raises(ParameterError, match=rf"{name} is '{value}'; a number .* is expected"):
        LogSettings.from_environment({"LEAD_SCORE_LOG": "log", name: value})


def test_settings_come_from_the_environment() -> None:
    found = LogSettings.from_environment(
        {"LEAD_SCORE_LOG": "/log", "LEAD_SCORE_LOG_SHARE": "0.1", "LEAD_PSEUDONYM_KEY": "k"}
    )
    assert found == LogSettings(Path("/log"), 0.1, 300.0, "k")


def test_a_lead_that_was_erased_while_its_row_waited_does_not_come_back(tmp_path: Path) -> None:
    erased: set[str] = set()
    writer = ScoreLogWriter(LogSettings(tmp_path, seconds=3600), MODEL)
    writer.is_erased = erased.__contains__
    writer.add(DAY, [score(1), score(2)])
    erased.add("L-1")
    writer.close()
    assert read_log(tmp_path, MODEL, WIDTH).rows["lead_id"].tolist() == ["L-2"]

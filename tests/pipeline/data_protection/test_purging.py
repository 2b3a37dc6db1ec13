import datetime as dt

import pytest

from pipeline.data_protection.purging import purge_score_log

TODAY = dt.date(2026, 3, 1)


def test_days_of_the_score_log_past_their_retention_go_and_nothing_else(tmp_path) -> None:
    names = ["2026-03-01", "2026-02-20", "2026-02-19", "2025-01-01", "notes", "2026-02-01.txt"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "scores.parquet").write_text("x")
    assert purge_score_log(tmp_path, 10, TODAY) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*names} - {"2026-02-19", "2025-01-01"})
    assert purge_score_log(tmp_path, 10, TODAY) == 0


def test_no_log_is_no_error(tmp_path) -> None:
    assert purge_score_log(tmp_path / "none", 10, TODAY) == 0
    with pytest.raises(TypeError):
        purge_score_log(tmp_path, 10)  # type: ignore[call-arg]  # today is always said

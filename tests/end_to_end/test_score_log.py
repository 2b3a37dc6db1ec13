"""The real service writes a score log, and the monitor's reader finds the same numbers in it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.bundle import Bundle
from models.monitoring.score_log import Model, pseudonym
from models.monitoring.score_log_reader import ScoreLog, read_log

KEY = "a key of the test"


@pytest.fixture(scope="module")
def logged(
    root: Path, bundle: Bundle, bundle_folder: Path, leads: Any, serving_at: Any, tmp_path_factory: Any
) -> tuple[list[dict[str, Any]], ScoreLog]:
    """Score leads over two workers, stop the service, read what it left behind."""
    folder = tmp_path_factory.mktemp("logging")
    environment = {
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_WORKERS": "2",
        "LEAD_SCORE_LOG": str(folder / "log"),
        "LEAD_PSEUDONYM_KEY": KEY,
        "BENTOML_HOME": str(folder / "bentoml"),
    }
    answers = []
    with serving_at("serving.service:LeadQualification", root, folder / "log.txt", environment) as client:
        for begin in range(0, len(leads), 10):
            answers += client.scores(leads[begin : begin + 10], debug=begin == 0, reasons=0)
        assert client.post({"leads": [{"lead_id": ""}]})[0] == 422
    model = Model("lead-qualification", "7", bundle.catalog.fingerprint)
    return answers, read_log(folder / "log", model, len(bundle.catalog))


def test_every_answer_is_in_the_log_and_nothing_else(logged: tuple[list[dict[str, Any]], ScoreLog]) -> None:
    answers, log = logged
    assert sorted(log.rows["lead_id"]) == sorted(pseudonym(KEY, answer["lead_id"]) for answer in answers)
    assert not log.others
    assert log.rows["keyed"].all()
    assert set(log.rows["origin"]) == {"service"}


def test_the_log_holds_the_numbers_that_were_answered(
    bundle: Bundle, logged: tuple[list[dict[str, Any]], ScoreLog]
) -> None:
    answers, log = logged
    row_of = {lead_id: row for row, lead_id in enumerate(log.rows["lead_id"])}
    for answer in answers:
        row = row_of[pseudonym(KEY, answer["lead_id"])]
        found = log.rows.iloc[row]
        assert found["probability"] == np.float32(answer["probability"])
        assert [found["low"], found["high"]] == [np.float32(end) for end in answer["interval"]]
        assert found["tier"] == answer["tier"]
        assert found["snapshot_at"].isoformat().replace("+00:00", "Z") == answer["snapshot_at"]
        assert sorted(found["warnings"]) == sorted(warning["code"] for warning in answer["warnings"])
    shown = [answer for answer in answers if "features" in answer]
    assert len(shown) == 10, "features are logged for all, and answered only to those who asked"
    for answer in shown:
        row = row_of[pseudonym(KEY, answer["lead_id"])]
        told = [answer["features"][name] for name in bundle.catalog.names]
        expected = np.array([np.nan if value is None else value for value in told], dtype=np.float32)
        np.testing.assert_array_equal(log.matrix[row], expected)

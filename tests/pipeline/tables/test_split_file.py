"""What the stage `split` decided is read from its file, and only from there."""

import json
from pathlib import Path

import pytest

from features.errors import DataError
from models.params import SplitParams
from pipeline.tables.split_file import read_split


def test_settings_are_read_as_they_were_decided(tmp_path: Path) -> None:
    decided = SplitParams(early_stopping_share=0.1, calibration_share=0.1, cross_fit_folds=3, cross_fit_by="account")
    (tmp_path / "split.json").write_text(json.dumps({"settings": decided.model_dump(mode="json")}), encoding="utf-8")
    assert read_split(tmp_path) == decided


@pytest.mark.parametrize("content", [None, "{}", '{"settings": {"mode": "other"}}'])
def test_without_them_the_stage_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "split.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="Run `dvc repro split`"):
        read_split(tmp_path)

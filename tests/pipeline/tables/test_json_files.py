from pathlib import Path

import pytest

from features.errors import DataError
from pipeline.tables.json_files import read_json, write_json


def test_what_a_stage_wrote_is_read_again_and_a_missing_file_names_the_stage(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics" / "split.json", {"rows": 3, "share": 0.12345678, "none": float("nan")})
    assert read_json(tmp_path / "metrics" / "split.json", "split") == {"rows": 3, "share": 0.123457, "none": None}
    with pytest.raises(DataError, match=r"evaluate\.json: no such file\. Run `dvc repro evaluate`"):
        read_json(tmp_path / "evaluate.json", "evaluate")

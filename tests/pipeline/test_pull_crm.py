"""What `--since` may say."""

from pathlib import Path

import pytest

from features.errors import ParameterError
from pipeline.crm.raw_files import LAYOUT
from pipeline.pull_crm import since_moment
from pipeline.tables.json_files import write_json


def test_a_moment_is_read_as_utc(tmp_path: Path) -> None:
    assert since_moment("2026-01-31T00:00:00+01:00", tmp_path / "none.json", 60) == "2026-01-30T23:00:00+00:00"
    assert since_moment(None, tmp_path / "none.json", 60) is None


def test_last_is_the_begin_of_the_last_pull_less_the_overlap(tmp_path: Path) -> None:
    state = tmp_path / "hubspot.json"
    assert since_moment("last", state, 60) is None  # the first pull takes all
    write_json(state, {"began_at": "2026-01-31T02:15:00+00:00", "layout": LAYOUT})
    assert since_moment("last", state, 60) == "2026-01-31T01:15:00+00:00"


def test_files_of_an_earlier_version_can_t_be_brought_up_to_date(tmp_path: Path) -> None:
    state = tmp_path / "hubspot.json"
    write_json(state, {"began_at": "2026-01-31T02:15:00+00:00"})
    with pytest.raises(ParameterError, match="without --since"):
        since_moment("last", state, 60)


def test_accounts_of_another_key_can_t_be_brought_up_to_date(tmp_path: Path) -> None:
    """A company would be two accounts, and the raw files would go on holding what a leaked key made."""
    state = tmp_path / "salesforce.json"
    assert since_moment("last", state, 60, "new") is None
    for former in ({"accounts_key": "old"}, {}):
        write_json(state, {"began_at": "2026-01-31T02:15:00+00:00", "layout": LAYOUT, **former})
        with pytest.raises(ParameterError, match="Pull everything once, without --since"):
            since_moment("last", state, 60, "new")
    write_json(state, {"began_at": "2026-01-31T02:15:00+00:00", "layout": LAYOUT, "accounts_key": "new"})
    assert since_moment("last", state, 60, "new") == "2026-01-31T01:15:00+00:00"


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31T00:00:00"])
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ParameterError, match="write|add an offset"):
        since_moment(text, tmp_path / "none.json", 60)

"""Analyses: one schema each, JSON of figures and codes, pages in every language that escape what the company wrote."""

from pathlib import Path

import pytest

from models.analyses import ANALYSES, AnalysisError, read_all
from models.analyses.analysis import LARGEST
from models.analyses.figures import Absence, Absent
from models.presentation.catalogues import LANGUAGES
from tests.analyses_examples import EXPORTED, examples

NAMES = tuple(ANALYSES)


def _written(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    path.write_text(ANALYSES[name].to_json(examples()[name]), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    _written(tmp_path, name)
    assert ANALYSES[name].read(tmp_path) == examples()[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_shows_it_and_escapes_names(name: str, language: str) -> None:
    page = ANALYSES[name].body(examples()[name], language)
    assert "<section>" in page
    assert "<b>pricing</b>" not in page
    assert "None" not in page
    assert "<script" not in page
    assert "style=" not in page  # the pages under /app allow no inline style


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"version": 1', '"version": 2', "version"),
        ('"source": "test"', '"source": "test", "more": 1', "more"),
        ('"exported_at": "', '"exported_at": "x', "exported_at"),
    ],
)
def test_what_the_schema_does_not_know_is_refused_by_name(old: str, new: str, told: str, tmp_path: Path) -> None:
    path = _written(tmp_path, "points_audit")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(AnalysisError, match=rf"points_audit\.json: 1 value.*{told}.*publish again"):
        ANALYSES["points_audit"].read(tmp_path)


def test_missing_and_too_large_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="can't be read"):
        ANALYSES["points_audit"].read(tmp_path)
    (tmp_path / "points_audit.json").write_bytes(b" " * (LARGEST + 1))
    with pytest.raises(AnalysisError, match="larger than"):
        ANALYSES["points_audit"].read(tmp_path)


def test_only_what_can_be_shown_is_listed(tmp_path: Path) -> None:
    assert read_all(tmp_path, ANALYSES.values()) == ({}, [])
    path = _written(tmp_path, "points_audit")
    contents, problems = read_all(tmp_path, ANALYSES.values())
    assert (list(contents), problems) == (["points_audit"], [])
    path.write_text("{}", encoding="utf-8")
    contents, problems = read_all(tmp_path, ANALYSES.values())
    assert contents == {}
    assert "points_audit.json" in problems[0]


@pytest.mark.parametrize("reason", Absence.__args__)
def test_an_analysis_that_could_not_be_made_says_why_and_is_not_listed(reason: str, tmp_path: Path) -> None:
    analysis = ANALYSES["points_audit"]
    absent = Absent(source="test", exported_at=EXPORTED, absent=reason)
    (tmp_path / "points_audit.json").write_text(analysis.to_json(absent), encoding="utf-8")
    assert analysis.read(tmp_path) == absent
    assert read_all(tmp_path, ANALYSES.values()) == ({}, [])
    assert 'class="box' in analysis.body(absent, "de")

"""A bundle is the same bytes every time, and a damaged one is refused with words."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.errors import BundleError
from models.answers.requests import LeadRequest
from models.answers.scoring import probabilities, score_requests
from models.bundle import FILES, Bundle


@pytest.fixture
def folder(small_bundle: Bundle, tmp_path: Path) -> Path:
    small_bundle.save(tmp_path / "bundle")
    return tmp_path / "bundle"


def _edit(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change a JSON file and make its checksum fit, as someone who knows the format would."""
    content = change(json.loads((folder / name).read_text(encoding="utf-8")))
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    sums = json.loads((folder / "checksums.json").read_text(encoding="utf-8"))
    sums[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "checksums.json").write_text(json.dumps(sums), encoding="utf-8")


def test_a_loaded_bundle_scores_as_the_one_that_was_saved(
    small_bundle: Bundle, folder: Path, rows: tuple[np.ndarray, np.ndarray], parsed: list[LeadRequest]
) -> None:
    loaded = Bundle.load(folder)
    for one, two in zip(probabilities(small_bundle, rows[0]), probabilities(loaded, rows[0]), strict=True):
        assert one.tobytes() == two.tobytes()
    assert score_requests(loaded, parsed) == score_requests(small_bundle, parsed)
    assert loaded.catalog == small_bundle.catalog
    assert loaded.cutoffs == small_bundle.cutoffs
    assert loaded.metadata.items() >= small_bundle.metadata.items()
    assert loaded.label_days == 60


def test_the_same_bundle_is_the_same_bytes_wherever_and_whenever_it_is_written(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "again"
    Bundle.load(folder).save(other)
    assert sorted(path.name for path in other.iterdir()) == sorted([*FILES, "timing.json", "checksums.json"])
    for path in other.iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
        assert str(tmp_path) not in path.read_text(encoding="utf-8")
    metadata = (folder / "metadata.json").read_text(encoding="utf-8")
    assert not re.search(r"\d\d:\d\d", metadata), "a moment of writing would make every bundle another one"


def test_saving_over_an_older_bundle_replaces_it(small_bundle: Bundle, folder: Path) -> None:
    newer = replace(small_bundle, metadata={**small_bundle.metadata, "source": "another"})
    newer.save(folder)
    assert Bundle.load(folder).metadata["source"] == "another"


def test_files_hold_text_only(folder: Path) -> None:
    for path in folder.iterdir():
        assert path.suffix in {".txt", ".json"}
        assert "\0" not in path.read_text(encoding="utf-8")


def test_provenance_beside_the_bundle_is_no_part_of_it(folder: Path) -> None:
    (folder / "provenance.json").write_text("{}", encoding="utf-8")
    Bundle.load(folder)


@pytest.mark.parametrize("name", [*FILES, "timing.json", "checksums.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: it can't be read .*incomplete.*dvc repro train"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", [*FILES, "timing.json"])
def test_an_altered_file_is_named(folder: Path, name: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(BundleError, match=rf"{name}: it does not match its checksum"):
        Bundle.load(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", "\0", '{"model.txt": 3}'])
def test_checksums_that_are_none_are_refused(folder: Path, content: str) -> None:
    (folder / "checksums.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError):
        Bundle.load(folder)


def test_a_bundle_of_the_format_before_is_read_without_timing(small_bundle: Bundle, folder: Path) -> None:
    _edit(folder, "metadata.json", lambda content: {**content, "format": 3})
    (folder / "timing.json").unlink()
    older = Bundle.load(folder)
    assert older.timing is None
    assert older.metadata["source"] == small_bundle.metadata["source"]


@pytest.mark.parametrize("found", [1, 2, 5, None, "3"])
def test_another_format_is_refused(folder: Path, found: Any) -> None:
    _edit(folder, "metadata.json", lambda content: {**content, "format": found})
    (folder / "ladder.json").unlink()  # which older formats did not have: what is missing is not what is said
    with pytest.raises(BundleError, match=r"this version reads formats 3 and 4. Make it anew: `dvc repro train`"):
        Bundle.load(folder)


def test_a_catalog_that_means_something_else_is_refused(folder: Path) -> None:
    def wider(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "windows_days": [7, 29]}

    _edit(folder, "catalog.json", wider)
    with pytest.raises(BundleError, match="fingerprint"):
        Bundle.load(folder)


def test_a_catalog_of_another_model_is_refused(folder: Path) -> None:
    _edit(folder, "metadata.json", lambda content: {**content, "fingerprint": "ab" * 32})
    with pytest.raises(BundleError, match="the model was trained on abababababab"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("tiers.json", {"A": 0.5, "B": 0.3}, "A, B and C"),
        ("tiers.json", {"A": 0.5, "B": 0.3, "C": 7}, "A, B and C"),
        ("tiers.json", {"A": 0.5, "B": 0.3, "C": "x"}, "A, B and C"),
        ("tiers.json", [], "not a JSON object"),
        ("metadata.json", [], "not a JSON object"),
        ("calibration.json", {}, "calibration.json cannot be read"),
        ("catalog.json", {}, "catalog: not readable"),
    ],
)
def test_contents_that_make_no_sense_are_refused_even_with_fitting_checksums(
    folder: Path, name: str, content: Any, part: str
) -> None:
    _edit(folder, name, lambda _: content)
    with pytest.raises(BundleError, match=part):
        Bundle.load(folder)


def test_parts_that_do_not_belong_together_never_make_a_bundle(small_bundle: Bundle) -> None:
    fewer = replace(small_bundle.catalog, features=small_bundle.catalog.features[:-1])
    with pytest.raises(BundleError, match="the same in the same order"):
        replace(small_bundle, catalog=fewer)
    with pytest.raises(BundleError, match="label_days"):
        replace(small_bundle, metadata={"source": "x"})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x"])
def test_metadata_must_be_plain_json(small_bundle: Bundle, tmp_path: Path, value: Any) -> None:
    bundle = replace(small_bundle, metadata={**small_bundle.metadata, "extra": value})
    with pytest.raises(BundleError, match="plain JSON"):
        bundle.save(tmp_path / "bundle")


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"checksums.json: it can't be read \(No such file or directory\)"):
        Bundle.load(tmp_path / "nothing")

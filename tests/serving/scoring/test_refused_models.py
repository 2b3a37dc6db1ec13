"""The file of refused models: bounded, replaced as one, and no reason to stop where it is damaged or can't be written."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from serving.scoring.refused_models import MOST, RefusedModel, RefusedModels, reader


def _refusal(number: int) -> RefusedModel:
    return RefusedModel(
        f"{number:064x}",
        "leads",
        str(number),
        "loading ended the process by SIGSEGV",
        "2026-03-01T09:00:00+00:00",
        reader(),
    )


def test_it_keeps_the_newest_and_finds_by_hash_or_where_there_is_none_by_version(tmp_path: Path) -> None:
    refused = RefusedModels(tmp_path / "below" / "refused.json")
    for number in range(MOST + 5):
        refused.add(_refusal(number))
    refused.add(_refusal(MOST))  # again: moves to the end
    assert [item.version for item in refused.read()][-2:] == [str(MOST + 4), str(MOST)]
    assert len(refused.read()) == MOST
    assert refused.find("leads", "1", _refusal(1).sha256) is None
    assert refused.find("leads", "77", _refusal(50).sha256) == _refusal(50)
    assert refused.find("leads", "50", None) == _refusal(50)
    assert refused.find("others", "50", None) is None
    assert refused.find("leads", "50", "ab" * 32) is None
    assert [path.name for path in refused.path.parent.iterdir() if path.suffix != ".lock"] == ["refused.json"]


def test_what_another_service_could_not_read_is_checked_again(tmp_path: Path) -> None:
    refused = RefusedModels(tmp_path / "refused.json")
    refused.add(replace(_refusal(1), reader="format 1, lightgbm 4.5.0"))
    assert refused.find("leads", "1", _refusal(1).sha256) is None
    refused.add(_refusal(1))
    assert refused.find("leads", "1", _refusal(1).sha256) == _refusal(1)


def test_clearing_takes_a_version_the_beginning_of_a_hash_or_all(tmp_path: Path) -> None:
    refused = RefusedModels(tmp_path / "refused.json")
    made = [
        RefusedModel(start * 32, "leads", version, "why", "when", reader())
        for start, version in (("ab", "1"), ("cd", "2"), ("ef", "3"))
    ]
    for item in made:
        refused.add(item)
    assert refused.clear("ab") == []  # too short for a hash
    assert refused.clear("ababab") == made[:1]
    assert refused.clear("2") == made[1:2]
    assert refused.clear(None) == made[2:]
    assert refused.read() == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b'{"refused": 1}', b'{"refused": [{}]}', b"[" * 100_000, b" " * 2**21]
)
def test_a_damaged_file_is_told_once_and_counts_as_empty(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "refused.json"
    path.write_bytes(content)
    refused = RefusedModels(path)
    with caplog.at_level(logging.WARNING, logger="bentoml.lead_qualification.champion"):
        assert refused.read() == refused.read() == []
    assert len([line for line in caplog.messages if "no model counts as refused" in line]) == 1
    refused.add(_refusal(1))
    assert RefusedModels(path).read() == [_refusal(1)]


def test_what_cannot_be_written_is_remembered_until_the_end(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = RefusedModels(tmp_path / "file" / "refused.json")  # no folder can be there
    refused.add(_refusal(1))
    assert refused.find("leads", "1", None) == _refusal(1)

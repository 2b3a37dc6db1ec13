"""The commands of docs/scoring-api.md do what the page shows."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from models.answers.requests import problems


def _examples(root: Path) -> list[tuple[str, dict[str, Any]]]:
    page = (root / "docs" / "scoring-api.md").read_text(encoding="utf-8")
    found = re.findall(r"```sh\n(curl .*?)```\n+```json\n(.*?)```", page, re.DOTALL)
    return [(command, json.loads(answer)) for command, answer in found]


def _shape(value: Any) -> Any:
    """Reduce an answer to names and kinds of values; an empty list stands for any."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return "list"
    return "number" if isinstance(value, (int, float)) else "text or null"


def test_the_page_has_examples(root: Path) -> None:
    assert len(_examples(root)) == 3


@pytest.mark.parametrize("position", [0, 1, 2])
def test_each_command_gives_what_the_page_shows(service: Any, root: Path, position: int) -> None:
    command, shown = _examples(root)[position]
    words = shlex.split(command)
    address, body = words[2], words[words.index("-d") + 1]
    assert address == "http://127.0.0.1:3000/score"
    assert words[words.index("-H") + 1] == "Content-Type: application/json"
    status, answer = service.post(body.encode())
    if "error" in shown:
        assert answer == shown
    else:
        assert status == 200
        assert _shape(answer) == _shape(shown)
        assert _shape(answer["leads"][0]) == _shape(shown["leads"][0])
        assert len(answer["leads"][0]["reasons"]) == len(shown["leads"][0]["reasons"])


def test_the_page_lists_every_error_code(root: Path) -> None:
    page = (root / "docs" / "scoring-api.md").read_text(encoding="utf-8")
    folders = (root / "serving", root / "models" / "answers" / "requests")
    sources = "".join(path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py")))
    raised = set(re.findall(r'(?:RequestError\(\s*\d+,|_refuse\()\s*"([a-z_]+)"', sources))
    raised -= {"disconnected"}  # nobody reads it
    known = raised | set(problems.CODES.values()) | {problems.INVALID_VALUE}
    assert {"no_time_zone", "too_many", "unknown_lead", "store_busy"} <= known
    missing = sorted(code for code in known if f"`{code}`" not in page)
    assert missing == []

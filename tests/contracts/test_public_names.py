"""Libraries are used by their public names."""

import re
from pathlib import Path

import pytest

PRIVATE = re.compile(
    r"^\s*(?:from|import) +(_bentoml_sdk|_bentoml_impl|bentoml\._internal|uvicorn\.protocols)\b", re.MULTILINE
)
FOLDERS = ("bench", "features", "models", "pipeline", "serving", "tests")


def test_no_private_module_of_bentoml_or_uvicorn_is_imported(root: Path) -> None:
    sources = [path for folder in FOLDERS for path in (root / folder).rglob("*.py")]
    assert len(sources) > 200
    assert [str(path) for path in sources if PRIVATE.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "line", ["from _bentoml_sdk import Service", "import bentoml._internal.log", "    from uvicorn.protocols import x"]
)
def test_the_look_sees_one(line: str) -> None:
    assert PRIVATE.search(f"import os\n{line}\n")

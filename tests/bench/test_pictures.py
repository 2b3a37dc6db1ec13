"""The pictures of the documents are drawn of the tracked figures, the same each time, and each stands in a document."""

import json
from pathlib import Path

from bench.pictures import drawn


def test_pictures_are_drawn_of_the_tracked_figures(root: Path) -> None:
    results = json.loads((root / "docs" / "results.json").read_text(encoding="utf-8"))
    documents = "".join(path.read_text(encoding="utf-8") for path in (root / "docs").glob("*.md"))
    first, again = drawn(results), drawn(results)
    assert first == again
    for name, content in first.items():
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(content) < 400_000, "eight panels at most"
        assert f"images/{name}" in documents
        assert (root / "docs" / "images" / name).exists()


def test_a_figure_changes_its_picture_alone(root: Path) -> None:
    results = json.loads((root / "docs" / "results.json").read_text(encoding="utf-8"))
    before = drawn(results)
    results["spark"][0]["local"] *= 2
    changed = {name for name, content in drawn(results).items() if content != before[name]}
    assert changed == {"spark_scaling.png"}

from pathlib import Path

import pytest

from features.errors import ParameterError
from pipeline.params import read_yaml
from pipeline.workspaces.params_edit import edit_section, write_section


def test_editing_keeps_comments_order_and_other_sections(tmp_path) -> None:
    text = "a:\n  x: 1   # one\ntrain:  # here\n  x: 2   # two\n\n  y: 0.5\n\n# of b\nb:\n  y: 3\n"
    expected = "a:\n  x: 1   # one\ntrain:  # here\n  x: 8   # two\n\n  y: 0.25\n  z: 4\n\n# of b\nb:\n  y: 3\n"
    assert edit_section(text, "train", {"x": 8, "y": 0.25, "z": 4}) == expected
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    write_section(file, "train", {"x": 8, "y": 0.25, "z": 4})
    assert file.read_text(encoding="utf-8") == expected
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: {x: 1, y: 2}  # flow\n", "train: {x: 5, y: 2, z: 6}  # flow\n"),
        ("train:\n  x:   # none\n  y: 2\n", "train:\n  x: 5   # none\n  y: 2\n  z: 6\n"),
        ('train:\n  x: "1"\n  y:\n    deep: 1', "train:\n  x: 5\n  y:\n    deep: 1\n  z: 6"),
        (
            "train:\n    y: {a: 1,\n        b: 2}\n    x: 1\n",
            "train:\n    y: {a: 1,\n        b: 2}\n    x: 5\n    z: 6\n",
        ),
    ],
)
def test_a_section_may_be_written_in_any_way(text: str, expected: str) -> None:
    assert edit_section(text, "train", {"x": 5, "z": 6}) == expected


def test_the_projects_own_file_changes_in_the_given_values_alone(root: Path) -> None:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    edited = edit_section(text, "train", {"learning_rate": 0.0123, "num_leaves": 31})
    changed = [pair for pair in zip(text.split("\n"), edited.split("\n"), strict=True) if pair[0] != pair[1]]
    before = read_yaml(root / "params.yaml")["train"]
    assert changed == [
        (f"  learning_rate: {before['learning_rate']}", "  learning_rate: 0.0123"),
        (f"  num_leaves: {before['num_leaves']}", "  num_leaves: 31"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n", "no block"),
        ("train:\n", "no block"),
        ("train: 5\n", "no block"),
        ("- train\n", "no block"),
        ("train:\n  x:\n    deep: 1\n", "train.x is not one .* by hand"),
        ("train: {x: [1}\n", "not valid YAML"),
    ],
)
def test_what_cannot_be_edited_is_left_alone(tmp_path, text, message) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=message):
        write_section(file, "train", {"x": 2})
    assert file.read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]

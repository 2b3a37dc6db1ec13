import shutil

import pytest

from features.errors import ParameterError
from pipeline.workspaces.params_edit import edit_section, write_section


def test_editing_keeps_comments_order_and_other_sections(tmp_path) -> None:
    text = "a:\n  x: 1   # one\ntrain:  # here\n  x: 2   # two\n\n  y: 0.5\n\nb:\n  y: 3\n"
    expected = "a:\n  x: 1   # one\ntrain:  # here\n  x: 8   # two\n\n  y: 0.25\n  z: 4\n\nb:\n  y: 3\n"
    assert edit_section(text, "train", {"x": 8, "y": 0.25, "z": 4}) == expected
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    write_section(file, "train", {"x": 8, "y": 0.25, "z": 4})
    assert file.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: 1\n", "no block"), ("train:\n  x:\n    deep: 1\n", "by hand"), ("train: {x: 1}\n", "no block")],
)
def test_what_cannot_be_edited_is_left_alone(tmp_path, text, message) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=message):
        write_section(file, "train", {"x": 2})
    assert file.read_text(encoding="utf-8") == text
    shutil.rmtree(tmp_path)

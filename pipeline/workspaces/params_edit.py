"""Changing values of `params.yaml` in place: comments, order, layout and everything else stay as they are.

ruamel.yaml tells where each value stands in the text, and only there is something written. Its own writer would lay out anew
what is written over several lines.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from features.errors import ParameterError

__all__ = ["add_entries", "edit_section", "write_section"]


def edit_section(text: str, section: str, values: Mapping[str, float | str]) -> str:
    r"""Set numbers and words of one section; a name that the section lacks becomes its last.

    Parameters
    ----------
    text : str
        Content of `params.yaml`.
    section : str
        Its name.
    values : mapping of str to number or str
        New values; a word holds no quotes.

    Raises
    ------
    ParameterError
        The text is not YAML, there is no such section, or a value of it is no single value.

    Examples
    --------
    >>> print(edit_section("train:\n  seed: 7  # any\npoints: null", "train", {"seed": 8, "num_leaves": 4}))
    train:
      seed: 8  # any
      num_leaves: 4
    points: null
    """
    block = _section(text, section, "params.yaml")
    changes, rest = [], {name: _written(value) for name, value in values.items()}
    for key, value in block.value:
        if key.value in rest and not isinstance(value, ScalarNode):
            raise ParameterError(f"params.yaml: {section}.{key.value} is not one `name: value`. Write it by hand.")
        if key.value in rest:
            begin, end, new = value.start_mark.index, value.end_mark.index, rest.pop(key.value)
            # nothing at all stands for null: the next thing's place is no place for it
            colon = key.end_mark.index + 1
            changes.append((colon, colon, f" {new}") if begin == end else (begin, end, new))
    if rest:
        changes.append(_addition(text, block, [f"{name}: {value}" for name, value in rest.items()]))
    for begin, end, new in sorted(changes, reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def add_entries(text: str, section: str, entries: Sequence[str], file: str) -> str:
    r"""Add entries to a section of a YAML file; a section that is empty or missing becomes a block of them.

    Parameters
    ----------
    text : str
        Content of the file.
    section : str
        Its name.
    entries : sequence of str
        As `name: value`, each on one line.
    file : str
        For errors.

    Raises
    ------
    ParameterError
        The text is not YAML, or the section is no mapping.

    Examples
    --------
    >>> print(add_entries("a:\n  x: 1  # one\nb: {}", "a", ["y: {z: 2}"], "f.yaml"))
    a:
      x: 1  # one
      y: {z: 2}
    b: {}
    >>> print(add_entries("a:\n  x: 1\nb: {}\n", "b", ["y: 2"], "f.yaml"))
    a:
      x: 1
    b:
      y: 2
    <BLANKLINE>
    """
    sections = _sections(text, file)
    node = sections.get(section)
    lines = "".join(f"\n  {entry}" for entry in entries)
    if node is None:
        return f"{text.rstrip()}\n{section}:{lines}\n"
    if isinstance(node, MappingNode) and node.value:
        begin, end, new = _addition(text, node, entries)
    elif isinstance(node, MappingNode) or node.value in ("", "null", "~"):
        begin, end = node.start_mark.index, node.end_mark.index
        begin = len(text[:begin].rstrip(" "))
        new = lines
    else:
        raise ParameterError(f"{file}: {section} is no mapping. Write the entries by hand.")
    return text[:begin] + new + text[end:]


def _sections(text: str, file: str) -> dict[str, Any]:
    try:
        whole = YAML().compose(text)
    except YAMLError as error:
        raise ParameterError(f"{file}: not valid YAML: {error}") from error
    return {key.value: value for key, value in whole.value} if isinstance(whole, MappingNode) else {}


def _section(text: str, section: str, file: str) -> MappingNode:
    block = _sections(text, file).get(section)
    if not isinstance(block, MappingNode) or not block.value:
        raise ParameterError(f"{file}: no block `{section}:` to write into. Add it, one `name: value` per line.")
    return block


def _written(value: float | str) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:.6g}"


def _addition(text: str, block: MappingNode, added: Sequence[str]) -> tuple[int, int, str]:
    """Give what is added at the end of a mapping, and where: within its braces, or below its last line."""
    if block.flow_style:
        at = block.end_mark.index - 1
        return at, at, "".join(f", {pair}" for pair in added)
    lines = text[: block.end_mark.index].splitlines(keepends=True)
    # what follows at the margin belongs to the next section
    while not lines[-1].strip() or lines[-1].startswith("#"):
        lines.pop()
    at = len("".join(lines).rstrip("\n"))
    indent = " " * block.value[-1][0].start_mark.column
    return at, at, "".join(f"\n{indent}{pair}" for pair in added)


def write_section(path: Path, section: str, values: Mapping[str, float | str]) -> None:
    """Write numbers and words into a section of a YAML file, and only there; where that can't be done nothing is written.

    Raises
    ------
    ParameterError
        The file is no YAML, has no such section, or the section holds more than one value under one of the names.
    """
    text = edit_section(path.read_text(encoding="utf-8"), section, values)
    trial = path.with_name(f".{path.name}.new")
    trial.write_text(text, encoding="utf-8")
    trial.replace(path)

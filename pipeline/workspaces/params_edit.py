"""Changing values of `params.yaml` in place: comments, order and everything else stay as they are."""

import re
from collections.abc import Mapping
from pathlib import Path

from features.errors import ParameterError
from pipeline.params import read_yaml

__all__ = ["edit_section", "write_section"]


def edit_section(text: str, section: str, values: Mapping[str, float]) -> str:
    r"""Set numbers of one section, line by line; a name that the section lacks becomes its last line.

    Parameters
    ----------
    text : str
        Content of `params.yaml`, the section as an indented block.
    section : str
        Its name.
    values : mapping of str to number
        New values.

    Raises
    ------
    ParameterError
        There is no such block, or a value of it is not on its name's line.

    Examples
    --------
    >>> print(edit_section("train:\n  seed: 7  # any\npoints: null", "train", {"seed": 8, "num_leaves": 4}))
    train:
      seed: 8  # any
      num_leaves: 4
    points: null
    """
    lines = text.split("\n")
    head = re.compile(rf"{re.escape(section)}:\s*(#.*)?$")
    begin = next((i for i, line in enumerate(lines) if head.match(line)), None)
    if begin is None:
        raise ParameterError(f"params.yaml: no block `{section}:` to write into. Add it, one `name: value` per line.")
    end = next((i for i in range(begin + 1, len(lines)) if re.match(r"\S", lines[i])), len(lines))
    while end > begin + 1 and not lines[end - 1].strip():
        end -= 1
    rest = {name: f"{value:.6g}" for name, value in values.items()}
    for i in range(begin + 1, end):
        found = re.match(r"(\s+)(\w+):(\s*)([^\s#]+)(.*)$", lines[i])
        if found and found[2] in rest:
            lines[i] = f"{found[1]}{found[2]}:{found[3]}{rest.pop(found[2])}{found[5]}"
    nested = [name for name in rest if any(re.match(rf"\s+{name}:", line) for line in lines[begin + 1 : end])]
    if nested:
        raise ParameterError(
            f"params.yaml: {section}.{nested[0]} is not one `name: value` on a line. Write it by hand."
        )
    lines[end:end] = [f"  {name}: {value}" for name, value in rest.items()]
    return "\n".join(lines)


def write_section(path: Path, section: str, values: Mapping[str, float]) -> None:
    """Write numbers into a section of a YAML file, and only there.

    Raises
    ------
    ParameterError
        The file has no such block, or something else in it would have changed; then nothing is written.
    """
    before = read_yaml(path)
    text = edit_section(path.read_text(encoding="utf-8"), section, values)
    trial = path.with_name(f".{path.name}.new")
    trial.write_text(text, encoding="utf-8")
    after = read_yaml(trial)
    wanted = {**before, section: {**before[section], **{name: float(f"{value:.6g}") for name, value in values.items()}}}
    if after != wanted:
        trial.unlink()
        raise ParameterError(
            f"{path}: section {section!r} is not one `name: value` per line. Write {dict(values)} by hand."
        )
    trial.replace(path)

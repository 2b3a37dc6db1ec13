"""Command `new_operation`: begin an operation of the feature catalog, in the three files that it takes.

Writes its record, a loop in the fold that counts touchpoints, and an empty definition in the oracle. Until that is filled in,
the tests of the engine fail.
"""

import argparse
import ast
import re
from pathlib import Path
from typing import NamedTuple

from features.errors import ParameterError
from features.operations import OPERATIONS
from pipeline.console import console, run_main

__all__ = ["main", "new_operation"]

MOST_OPERATIONS = 62
"""One bit each in `Plan.asked`, which is an int64."""

KERNELS = {
    "counts": ("fold.py", "_write_counts"),
    "gaps": ("rhythm.py", "_write_gaps"),
    "pace": ("rhythm.py", "write_rhythm"),
    "content": ("path.py", "_write_content"),
    "likeness": ("path.py", "write_likeness"),
}
"""Where the loop of an operation goes: file in `features/kernels`, and function."""

GROUPS = {"engagement": "counts", "rhythm": "pace", "path": "content", "buyer_profile": "likeness"}
"""Group, which is also the module of the record, to its usual kernel."""

RECORD = """\
    Operation(
        name="{name}",
        unit="{unit}",
        spans="{spans}",
        group="{group}",
        empty=0.0,
        kernel="{kernel}",
        asked_by="{asked_by}",
        meaning=Pair(
            en="{{label}}: {words} {{lately}}",
            de="{{label}}: {words} {{lately}}",
        ),
        words=measured(
            Pair(
                en="{{label}}, {words} {{window}}: {{n}}",
                de="{{label}}, {words} {{window}}: {{n}}",
            ),
            number,
        ),
    ),
"""
LOOP = """\
    for f in range(sections[k, _{upper}], sections[k, _{upper} + 1]):
        column, start = features[f, 0], spans.start[features[f, 1]]
        for c in range(moments.n):
            if start[c] < end[c]:
                out[row[c], column] = end[c] - start[c]
"""
DEFINITION = """

@defines("{name}")
def {name}(look: Look) -> float:
    raise NotImplementedError("measure look.items")
"""
IMPORTS = {"phrases": "measured", "units": "number"}
"""What a record's words need of `features.wording`."""


class Wanted(NamedTuple):
    """The operation to begin; see `features.operations.operation`."""

    name: str
    group: str
    kernel: str
    spans: str
    unit: str
    asked_by: str


def new_operation(wanted: Wanted, root: Path) -> list[Path]:
    """Write the record, the loop and the definition of a new operation.

    Parameters
    ----------
    wanted : Wanted
    root : Path
        Of the project.

    Returns
    -------
    list of Path
        The files that changed.

    Raises
    ------
    ParameterError
        The name is taken or not usable, or there is no bit left for it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", wanted.name) or wanted.name in OPERATIONS:
        raise ParameterError(
            f"operation {wanted.name!r} is taken or not usable as a name. Use small letters, digits and single underscores, "
            f"and none of {', '.join(OPERATIONS)}."
        )
    if len(OPERATIONS) >= MOST_OPERATIONS:
        raise ParameterError(
            f"there are {len(OPERATIONS)} operations; allowed are {MOST_OPERATIONS}. Remove one first."
        )
    words = {**wanted._asdict(), "upper": wanted.name.upper(), "words": wanted.name.replace("_", " ")}
    record = root / "features" / "operations" / f"{wanted.group}.py"
    file, function = KERNELS[wanted.kernel]
    kernel, oracle = root / "features" / "kernels" / file, root / "tests" / "oracle.py"
    record.write_text(_with_record(record.read_text(encoding="utf-8"), RECORD.format(**words)), encoding="utf-8")
    kernel.write_text(_with_loop(kernel.read_text(encoding="utf-8"), function, words), encoding="utf-8")
    oracle.write_text(oracle.read_text(encoding="utf-8") + DEFINITION.format(**words), encoding="utf-8")
    return [record, kernel, oracle]


def _with_record(source: str, text: str) -> str:
    """Put a record at the end of `OPERATIONS`, and what its words need among the imports."""
    lines = source.splitlines(keepends=True)
    records = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OPERATIONS"
    )
    lines.insert((records.end_lineno or 0) - 1, text)
    for line, code in enumerate(lines):
        for module, name in IMPORTS.items():
            head = f"from features.wording.{module} import "
            if code.startswith(head):
                names = sorted({name, *code.removeprefix(head).strip().split(", ")}, key=lambda n: (n.islower(), n))
                lines[line] = head + ", ".join(names) + "\n"
    text = "".join(lines)
    if "from features.wording.units import" not in text:
        text = re.sub(
            r"(from features\.wording\.phrases import .*\n)", r"\1from features.wording.units import number\n", text
        )
    return text


def _with_loop(source: str, function: str, words: dict[str, str]) -> str:
    """Put a loop at the end of a kernel, and the operation's code after the last one."""
    lines = source.splitlines(keepends=True)
    nodes = ast.parse(source).body
    kernel = next(node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == function)
    lines.insert(kernel.end_lineno or 0, LOOP.format(**words))
    last_code = max(line for line, code in enumerate(lines) if re.match(r"_[A-Z_0-9]+ = code\(", code))
    lines.insert(last_code + 1, '_{upper} = code("{name}")\n'.format(**words))
    return "".join(lines)


def main() -> None:
    """Begin an operation and say what is left to do."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.new_operation", description=__doc__)
    parser.add_argument("name", help="as in params.yaml and in the features' names, such as longest_visit")
    parser.add_argument("--group", choices=list(GROUPS), required=True, help="what its features speak of")
    parser.add_argument("--kernel", choices=list(KERNELS), help="the part of the fold (default: the group's usual one)")
    parser.add_argument("--spans", choices=["windows", "long_windows", "once"], default="windows")
    parser.add_argument("--unit", default="touchpoints")
    parser.add_argument("--asked-by", choices=["selector", "all"], default="selector", help="who may have it")
    given = parser.parse_args()
    kernel = given.kernel or GROUPS[given.group]
    wanted = Wanted(given.name, given.group, kernel, given.spans, given.unit, given.asked_by)
    record, loop, oracle = (path.relative_to(Path.cwd()) for path in new_operation(wanted, Path.cwd()))
    console.print(
        f"begun; what is left to do:\n  {record}: words in English and German, value for an empty journey, polarity"
    )
    console.print(f"  {loop}: the loop, which counts touchpoints now; carry integers only\n  {oracle}: the definition")
    console.print("then: UPDATE_GOLDEN=1 python -m pytest tests/features, and")
    console.print("      python -m pipeline.catalog --params-only --out docs/catalog.md")


if __name__ == "__main__":
    run_main(main)

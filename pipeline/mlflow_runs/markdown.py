"""Tables in the descriptions of runs, which MLflow's pages show without any space between columns."""

from collections.abc import Sequence

__all__ = ["table"]

SPACE = "&emsp;"
"""Behind each cell: what the pages' own style lacks."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a Markdown table, one line per row; the pages ignore alignment.

    Examples
    --------
    >>> table(("model", "AUC"), [("product", "0.7")])
    ['| model&emsp; | AUC&emsp; |', '|---|---|', '| product&emsp; | 0.7&emsp; |']
    """
    lines = ["| " + " | ".join(f"{cell}{SPACE}" for cell in row) + " |" for row in (head, *rows)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]

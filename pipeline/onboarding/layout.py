"""How the lines of a delimited file are laid out: separator, lines above the header, a report's footer.

Not DuckDB's sniffer: it skips leading and trailing rows that look unlike the rest without saying so, and here they are what is
looked for.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from pipeline.onboarding.names import normal, words
from pipeline.tables.text_files import long_cells

__all__ = ["FOOTER_LINES", "Layout", "detect_layout", "first_lines", "footer_lines", "is_header"]

SEPARATORS = ";,\t|"
SEPARATOR_NOTE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
HEAD_LINES = 60  # a header lies within the first of them
FOOTER_LINES = 60
SHARE_OF_ROWS = 0.5  # of the beginning's rows with a separator, so many have the header's number of fields


@dataclass(frozen=True)
class Layout:
    """How a delimited file is to be read.

    Attributes
    ----------
    separator : str
        Between fields.
    skip, skip_end : int
        Lines before the header, and lines of a footer, as an editor numbers them.
    header : tuple of str
        Names of the columns as they stand; empty where the file has none.
    fields : int
        Number of fields of a row.
    first : tuple of str
        The first row, header or not.
    """

    separator: str
    skip: int
    header: tuple[str, ...]
    fields: int
    skip_end: int = 0
    first: tuple[str, ...] = ()


def _numbered_rows(lines: Iterable[str], separator: str) -> list[tuple[int, list[str]]]:
    """Split lines into rows, each with the line (from 0) that it begins on; quotes that don't fit are taken as they are."""
    with long_cells():
        reader = csv.reader(lines, delimiter=separator)
        rows, line = [], 0
        for row in reader:
            rows.append((line, row))
            line = reader.line_num
    return rows


def detect_layout(lines: list[str]) -> Layout:
    r"""Tell separator and header of a file from its first lines.

    Parameters
    ----------
    lines : list of str
        With their line ends, at most `HEAD_LINES` times a few.

    Examples
    --------
    >>> found = detect_layout(["sep=;\n", "Nr;Budget\n", "1;1,5\n"])
    >>> found.separator, found.skip, found.header, found.fields
    (';', 1, ('Nr', 'Budget'), 2)
    >>> detect_layout(["Lead report\n", "\n", "Id,Company\n", "1,A\n", "2,B\n"]).skip
    2
    >>> detect_layout(["Leads;;\n", ";;\n", "Id;Company;City\n", "1;A;Ulm\n", "2;B;\n"]).skip
    2
    """
    noted = SEPARATOR_NOTE.fullmatch(lines[0]) if lines else None
    best: tuple[int, int, str, list[tuple[int, list[str]]]] = (0, 1, ",", _numbered_rows(lines, ","))
    for separator in noted[1] if noted else SEPARATORS:
        rows = [(line, row) for line, row in _numbered_rows(lines, separator) if any(row)]
        sizes = Counter(len(row) for _, row in rows if len(row) > 1)
        if not sizes:
            continue
        size, count = max(sizes.items(), key=lambda item: (item[1], item[0]))
        if count >= SHARE_OF_ROWS * sizes.total() and count * (size - 1) > best[0]:
            best = (count * (size - 1), size, separator, rows)
    _, size, separator, rows = best
    if size == 1:
        rows = [(line, row) for line, row in rows if row and row[0].strip()]
    # A title is a row too where a spreadsheet has padded it with separators
    whole = [(line, row) for line, row in rows if len(row) == size and not SEPARATOR_NOTE.fullmatch(lines[line])]
    if not whole:
        return Layout(separator, 0, (), size)
    line, first = next((item for item in whole if not _is_sparse(item[1])), whole[0])
    return Layout(separator, line, tuple(first) if is_header(first) else (), size, 0, tuple(first))


def is_header(row: list[str]) -> bool:
    """Tell names from values: no moment, number, URL or UUID among them, and at most one field empty of three."""
    filled = [field.strip() for field in row if field.strip()]
    data = re.compile(r"[\d\s.,:/+-]*\d[\d\s.,:/+-]*(T[\d:.Z+-]+)?|https?://.*|[0-9a-f]{8}-[0-9a-f-]{27}|\S+@\S+\.\S+")
    return bool(filled) and not any(data.fullmatch(field) for field in filled) and len(filled) * 3 >= len(row) * 2


def footer_lines(last: list[str], layout: Layout) -> int:
    """Count the lines of a footer at the end of a file: rows of another length, blank lines, a row of totals.

    Parameters
    ----------
    last : list of str
        The file's last lines; in a short file the header and what is above it may be among them.
    layout : Layout
        Of its beginning.
    """
    if layout.fields < 2:
        return 0
    cut = len(last)
    for line, row in reversed(_numbered_rows(last, layout.separator)):
        if len(row) > layout.fields or (len(row) == layout.fields and not (_is_total(row) or _is_remark(row))):
            break
        cut = line
    footer = last[cut:]
    return len(footer) if any(text.strip() for text in footer) and cut > 0 else 0


def _is_sparse(row: list[str]) -> bool:
    """Whether a row fills at most a third of at least three fields, as a title does that is padded with separators."""
    return len(row) >= 3 and sum(1 for field in row if field.strip()) * 3 <= len(row)


def _is_remark(row: list[str]) -> bool:
    """Whether a padded row is none of the table: it is empty, or its one filled field is a phrase; an id has no blanks."""
    filled = [field.strip() for field in row if field.strip()]
    return _is_sparse(row) and (not filled or (len(filled) == 1 and bool(re.search(r"\s|:", filled[0]))))


def _is_total(row: list[str]) -> bool:
    filled = [field for field in row if field.strip()]
    named = re.sub(r"[\d\s.,:()-]+", " ", normal(filled[0])).strip() if filled else ""
    return named in words("total") and len(filled) <= max(2, len(row) // 3)


def first_lines(lines: Iterable[str]) -> list[str]:
    """Take what `detect_layout` looks at."""
    return list(islice(lines, HEAD_LINES * 4))

"""Which encoding a file's bytes are in, told offline; and a file as UTF-8, without leading and trailing lines of a report."""

import codecs
import contextlib
import gzip
import io
import os
from pathlib import Path
from typing import BinaryIO

import charset_normalizer

__all__ = ["bad_byte", "copy_as_utf8", "has_mixed_line_ends", "likely_charset", "open_bytes", "python_charset"]

BLOCK = 1 << 20
SAMPLE = 1 << 16
# A longer mark first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Windows, DOS and old Macs write. Of those that read the same letters from a file, the first is named.
PAGES = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp850", "mac_roman"]


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked where its name ends in `.gz`."""
    if path.name.endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def python_charset(name: str) -> str | None:
    """Give Python's name of an encoding of text, e.g. `cp1252` for `windows-1252`; None: there is no such encoding.

    Examples
    --------
    >>> python_charset("Windows-1252"), python_charset("latin-1"), python_charset("hex"), python_charset("cp9999")
    ('cp1252', 'iso8859-1', None, None)
    """
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError:  # unknown, or a codec that makes bytes of bytes
        return None


EURO = {0x80}


def likely_charset(sample: bytes) -> str:
    """Tell the encoding of the beginning of a text.

    A byte order mark decides; else whether the bytes are UTF-8; else whether every second one is zero; else how much the
    letters look like a language in each code page (charset-normalizer). Between code pages that fit alike, `cp1252` is named.

    Examples
    --------
    >>> likely_charset("Straße".encode()), likely_charset("Straße".encode("cp1252")), likely_charset("a;b".encode("utf-16"))
    ('utf-8', 'cp1252', 'utf-16')
    >>> likely_charset("Umsatz T€;1".encode("cp1252"))
    'cp1252'
    >>> likely_charset("Имя;Должность;Компания".encode("cp1251"))
    'cp1251'
    """
    marked = next((name for mark, name in MARKS if sample.startswith(mark)), None)
    if marked is not None:
        return marked
    zeros = [sample[first:SAMPLE:2].count(0) for first in (0, 1)]
    if max(zeros) > len(sample[:SAMPLE]) // 4:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    with contextlib.suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return "utf-8"
    if set(sample[:SAMPLE]) - set(range(128)) == EURO:
        return PAGES[0]  # no letter tells a language: a sign of euro is likelier than a capital C with cedilla
    matches = charset_normalizer.from_bytes(sample[:SAMPLE], cp_isolation=PAGES)
    best = matches.best()
    if best is None:
        return PAGES[0]
    alike = {match.encoding for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)}
    alike |= {best.encoding, *best.could_be_from_charset}
    return next((page for page in PAGES if page in alike), best.encoding)


def bad_byte(path: Path, charset: str) -> tuple[int, int, int] | None:
    """Find the first byte of a file that is not of an encoding: its line, its place in the line (both from 1), the byte.

    Lines end with a newline byte: right for every encoding but UTF-16 and UTF-32. None: the whole file can be decoded.
    """
    decoder = codecs.getincrementaldecoder(charset)()
    line, begin, at = 1, 0, 0
    with open_bytes(path) as file:
        while True:
            block = file.read(BLOCK)
            held = decoder.getstate()[0]
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                bad = at - len(held) + error.start
                before = block[: max(bad - at, 0)]
                if b"\n" in before:
                    begin = at + before.rindex(b"\n") + 1
                return line + before.count(b"\n"), bad - begin + 1, error.object[error.start]
            if not block:
                return None
            if b"\n" in block:
                begin = at + block.rindex(b"\n") + 1
            line, at = line + block.count(b"\n"), at + len(block)


def has_mixed_line_ends(path: Path) -> bool:
    """Whether some lines end with a newline alone, others with a carriage return before it, as with notes of several lines."""
    pairs = newlines = 0
    held = b""
    with open_bytes(path) as file:
        while block := file.read(BLOCK):
            pairs += (held + block).count(b"\r\n")
            newlines += block.count(b"\n")
            held = block[-1:] if block.endswith(b"\r") else b""
    return 0 < pairs < newlines


def copy_as_utf8(source: Path, target: Path, charset: str, skip: int, skip_end: int) -> None:
    """Write a text file anew in UTF-8, block by block, without its byte order mark and some lines.

    Where some lines end in a newline alone, all do in the copy: DuckDB reads one or the other.

    Parameters
    ----------
    source, target : Path
        The file, unpacked where its name ends in `.gz`; the copy.
    charset : str
        Encoding of `source`, as Python names it.
    skip, skip_end : int
        Lines of the file, as an editor numbers them, to leave out at its beginning and at its end.

    Raises
    ------
    UnicodeDecodeError
        If the bytes are not of this encoding.
    """
    with (
        open_bytes(source) as raw,
        io.TextIOWrapper(raw, encoding=charset, newline="") as text,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        first = text.read(1)
        if first != "\ufeff":
            copy.write(first)
        while block := text.read(BLOCK):
            copy.write(block)
    if has_mixed_line_ends(target):
        _cut_beginning(target, 0, newline=None)
    if skip:
        _cut_beginning(target, skip)
    if skip_end:
        _cut_end(target, skip_end)


def _cut_beginning(path: Path, lines: int, newline: str | None = "") -> None:
    """Write a file anew without its first lines; `newline` as of `open`, None makes every line end a newline."""
    shorter = path.with_name(path.name + ".cut")
    with (
        path.open("r", encoding="utf-8", newline=newline) as text,
        shorter.open("w", encoding="utf-8", newline="") as copy,
    ):
        for _ in range(lines):
            text.readline()
        while block := text.read(BLOCK):
            copy.write(block)
    shorter.replace(path)


def _cut_end(path: Path, lines: int) -> None:
    """Cut lines off the end, looking from there: a file of any size costs the same."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        at, wanted = end, lines
        if end:
            file.seek(end - 1)
            wanted += file.read(1) == b"\n"
        while at and wanted:
            begin = max(at - BLOCK, 0)
            file.seek(begin)
            block = file.read(at - begin)
            cut = len(block)
            while wanted and (cut := block.rfind(b"\n", 0, cut)) >= 0:
                wanted -= 1
            if not wanted:
                file.truncate(begin + cut + 1)
                return
            at = begin
        file.truncate(0)

"""Rows about a person in CSV, JSON and whatever has lines."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.data_protection.person import Person, is_about

__all__ = ["holds_telling", "is_table", "may_hold", "without_rows"]

BLOCK = 1 << 24


def may_hold(path: Path, person: Person) -> bool:
    """Look for the ids as bytes; in UTF-16, too, which spreadsheets write."""
    needles = [
        form for needle in person.needles for form in (needle, needle.decode("utf-8", "replace").encode("utf-16-le"))
    ]
    overlap, rest = max(map(len, needles)), b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if any(needle in rest + block for needle in needles):
                return True
            rest = block[-overlap:]
    return False


def holds_telling(path: Path, person: Person) -> Iterator[bool]:
    """Tell of each telling id whether a file holds it somewhere, as bytes."""
    content = path.read_bytes()
    for one in person.telling:
        yield one.encode() in content


def is_table(path: Path) -> bool:
    """Tell whether a text can lose lines and stay what it is: not HTML, YAML or code."""
    return path.suffix.lower() in ("", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".log")


def without_rows(path: Path, person: Person) -> tuple[bytes, int]:
    """Give a text without the rows about a person, and how many they are."""
    content = path.read_bytes()
    stripped = content.lstrip()
    if stripped[:1] in (b"[", b"{") and path.suffix.lower() != ".csv":
        try:
            value, taken = _without(json.loads(content), person)
            return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode() if taken else content, taken
        except ValueError:  # not one JSON value: one per line, or no JSON
            return _lines(content, person, _json_line)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content.decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    kept, taken = _csv_rows(text, person)
    return kept.encode(encoding, "surrogateescape" if encoding == "utf-8" else "strict"), taken


def _lines(content: bytes, person: Person, about: Callable[[str, Person], bool]) -> tuple[bytes, int]:
    kept, taken = [], 0
    for line in content.splitlines(keepends=True):
        if any(needle in line for needle in person.needles) and about(line.decode("utf-8", "replace"), person):
            taken += 1
        else:
            kept.append(line)
    return b"".join(kept), taken


def _json_line(line: str, person: Person) -> bool:
    try:
        return _without(json.loads(line), person)[1] > 0
    except ValueError:
        return person.speaks(line)


def _without(value: Any, person: Person, name: str = "") -> tuple[Any, int]:
    """Take objects that speak of the person out of lists and mappings; of a list of such objects, each counts."""
    if isinstance(value, dict):
        if any(not isinstance(one, (dict, list)) and is_about(one, key, person) for key, one in value.items()):
            return None, 1
        kept, taken = {}, 0
        for key, one in value.items():
            if key in person.telling:
                taken += 1
                continue
            new, count = _without(one, person, key)
            taken += count
            if new is not None or not count:
                kept[key] = new
        return kept, taken
    if isinstance(value, list):
        parts = [_without(one, person, name) for one in value]
        return [new for new, count in parts if new is not None or not count], sum(count for _, count in parts)
    return (None, 1) if is_about(value, name, person) else (value, 0)


def _csv_rows(text: str, person: Person) -> tuple[str, int]:
    """Take rows out of delimited text, by whole records: one may go over several lines. The others stay byte by byte."""
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=header.count)
    names = next(csv.reader([header.lstrip("\ufeff").rstrip("\r")], delimiter=delimiter), [])
    kept, taken = [], 0
    needles = person.ids
    for number, record in enumerate(_records(text)):
        if any(needle in record for needle in needles) and number and _record_about(record, names, delimiter, person):
            taken += 1
        else:
            kept.append(record)
    return "".join(kept), taken


def _records(text: str) -> Iterator[str]:
    """Cut a text into records at line ends outside of quotes."""
    begun: list[str] = []
    quotes = 0
    for line in text.splitlines(keepends=True) if "\r" in text and "\n" not in text else io.StringIO(text, newline=""):
        begun.append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            yield "".join(begun)
            begun, quotes = [], 0
    if begun:
        yield "".join(begun)


def _record_about(record: str, names: Sequence[str], delimiter: str, person: Person) -> bool:
    cells = next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), [])
    return any(is_about(cell, names[k] if k < len(names) else "", person) for k, cell in enumerate(cells))

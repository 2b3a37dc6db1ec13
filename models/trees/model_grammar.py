"""What the lines of LightGBM's text may hold: numbers and names as LightGBM writes them, and nothing else."""

import re
from typing import NoReturn

from features.errors import BundleError

__all__ = [
    "BOUNDS",
    "INFOS",
    "NAMES",
    "REALS",
    "WHOLES",
    "read_fields",
    "read_list",
    "read_whole",
    "read_words",
    "refuse",
    "shortened",
]

_WHOLE = r"(?:0|-?[1-9][0-9]{0,9})"
_REAL = r"-?[0-9]{1,17}(?:\.[0-9]{1,24})?(?:e[+-][0-9]{2,3})?"
WHOLES = re.compile(rf"{_WHOLE}(?: {_WHOLE})*")
REALS = re.compile(rf"{_REAL}(?: {_REAL})*")
BOUNDS = re.compile(rf"(?:{_REAL}|inf)(?: (?:{_REAL}|inf))*")  # a constant column is split at infinity
NAMES = re.compile(r"[0-9A-Za-z_]+(?: [0-9A-Za-z_]+)*")
_INFO = r"(?:none|\[[0-9e.+-]+:[0-9e.+-]+\]|-?[0-9]+(?::-?[0-9]+)*)"
INFOS = re.compile(rf"{_INFO}(?: {_INFO})*")


def read_fields(lines: list[str], names: tuple[str, ...] | list[str], where: str) -> dict[str, str]:
    """Read lines ``name=text``, which must be those of `names` in this order; `where` is for messages."""
    if [line.partition("=")[0] for line in lines] != list(names) or not all("=" in line for line in lines):
        refuse(f"{where}: its lines must be {', '.join(names)}, each once, in this order")
    return {name: line[len(name) + 1 :] for name, line in zip(names, lines, strict=True)}


def read_words(text: str, grammar: re.Pattern[str], where: str) -> list[str]:
    """Part a text at its spaces, once it fits the grammar as a whole."""
    if not grammar.fullmatch(text):
        refuse(f"{where}: it holds something other than what LightGBM writes there")
    return text.split(" ")


def read_list(text: str, grammar: re.Pattern[str], name: str, count: int, where: str) -> list[str]:
    """Part a text into exactly `count` words; an empty text has none."""
    words = read_words(text, grammar, f"{where}: {name}") if text else []
    if len(words) != count:
        refuse(f"{where}: {name} holds {len(words)} numbers, expected {count}")
    return words


def read_whole(fields: dict[str, str], name: str, where: str) -> int:
    """Read a field that holds one whole number."""
    return int(read_list(fields[name], WHOLES, name, 1, where)[0])


def shortened(text: str) -> str:
    """Quote the beginning of a text for a message."""
    return repr(text[:40])


def refuse(problem: str) -> NoReturn:
    """Raise BundleError: what is wrong with the text, and what to do."""
    raise BundleError(f"model.txt: {problem}. Fetch the bundle again, or train anew.")

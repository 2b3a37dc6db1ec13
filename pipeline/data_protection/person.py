"""A person by all their ids, and how to tell that a cell or a text is about them.

A row is about a person if one of its cells is one of the person's ids, or a long text in it holds one. An id that is short or a
small number could be anything: then only columns that are named like an id count.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["LONG_TEXT", "Person", "is_about"]

ID_COLUMN = re.compile(
    r"(lead|contact|person|prospect|visitor|customer|user|who|entity|merged)(_?(id|key|number|into|from|lead|contact))*",
    re.IGNORECASE,
)
"""Columns in which an id that could be anything (a number, a short text) is taken for a person's."""

PERSONS_FILE = re.compile(r"(lead|contact|person|people|prospect|visitor|user)", re.IGNORECASE)
"""Names of files in which a column that is called `id` only is a person's."""

LONG_TEXT = 40  # bytes per cell on average, from which a column may hold an id inside of other text


@dataclass(frozen=True)
class Person:
    """The ids by which a person stands anywhere: of leads before and after merging, of visitors, pseudonyms.

    Attributes
    ----------
    ids : tuple of str
        At least one, none empty.
    leads : tuple of str
        Those of `ids` that are a lead's, as the CRM knows it.
    plain_id : bool
        Whether a column that is called `id` only holds ids of persons.
    """

    ids: tuple[str, ...]
    leads: tuple[str, ...] = ()
    plain_id: bool = False

    @property
    def telling(self) -> tuple[str, ...]:
        """The ids that can be nothing else in a text: of four characters, or of six digits."""
        return tuple(one for one in self.ids if len(one) >= (6 if one.isdigit() else 4))

    def named_by(self, column: str) -> tuple[str, ...]:
        """Give the ids that count as the value of a column; a number is also an account's, so its column must be a person's."""
        if ID_COLUMN.fullmatch(column) or (self.plain_id and column.lower() == "id"):
            return self.ids
        return tuple(one for one in self.telling if not one.isdigit())

    def of_file(self, path: Path) -> "Person":
        """Take the file's name into account."""
        return replace(self, plain_id=PERSONS_FILE.match(path.stem) is not None)

    @cached_property
    def inside(self) -> re.Pattern[str]:
        """Match a telling id inside of a long text, not as a part of a longer word."""
        return _words(self.telling)

    @cached_property
    def inside_any(self) -> re.Pattern[str]:
        """Match a telling id inside of any text; a number alone may be anything in a short one."""
        return _words(one for one in self.telling if not one.isdigit())

    def speaks(self, text: str) -> bool:
        """Tell whether a text holds one of the ids."""
        return (self.inside if len(text) > LONG_TEXT else self.inside_any).search(text) is not None

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What a file that speaks of the person must hold somewhere, as bytes; for a quick look."""
        return tuple({one.encode() for one in self.ids} | {json.dumps(one)[1:-1].encode() for one in self.ids})


def _words(words: Iterable[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])")


def is_about(value: Any, column: str, person: Person) -> bool:
    """Tell whether a cell, or a plain value under a name, is about the person."""
    if isinstance(value, bool) or value is None:
        return False
    text = str(value)
    return text in person.named_by(column) or person.speaks(text)

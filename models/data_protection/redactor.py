"""Direct identifiers leave rows and requests by the same rules, so that features are the same offline and online."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.data_protection.identifiers import holds_pseudonyms, is_direct, pseudonym_of, redacted
from models.data_protection.key_ring import Key, keys_file, pseudonym_key

__all__ = ["EMPLOYEES", "IDS", "Redactor", "redactor_of"]

IDS = ("lead_id", "account_id", "visitor_id", "merged_into", "touchpoint_id")
"""They join the tables and the CRM, and are what they are."""

EMPLOYEES = ("owner", "decided_by")
"""Fields of requests that name people of the company itself, not leads."""

_MOMENTS = ("occurred_at", "recorded_at", "created_at", "snapshot_at", "ordered_at")
_KEPT = frozenset({*IDS, *EMPLOYEES, *_MOMENTS, "outcome_id", "retracts"})
_ATTRIBUTES = "attributes"
DEEPEST = 8  # leads, lead, account, touchpoints, touchpoint: whatever is deeper is no request, and refused
CACHED = 4_096
SHORTEST_NUMBER = 10**6


class Redactor:
    """Replaces direct identifiers in texts.

    Parameters
    ----------
    key : Key or None
        Of the purpose `pseudonyms`; None: identifiers are replaced by the name of their kind.
    identifiers : iterable of str
        Names of columns that hold direct identifiers, beside those that are called like one: all of their values are replaced.
    """

    def __init__(self, key: Key | None = None, identifiers: Iterable[str] = ()) -> None:
        self.key, self.identifiers = key, frozenset(identifiers)
        # Requests say the same few words over and over
        self.text: Callable[[str], str] = lru_cache(CACHED)(lambda text: redacted(text, key))
        self.is_direct: Callable[[str], bool] = lru_cache(CACHED)(
            lambda column: column in self.identifiers or is_direct(column)
        )

    def whole(self, text: str) -> str:
        """Replace a value of a column that holds direct identifiers, whatever the rules find in it.

        Blank text stays, and what was replaced before: a store's export is ingested again.
        """
        new = redacted(text, self.key)
        done = new != text or not text.strip() or holds_pseudonyms(text)
        return new if done else pseudonym_of("name", text, self.key)

    def request(self, value: Any) -> Any:
        """Clean a request in place: all of its texts but ids, moments and names of employees.

        Parameters
        ----------
        value : object
            Plain values as a JSON parser yields them. Fields that are yet to come are cleaned, too.

        Returns
        -------
        object
            The same object.

        Examples
        --------
        >>> touchpoint = {"asset": "to ada@example.org", "occurred_at": "2026-01-05T10:00:00Z"}
        >>> Redactor().request({"lead_id": "L-1", "touchpoints": [touchpoint], "attributes": {"phone": "1"}})["attributes"]
        {'phone': '[name]'}
        >>> touchpoint
        {'asset': 'to [mail]', 'occurred_at': '2026-01-05T10:00:00Z'}
        """
        self._clean(value, False, 0)
        return value

    def _clean(self, value: Any, are_attributes: bool, depth: int) -> None:
        if isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, str):
                    value[position] = self.text(item)
                elif depth < DEEPEST:
                    self._clean(item, False, depth + 1)
        elif isinstance(value, dict):
            text = self.text
            for name, item in value.items():
                if are_attributes:
                    value[name] = self._attribute(name, item)
                elif name in _KEPT:
                    continue
                elif isinstance(item, str):
                    value[name] = text(item)
                elif isinstance(item, (dict, list)) and depth < DEEPEST:
                    self._clean(item, name == _ATTRIBUTES, depth + 1)

    def _attribute(self, name: str, item: Any) -> Any:
        if isinstance(item, str):
            return item if name in IDS else self.whole(item) if self.is_direct(name) else self.text(item)
        # A telephone number without its zeros
        is_number = isinstance(item, (int, float)) and not isinstance(item, bool) and abs(item) >= SHORTEST_NUMBER
        return self.whole(str(item)) if is_number and self.is_direct(name) else item


def redactor_of(root: Path, identifiers: Iterable[str] = ()) -> Callable[[], Redactor]:
    """Give what yields the redactor of the moment: with the newest key of the folder that a command or the service runs in.

    Raises
    ------
    LeadQualificationError
        When it is asked: the keys can't be read.
    """
    names, file = tuple(identifiers), keys_file(root)
    made: dict[tuple[int, ...] | None, Redactor] = {}

    def redactor() -> Redactor:
        try:
            status = file.stat()
        except FileNotFoundError:
            seen = None
        else:
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        known = made.get(seen)
        if known is None:
            known = Redactor(pseudonym_key(root), names)
            made.clear()
            made[seen] = known
        return known

    return redactor

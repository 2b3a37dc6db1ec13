"""Pseudonyms of ids: a lead, an owner, a visitor, as tables, store and logs name them. A pure function of the key."""

import hmac
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from features.errors import ParameterError
from models.data_protection.key_ring import KeyRing, keys_file, read_keys

__all__ = [
    "OWNER_COLUMN",
    "PSEUDONYM",
    "SERVED_IDS",
    "IdKind",
    "Ids",
    "Pseudonyms",
    "any_looks_like_one",
    "id_kind",
    "id_pseudonyms",
    "is_owner",
    "looks_like_one",
    "served_ids",
]

SERVED_IDS = "LEAD_PRIVACY_IDS"

Ids: TypeAlias = Literal["as_given", "pseudonyms"]
"""Whether ids stay as the CRM has them, or are replaced."""

IdKind: TypeAlias = Literal["lead", "owner", "visitor"]

DIGITS, CHECK_DIGITS = 24, 8
PSEUDONYM = re.compile(
    rf"(?<![0-9A-Za-z_])(?:{'|'.join(get_args(IdKind))})_[0-9a-f]{{{DIGITS + CHECK_DIGITS}}}(?![0-9A-Za-z_])"
)
"""A pseudonym inside of a text."""

OWNER_COLUMN = r"((lead|contact|account|deal|record|hubspot|crm)[ _-]?)?owner([ _-]?(id|name))?"
"""Names of columns that hold a salesperson, whatever the case; RE2 and Python read it alike."""

_OWNER = re.compile(OWNER_COLUMN, re.IGNORECASE)


class Pseudonyms:
    """Gives ids their pseudonyms: HMAC-SHA256, apart for each kind, under the first key of a ring.

    The first key, not the newest: an id keeps its pseudonym when a new key comes, so that tables, the store, logs and the
    suppression list go on naming the same lead alike. The newest key seals the names (`models.data_protection.names`).
    A pseudonym is 24 digits, and 8 more by which it is known for one: ids that are one already stay as they are.

    Parameters
    ----------
    ring : KeyRing
        Of the purpose `pseudonyms`.
    """

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._secret = ring.keys[-1].secret

    @property
    def key_id(self) -> str:
        """The id of the key that makes pseudonyms; no secret."""
        return self.ring.keys[-1].id

    def of(self, kind: IdKind, text: str) -> str:
        """Give the pseudonym of an id, or the text itself where it is a pseudonym already.

        Parameters
        ----------
        kind : {"lead", "owner", "visitor"}
            The same text of two kinds has two pseudonyms that can't be joined.
        text : str
            As the CRM has it, in one spelling.
        """
        if self.is_own(text):
            return text
        digits = self._mac(f"{kind}\0{text}")[:DIGITS]
        return f"{kind}_{digits}{self._check(f'{kind}_{digits}')}"

    def company(self, name: str) -> str:
        """Give the id of an account that is known by its name alone; no mapping table turns it back.

        Parameters
        ----------
        name : str
            In any case, with any space around it.
        """
        mac = self._mac(f"company\0{name.strip().casefold()}")
        return f"company_{mac[: DIGITS + CHECK_DIGITS]}"

    def is_own(self, text: str) -> bool:
        """Tell whether a text is a pseudonym that this key made."""
        if not looks_like_one(text):
            return False
        name, check = text[:-CHECK_DIGITS], text[-CHECK_DIGITS:]
        return hmac.compare_digest(self._check(name), check)

    def _check(self, name: str) -> str:
        return self._mac(f"check\0{name}")[:CHECK_DIGITS]

    def _mac(self, text: str) -> str:
        return hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def looks_like_one(text: str) -> bool:
    """Tell whether a text has the form of a pseudonym; whether it is one says only the key.

    Examples
    --------
    >>> looks_like_one("lead_" + 32 * "0"), looks_like_one("lead_17"), looks_like_one("L-17")
    (True, False, False)
    """
    return PSEUDONYM.fullmatch(text) is not None


def any_looks_like_one(texts: Iterable[object]) -> bool:
    """Tell whether one of some values has the form of a pseudonym."""
    return any(isinstance(text, str) and looks_like_one(text) for text in texts)


def id_kind(column: str) -> IdKind | None:
    """Say whom a column or field names; None: nobody.

    Examples
    --------
    >>> [id_kind(name) for name in ("lead_id", "merged_into", "visitor_id", "Contact owner", "account_id")]
    ['lead', 'lead', 'visitor', 'owner', None]
    """
    if column in ("lead_id", "merged_into"):
        return "lead"
    if column == "visitor_id":
        return "visitor"
    return "owner" if is_owner(column) else None


def is_owner(column: str) -> bool:
    """Tell by its name whether a column holds owners.

    Examples
    --------
    >>> [is_owner(name) for name in ("owner", "Contact owner", "owner_id", "owner_region", "ownership")]
    [True, True, True, False, False]
    """
    return _OWNER.fullmatch(column.strip()) is not None


def served_ids(environ: Mapping[str, str] = os.environ) -> Ids:
    """Read ``LEAD_PRIVACY_IDS``: whether the service replaces ids; not set: it does not.

    Raises
    ------
    ParameterError
        It is neither of the two words.
    """
    text = environ.get(SERVED_IDS) or "as_given"
    if text not in get_args(Ids):
        raise ParameterError(f"{SERVED_IDS} is {text!r:.40}; allowed are {' and '.join(get_args(Ids))}. Correct it.")
    return "pseudonyms" if text == "pseudonyms" else "as_given"


def id_pseudonyms(root: Path, ids: Ids) -> Pseudonyms | None:
    """Give what makes pseudonyms for the folder that a stage, a command or the service runs in; None: ids stay as given.

    Raises
    ------
    LeadQualificationError
        Pseudonyms are asked for, and there are no keys; the message says how to make them.
    """
    return Pseudonyms(read_keys(keys_file(root))["pseudonyms"]) if ids == "pseudonyms" else None

"""The service's edge for ids: pseudonyms of what comes in, names in what goes out, for all routes alike.

Store, score log, audit log, access log and metrics are behind it and see pseudonyms alone.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import anyio.to_thread

from models.answers.limits import MAX_TEXT
from models.data_protection.identifiers import holds_identifiers
from models.data_protection.pseudonyms import PSEUDONYM, IdKind, Pseudonyms, id_kind, looks_like_one
from models.data_protection.sealing import Seal
from serving.http.answers import Answer

__all__ = ["IN_ADDRESS", "LeadIds", "lead_ids", "pseudonyms_in", "use_lead_ids", "with_names"]

IN_ADDRESS = "@"
"""Before a pseudonym in a page: what it stands for belongs into an address of the CRM."""

DECIDED_BY = "decided_by"
"""An owner, too, in requests."""

_BYTES = re.compile(PSEUDONYM.pattern.encode())
# In attributes of a page a pseudonym stays: it is part of an address, or what a form sends
_IN_PAGE = re.compile(rb"(@|(?<![/=&\"'0-9A-Za-z_]))((?:lead|owner|visitor)_[0-9a-f]{32})(?![0-9A-Za-z_])")

_said: ContextVar[dict[str, str] | None] = ContextVar("lead_ids_of_request", default=None)


class LeadIds:
    """Both ways, for one service.

    Parameters
    ----------
    pseudonyms : Pseudonyms
    look_up : callable
        Gives what the store knows of pseudonyms, sealed.
    """

    def __init__(self, pseudonyms: Pseudonyms, look_up: Callable[[Iterable[str]], Mapping[str, str]]) -> None:
        self.pseudonyms, self.look_up, self.seal = pseudonyms, look_up, Seal(pseudonyms.ring)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Remember the names that one request says until it is answered."""
        token = _said.set({})
        try:
            yield
        finally:
            _said.reset(token)

    def of(self, kind: IdKind, text: str) -> str:
        """Give the pseudonym of an id; one that no request may hold stays, to be refused."""
        if not 1 <= len(text) <= MAX_TEXT or "\0" in text:
            return text
        name = self.pseudonyms.of(kind, text)
        said = _said.get()
        if said is not None and name != text:
            said[name] = text
        return name

    def inward(self, value: Any, key: str = "") -> Any:
        """Replace ids in plain values, as a JSON parser yields them: those of fields that are called like one."""
        if isinstance(value, dict):
            return {name: self.inward(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.inward(item) for item in value]
        if isinstance(value, str):
            kind = _kind_of(key)
            if kind is not None and (kind != "visitor" or holds_identifiers(value)):
                return self.of(kind, value)
        return value

    def said(self, pseudonym: str) -> str | None:
        """Give what this request called a pseudonym; None: it did not."""
        return (_said.get() or {}).get(pseudonym)

    def learned(self, pseudonyms: Iterable[str]) -> dict[str, str]:
        """Seal what this request called some leads and visitors, and all owners, for the store to keep."""
        wanted, said = set(pseudonyms), _said.get() or {}
        return self.sealed({name: text for name, text in said.items() if name in wanted or name.startswith("owner_")})

    def sealed(self, names: Mapping[str, str]) -> dict[str, str]:
        """Seal names, each apart, so that each can be erased."""
        return {
            name: base64.b64encode(self.seal.close(text.encode("utf-8", "surrogatepass"), name.encode())).decode(
                "ascii"
            )
            for name, text in names.items()
        }

    def names_of(self, pseudonyms: Iterable[str]) -> dict[str, str]:
        """Give what pseudonyms stand for, by what the request said and the store knows; it reads the store.

        Raises
        ------
        LeadQualificationError
            The key of a sealed name is gone, or the store does not answer.
        """
        said = _said.get() or {}
        wanted = {name for name in pseudonyms if looks_like_one(name)}
        unknown = wanted - said.keys()
        names = {name: said[name] for name in wanted - unknown}
        for name, text in self.look_up(unknown).items() if unknown else ():
            where = f"the store's name of {name}"
            names[name] = self.seal.open(base64.b64decode(text), name.encode(), where).decode("utf-8", "surrogatepass")
        return names

    async def outward(self, answer: Answer) -> Answer:
        """Name leads and owners in an answer of JSON or HTML; files are made with names by who writes them."""
        is_page = answer.media_type.startswith(b"text/html")
        if not is_page and not answer.media_type.startswith(b"application/json"):
            return answer
        found = pseudonyms_in(answer.body)
        if not found:
            return answer
        said = _said.get() or {}
        names = {name: said[name] for name in found & said.keys()}
        if len(names) < len(found):
            names = await anyio.to_thread.run_sync(self.names_of, found)
        return replace(answer, body=_page(answer.body, names) if is_page else with_names(answer.body, names))


@lru_cache(1024)
def _kind_of(key: str) -> IdKind | None:
    """Say whom a field names; None: nobody."""
    return "owner" if key == DECIDED_BY else id_kind(key)


def pseudonyms_in(body: bytes) -> set[str]:
    """Find what has the form of a pseudonym."""
    return {match[0].decode("ascii") for match in _BYTES.finditer(body)}


def with_names(body: bytes, names: Mapping[str, str]) -> bytes:
    """Put names into JSON; pseudonyms without one stay."""

    def named(match: re.Match[bytes]) -> bytes:
        text = names.get(match[0].decode("ascii"))
        return match[0] if text is None else json.dumps(text)[1:-1].encode("ascii")

    return _BYTES.sub(named, body)


def _page(body: bytes, names: Mapping[str, str]) -> bytes:
    def named(match: re.Match[bytes]) -> bytes:
        text = names.get(match[2].decode("ascii"))
        if text is None:
            return match[2]
        if match[1]:
            return quote(text, safe="", errors="replace").encode("ascii")
        return html.escape(text).encode("utf-8", "replace")

    return _IN_PAGE.sub(named, body)


class _Shared:
    """What the process serves with."""

    ids: LeadIds | None = None


def lead_ids() -> LeadIds | None:
    """Give the edge of this process; None: ids stay as given."""
    return _Shared.ids


def use_lead_ids(ids: LeadIds | None) -> None:
    """Set it, before anything is served."""
    _Shared.ids = ids

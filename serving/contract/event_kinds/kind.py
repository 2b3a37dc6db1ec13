"""What makes an event kind: one record, from which its route, its checks and its part of the OpenAPI document follow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from models.answers.requests.fields import Text
from models.answers.requests.problems import fail
from models.answers.requests.schemas import Strict

__all__ = ["EventKind", "OfLead", "need", "refuse_nul", "refuse_nul_names"]


class OfLead(Strict):
    """Whose an event is."""

    lead_id: Text = Field(description="Of a lead that is known, or of one yet to come.", examples=["L-1001"])


@dataclass(frozen=True, kw_only=True)
class EventKind:
    """One kind of events that the online store takes. All of a body is accepted, or nothing of it.

    Attributes
    ----------
    name : str
        Of its route ``/<name>``, of the list in its body, and of the store's table that it is written to.
    item : type of BaseModel
        Schema of one entry.
    most : int
        Most entries of a body.
    rows : callable
        Makes rows of checked entries, given the path of their list: mappings from the table's columns to values, or what the
        kind's writer in `serving.store.writers` takes. Raises `JourneyError` for what a schema can't say.
    summary : str
        For the OpenAPI document.
    example : mapping
        One entry.
    conflict_hint : str
        The next step of a caller whose id was accepted with other content before.
    times : tuple of str
        Fields that say when it happened; an entry with one that lies after it was recorded gets a warning.
    template : str
        The route; default ``/<name>``. One with ``{lead_id}`` takes one entry of that lead, without a list around it.
    single : type of BaseModel or None
        Schema of the body of such a route.
    fields : mapping of str to str
        From fields of that body to those of `item`, where they differ.
    """

    name: str
    item: type[BaseModel]
    most: int
    rows: Callable[[Sequence[Any], str], Sequence[Any]]
    summary: str
    example: Mapping[str, Any]
    conflict_hint: str
    times: tuple[str, ...] = ("occurred_at",)
    template: str = ""
    single: type[BaseModel] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill in the route."""
        object.__setattr__(self, "template", self.template or f"/{self.name}")

    @property
    def example_body(self) -> dict[str, Any]:
        """The example as it is sent."""
        return dict(self.example) if self.single is not None else {self.name: [dict(self.example)]}

    def around(self, entry: Mapping[str, Any], lead_id: str) -> dict[str, Any]:
        """Give the body with a list that the one entry of a lead's own route stands for."""
        sent = {self.fields.get(name, name): value for name, value in entry.items()}
        return {self.name: [{**sent, "lead_id": lead_id}]}

    def inside(self, path: str) -> str:
        """Give a path in the body with a list as one in the body of a lead's own route."""
        path = path.removeprefix(f"{self.name}[0].")
        return next((sent for sent, name in self.fields.items() if name == path), path)

    @cached_property
    def body(self) -> type[BaseModel]:
        """The schema of a body, for the OpenAPI document."""
        if self.single is not None:
            return self.single
        title = "".join(part.capitalize() for part in self.name.split("_"))
        entries: Any = (list[self.item], Field(min_length=1, max_length=self.most, fail_fast=True))  # type: ignore[name-defined]
        words = "Of one or many leads: all entries are accepted, or none."
        return create_model(f"{title}Body", __base__=Strict, __doc__=words, **{self.name: entries})

    @cached_property
    def envelope(self) -> type[BaseModel]:
        """The schema of a body without the contents of its entries, each of which is read by itself."""
        entries: Any = (list[Any], Field(min_length=1, max_length=self.most))
        config = ConfigDict(extra="forbid", strict=True)
        return create_model(f"{self.name}_envelope", __config__=config, **{self.name: entries})


def need(item: BaseModel, name: str, path: str, null: str, hint: str = "Send text.") -> None:
    """Refuse an entry without a field that its schema leaves open; `null` is the code where null was sent."""
    if getattr(item, name) is None:
        fail(f"{path}.{name}", "is missing", hint, null if name in item.model_fields_set else "missing_field")


def refuse_nul(item: BaseModel, path: str) -> None:
    """PostgreSQL's text can't hold the character 0; SQLite's can, and both shall take the same."""
    for name, value in item:
        if isinstance(value, str) and "\0" in value:
            fail(f"{path}.{name}", "holds the character NUL", "Leave it out.")


def refuse_nul_names(attributes: Mapping[str, Any], path: str) -> None:
    """Do the same for names; values are stored as JSON, which escapes it."""
    for name in attributes:
        if "\0" in name:
            fail(f"{path}.{name}", "holds the character NUL", "Leave it out.")

"""Which type each attribute of the store is exported with: the champion's, whatever single values are."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from features.attributes import AttributeSpec
from features.catalog import Catalog
from features.errors import BundleError
from serving.scoring.served_models import default_model

__all__ = ["Declared", "SetAside", "bundle_with_types", "declare", "types_of"]

Row = Mapping[Any, Any]
Key = tuple[str, str]
Type = Literal["number", "category", "boolean"]

TAKEN = ("lead_id", "account_id", "created_at", "source_file", "source_line", "_row", "_reason")
"""Columns that ingest knows; databases don't tell capitals apart."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """Values that are not exported: of one attribute, and of one type.

    Attributes
    ----------
    entity, attribute : str
        Whose, and its name.
    why : str
        ``other_type``, ``name_of_a_column`` or ``name_taken`` (by an attribute of the other entity, or by one that differs in
        capitals only).
    type : str or None
        That the attribute is exported with; None: it is not.
    sent : str or None
        Type of these values; None: null.
    count : int
        How many values.
    example_id : str
        One lead or account that has one.
    """

    entity: str
    attribute: str
    why: str
    type: str | None
    sent: str | None
    count: int
    example_id: str


class Declared(NamedTuple):
    """What is exported of the attributes.

    Attributes
    ----------
    types : dict of (entity, attribute) to type
        Sorted.
    changes : list of row
        Those of exported attributes; a value of another type is null, as it is for the model.
    set_aside : list of SetAside
        The rest, sorted.
    """

    types: dict[Key, str]
    changes: list[Row]
    set_aside: list[SetAside]


def bundle_with_types(root: Path, environ: Mapping[str, str]) -> Path | None:
    """Find the bundle whose attribute types are taken: the default model's folder, served last, or packed; None: none.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    environ : mapping of str to str
        The environment variables.
    """
    served = default_model(root, environ)
    if served.folder is not None:
        return served.folder
    folders = [folder for folder in (served.last_good, served.packed) if folder is not None]
    return next((folder for folder in folders if (folder / "catalog.json").exists()), None)


def types_of(bundle: Path) -> dict[str, str]:
    """Read the types of a bundle's attributes from its catalog; the model is not loaded.

    Raises
    ------
    BundleError
        There is no catalog, or this version can't read it.
    """
    try:
        text = (bundle / "catalog.json").read_text(encoding="utf-8")
        return {spec.name: spec.type for spec in Catalog.from_json(text).attributes}
    except (OSError, UnicodeDecodeError, BundleError) as error:
        raise BundleError(
            f"{bundle}: the attributes' types can't be read ({error}). Name a bundle of this version by --types-from."
        ) from error


def declare(changes: Sequence[Row], types: Mapping[str, str]) -> Declared:
    """Decide the type of each attribute, and set aside the values that have another one.

    Parameters
    ----------
    changes : sequence of row
        entity, entity_id, attribute, value (JSON), ... of the store.
    types : mapping of str to str
        Of the champion; an attribute that is not there gets the type that most of its values have.
    """
    parsed = [(row, json.loads(row["value"])) for row in changes]
    counts: dict[Key, Counter[str]] = {}
    for row, value in parsed:
        sent = counts.setdefault((row["entity"], row["attribute"]), Counter())
        if value is not None:
            sent[_type(value)] += 1
    why = dict(_without_place(counts, types))
    declared = {
        key: types.get(key[1]) or max(sorted(sent), key=sent.__getitem__, default="category")
        for key, sent in sorted(counts.items())
        if key not in why
    }
    specs = {key: _spec(kind) for key, kind in declared.items()}
    kept: list[Row] = []
    aside: dict[tuple[Key, str | None], list[str]] = {}
    for row, value in parsed:
        key = (row["entity"], row["attribute"])
        fits = key in specs and specs[key].takes(value)
        if not fits:
            aside.setdefault((key, None if value is None else _type(value)), []).append(row["entity_id"])
        if key in specs:
            kept.append(row if fits else {**row, "value": "null"})
    set_aside = [
        SetAside(*key, why.get(key, "other_type"), declared.get(key), sent, len(ids), min(ids))
        for (key, sent), ids in aside.items()
    ]
    return Declared(declared, kept, sorted(set_aside, key=lambda item: (item.entity, item.attribute, str(item.sent))))


def _without_place(counts: Mapping[Key, Counter[str]], types: Mapping[str, str]) -> Iterator[tuple[Key, str]]:
    """Name the attributes that can't have a column of their own, and why."""
    alike: dict[str, list[Key]] = {}
    for key in sorted(counts):
        alike.setdefault(key[1].casefold(), []).append(key)
    for folded, keys in alike.items():
        if folded in TAKEN:
            yield from ((key, "name_of_a_column") for key in keys)
            continue
        # The champion's spelling first, then the most frequent one
        best = max(keys, key=lambda key: (key[1] in types, counts[key].total()))
        yield from ((key, "name_taken") for key in keys if key != best)


def _type(value: Any) -> Type:
    return "boolean" if isinstance(value, bool) else "category" if isinstance(value, str) else "number"


def _spec(kind: Any) -> AttributeSpec:
    return AttributeSpec("lead", "", kind, "creation")

"""Names that people give to personas: a file beside params.yaml that survives new runs, for it says whom each name means."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationError
from scipy.optimize import linear_sum_assignment

from features.errors import ParameterError
from features.params import Frozen
from models.analyses.personas import Compared, Persona
from pipeline.params import dump_yaml, read_yaml

__all__ = ["FILE", "NamedPersona", "match_names", "read_names", "rename", "traits_of", "write_names"]

FILE = Path("persona_names.yaml")
ALIKE = 0.6
"""Cosine similarity of traits from which a persona is the one that a name was given to."""
HEAD = """\
# Names of personas, one entry each: `name` is shown; `traits` says whom it means (how much more frequent something is among
# them than among all customers), so that a name finds its persona again after new data. Edit names here, or:
# python -m pipeline.name_persona P1 "Evaluating engineers"
"""


class NamedPersona(Frozen):
    """One entry of the file."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    traits: dict[str, float]


def traits_of(persona: Persona) -> dict[str, float]:
    """Say by what a persona is told from all customers: trait to difference of shares.

    Parameters
    ----------
    persona : Persona
    """
    groups: tuple[tuple[str, Sequence[Compared]], ...] = (
        ("", persona.who),
        ("channel:", persona.channels),
        ("first channel:", persona.first_channels),
        ("content:", persona.contents),
        ("last:", persona.last_steps),
        ("question:", persona.questions),
    )
    traits = {prefix + _text(item): round(item.share - item.of_all, 3) for prefix, items in groups for item in items}
    return {name: value for name, value in traits.items() if abs(value) >= 0.02}


def _text(item: Compared) -> str:
    if item.low is not None or item.high is not None:
        return f"{item.name}={'' if item.low is None else f'{item.low:g}'}..{'' if item.high is None else f'{item.high:g}'}"
    return item.name if item.value is None else f"{item.name}={item.value}"


def _similarity(one: dict[str, float], other: dict[str, float]) -> float:
    names = sorted({*one, *other})
    a, b = (np.array([traits.get(name, 0.0) for name in names]) for traits in (one, other))
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0


def match_names(personas: tuple[Persona, ...], names: Sequence[NamedPersona]) -> tuple[Persona, ...]:
    """Give each persona the name that was given to the one most like it; no name is used twice.

    Parameters
    ----------
    personas : tuple of Persona
    names : sequence of NamedPersona

    Returns
    -------
    tuple of Persona
        In the same order; who is like no named one stays without a name.
    """
    if not personas or not names:
        return personas
    alike = np.array([[_similarity(traits_of(persona), entry.traits) for entry in names] for persona in personas])
    pairs = zip(
        *(places.tolist() for places in linear_sum_assignment(-np.where(alike >= ALIKE, alike, 0.0))), strict=True
    )
    found = {row: names[column].name for row, column in pairs if alike[row, column] >= ALIKE}
    return tuple(persona.model_copy(update={"name": found.get(place)}) for place, persona in enumerate(personas))


def rename(personas: tuple[Persona, ...], names: Sequence[NamedPersona], key: str, name: str) -> list[NamedPersona]:
    """Give a persona a name: the entry that it was matched with is replaced, else one is added.

    Raises
    ------
    ParameterError
        If there is no such persona, the name is empty or too long, or another persona bears it.
    """
    chosen = next((persona for persona in personas if persona.key == key), None)
    if chosen is None:
        known = ", ".join(persona.key for persona in personas) or "none: no segment of the customers is stable"
        raise ParameterError(f"persona {key!r}: there is no such persona. There are: {known}.")
    if any(persona.name == name and persona.key != key for persona in personas):
        raise ParameterError(f"persona {key}: another persona is called {name!r}. Choose another name.")
    try:
        entry = NamedPersona(name=name.strip(), traits=traits_of(chosen))
    except ValidationError as error:
        raise ParameterError(f"persona {key}: a name has 1 to 80 characters, got {len(name.strip())}.") from error
    return [*(other for other in names if other.name not in (chosen.name, entry.name)), entry]


def read_names(path: Path = FILE) -> list[NamedPersona]:
    """Read the file; no file: no names.

    Raises
    ------
    ParameterError
        If it is not a list of names with traits below `names`, or a name stands there twice.
    """
    if not path.exists():
        return []
    raw = read_yaml(path).get("names") or []
    try:
        names = [NamedPersona.model_validate(entry) for entry in raw]
    except (ValidationError, TypeError) as error:
        raise ParameterError(
            f"{path}: expected below `names` a list of entries with `name` (1 to 80 characters) and `traits` (trait: number). "
            "Correct the entry, or remove it and name the persona again: python -m pipeline.name_persona."
        ) from error
    twice = {entry.name for entry in names if sum(entry.name == other.name for other in names) > 1}
    if twice:
        raise ParameterError(f"{path}: the name {min(twice)!r} stands there twice. Give each persona another one.")
    return names


def write_names(names: Sequence[NamedPersona], path: Path = FILE) -> None:
    """Write the file."""
    path.write_text(HEAD + dump_yaml({"names": [entry.model_dump() for entry in names]}), encoding="utf-8")

"""The purpose registry of a source: what each field is used for, on which legal basis, and for how long.

One file per source, `purposes/<source>.yaml`: a document of the company, which people edit who write no code.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from features.errors import DataError, ParameterError
from features.params import Frozen
from pipeline.params import read_yaml
from pipeline.tables.personal_fields import PersonalFields

__all__ = [
    "FOLDER",
    "SECTIONS",
    "Controller",
    "Entry",
    "LegalBasis",
    "PurposeRegistry",
    "read_registry",
    "refuse_missing",
    "registry_file",
]

FOLDER = Path("purposes")
SECTIONS = ("attributes", "touchpoint_kinds", "tables", "feature_groups")

LegalBasis = Literal["consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interest"]
"""The six of GDPR Art. 6(1)(a) to (f), in their order."""

Text = Annotated[str, Field(min_length=1, max_length=500)]


class Entry(Frozen):
    """What one field is used for. `state` is ``draft`` until a person who answers for it has confirmed it.

    `label` is what notice and letters call it, by language; None: its name, or the known words of a kind of touchpoints.
    """

    purpose: Text
    legal_basis: LegalBasis
    retention_days: int = Field(ge=1, le=36_500)
    state: Literal["draft", "confirmed"] = "draft"
    label: dict[Literal["en", "de"], Text] | None = None


class Controller(Frozen):
    """Who is responsible (Art. 4(7)), as notice and record name them; None: not filled in yet."""

    name: Text | None = None
    address: Text | None = None
    contact: Text | None = None
    data_protection_officer: Text | None = None


class PurposeRegistry(Frozen):
    """A whole registry.

    `purposes` maps each purpose to its words by language, `recipients` says by language who gets scores. Names of attributes
    are ``lead.role`` and ``account.industry``; those of touchpoint kinds may be patterns (``mail_*``).
    """

    controller: Controller = Controller()
    purposes: dict[str, dict[Literal["en", "de"], Text]]
    recipients: dict[Literal["en", "de"], Text]
    attributes: dict[str, Entry] = Field(default_factory=dict)
    touchpoint_kinds: dict[str, Entry] = Field(default_factory=dict)
    tables: dict[str, Entry] = Field(default_factory=dict)
    feature_groups: dict[str, Entry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _purposes_are_there(self) -> Self:
        for section, name, entry in self.entries():
            if entry.purpose not in self.purposes:
                known = ", ".join(self.purposes)
                raise ValueError(f"{section}: {name}: no such purpose {entry.purpose!r}; there are {known}")
        return self

    def entries(self) -> Iterator[tuple[str, str, Entry]]:
        """Give section, name and entry of everything in the registry."""
        for section in SECTIONS:
            for name, entry in getattr(self, section).items():
                yield section, name, entry

    def find(self, section: str, name: str) -> Entry | None:
        """Find the entry of a field; of kinds that match several patterns, the longest pattern's."""
        entries: dict[str, Entry] = getattr(self, section)
        if name in entries or section != "touchpoint_kinds":
            return entries.get(name)
        patterns = [pattern for pattern in entries if fnmatchcase(name, pattern)]
        return entries[max(patterns, key=len)] if patterns else None

    def missing(self, fields: PersonalFields, groups: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """List fields without an entry, as section and name."""
        wanted = {**fields._asdict(), "feature_groups": groups}
        return [(section, name) for section in SECTIONS for name in wanted[section] if self.find(section, name) is None]

    def drafts(self, fields: PersonalFields | None = None, groups: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """List entries that are not confirmed; of the whole registry, or of what these fields are used under."""
        if fields is None:
            return [(section, name) for section, name, entry in self.entries() if entry.state == "draft"]
        wanted = {**fields._asdict(), "feature_groups": groups}
        found = ((section, name, self.find(section, name)) for section in SECTIONS for name in wanted[section])
        return [(section, name) for section, name, entry in found if entry is not None and entry.state == "draft"]


def registry_file(source: str) -> Path:
    """Give the file of a source's registry; it need not exist."""
    return FOLDER / f"{source}.yaml"


def read_registry(path: Path) -> PurposeRegistry | None:
    """Read a registry; None: there is no such file.

    Raises
    ------
    ParameterError
        It is not YAML, or an entry lacks something or has what is not allowed.
    """
    if not path.exists():
        return None
    try:
        return PurposeRegistry(**read_yaml(path))
    except TypeError as error:
        raise ParameterError(f"{path}: expected the sections of a purpose registry ({error}).") from error
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, item['loc']))}: {item['msg']} (got {str(item['input'])[:60]!r})"
            for item in error.errors()
        ]
        raise ParameterError(f"{path}: {len(lines)} bad value(s):\n" + "\n".join(lines) + "\nCorrect them.") from error


def refuse_missing(registry: PurposeRegistry, path: Path, missing: list[tuple[str, str]], lines: list[str]) -> None:
    """Refuse fields without an entry.

    Parameters
    ----------
    registry : PurposeRegistry
    path : Path
        Its file.
    missing : list of (section, name)
    lines : list of str
        The entries to add.

    Raises
    ------
    DataError
        Something is missing; the message holds what to add.
    """
    if not missing:
        return
    names = ", ".join(f"{section}.{name}" for section, name in missing[:20])
    more = f" and {len(missing) - 20:,} more" if len(missing) > 20 else ""
    raise DataError(
        f"{path}: {len(missing):,} field(s) have no purpose: {names}{more}. Nothing is used without one (GDPR Art. 5(1)(b)). "
        "Add them, correct purpose, legal basis and days, or let `python -m pipeline.privacy purposes --draft` write them:\n"
        + "\n".join(lines)
    )

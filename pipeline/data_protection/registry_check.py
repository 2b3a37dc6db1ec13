"""Holding what a source brings to its purpose registry: nothing is used without an entry, drafts are named."""

from collections.abc import Callable

from features.errors import LeadQualificationError
from pipeline.data_protection.registry import SECTIONS, PurposeRegistry, read_registry, refuse_missing, registry_file
from pipeline.data_protection.registry_drafts import draft_lines
from pipeline.tables.personal_fields import EMPTY, PersonalFields

__all__ = ["check_purposes", "refuse_drafts", "retention_of"]

SHOWN = 12


def check_purposes(source: str, fields: PersonalFields, groups: tuple[str, ...] = ()) -> list[str]:
    """Refuse fields without an entry; say which are used under a draft.

    Parameters
    ----------
    source : str
        Whose registry.
    fields : PersonalFields
        What is used.
    groups : tuple of str
        Feature groups that are used.

    Returns
    -------
    list of str
        Warnings. A source that has no registry at all is one of them: everything counts as a draft.

    Raises
    ------
    DataError
        A field has no entry; the message holds the entry to add.
    ParameterError
        The registry can't be read.
    """
    path = registry_file(source)
    registry = read_registry(path)
    if registry is None:
        return [
            f"{path}: this source has no purpose registry, so all its fields count as drafts. Write one: python -m "
            "pipeline.privacy purposes --draft"
        ]
    missing = registry.missing(fields, groups)
    refuse_missing(registry, path, missing, _lines(missing))
    drafts = registry.drafts(fields, groups)
    if not drafts:
        return []
    names = ", ".join(f"{section}.{name}" for section, name in drafts[:SHOWN])
    more = f" and {len(drafts) - SHOWN:,} more" if len(drafts) > SHOWN else ""
    return [f"{path}: {len(drafts):,} purpose(s) are drafts that nobody has confirmed: {names}{more}"]


def retention_of(source: str) -> Callable[[str, str], int | None]:
    """Give what tells how many days a kind of touchpoints or a table is kept; without a registry, everything is.

    Parameters
    ----------
    source : str
        Whose registry.
    """
    registry = read_registry(registry_file(source))

    def days(section: str, name: str) -> int | None:
        entry = None if registry is None else registry.find(section, name)
        return None if entry is None else entry.retention_days

    return days


def _lines(missing: list[tuple[str, str]]) -> list[str]:
    lines = []
    for section in SECTIONS:
        names = [name for of, name in missing if of == section]
        lines += [f"{section}:", *(f"  {line}" for line in draft_lines(section, names))] if names else []
    return lines


def refuse_drafts(source: str, fields: PersonalFields = EMPTY, groups: tuple[str, ...] = ()) -> PurposeRegistry:
    """Refuse to go into production with a registry that nobody answers for.

    Parameters
    ----------
    source, fields, groups
        As for `check_purposes`.

    Raises
    ------
    LeadQualificationError
        There is no registry, an entry that is used is missing or a draft, or the controller is not named.
    """
    path = registry_file(source)
    registry = read_registry(path)
    if registry is None:
        raise LeadQualificationError(
            f"--for-production: {path} does not exist. Write drafts by `python -m pipeline.privacy purposes --draft`, and "
            "confirm them."
        )
    missing = registry.missing(fields, groups)
    refuse_missing(registry, path, missing, _lines(missing))
    drafts = registry.drafts(fields, groups)
    if drafts:
        names = ", ".join(f"{section}.{name}" for section, name in drafts[:SHOWN])
        more = f" and {len(drafts) - SHOWN:,} more" if len(drafts) > SHOWN else ""
        raise LeadQualificationError(
            f"--for-production: {path}: {len(drafts):,} of the purposes that this model uses are drafts: {names}{more}. "
            "Whoever answers for the data checks them and writes `state: confirmed`; or publish without --for-production, to "
            "try the model."
        )
    if registry.controller.name is None or registry.controller.contact is None:
        raise LeadQualificationError(
            f"--for-production: {path}: controller.name and controller.contact are null. Name who is responsible (GDPR "
            "Art. 4(7)) and how leads reach them: notice and letters say so."
        )
    return registry

"""Drafts for the purpose registry: a proposal for each field, to be confirmed by whoever answers for the data."""

import json
from collections.abc import Sequence
from pathlib import Path

from features.operations import GROUPS
from pipeline.data_protection.registry import SECTIONS, PurposeRegistry, read_registry
from pipeline.tables.personal_fields import PersonalFields
from pipeline.workspaces.params_edit import add_entries

__all__ = ["add_drafts", "draft_lines", "draft_registry"]

TRACKED = (
    "mail_open",
    "mail_click",
    "email_open",
    "email_click",
    "page_view",
    "pageview",
    "visit",
    "session",
    "ad_",
    "click",
)
"""Kinds that begin so are seen by reading or storing something on a person's device, which needs consent (Directive
2002/58/EC Art. 5(3); § 25 TDDDG)."""

QUALIFY = "lead_qualification"
DAYS = {"attributes": 1_095, "touchpoint_kinds": 1_095, "tables": 1_095, "feature_groups": 1_095}

HEAD = f"""\
# What the fields of this source are used for, on which legal basis (GDPR Art. 6(1)), and for how many days they are kept.
# Each draft is a proposal that was written by rule. Whoever answers for the data checks it, corrects it and writes
# `state: confirmed`. docs/privacy.md has the rest.
controller: {{name: null, address: null, contact: null, data_protection_officer: null}}
purposes:
  {QUALIFY}:
    en: Estimating which leads sales should talk to, and when
    de: Einschätzen, mit welchen Leads der Vertrieb wann sprechen sollte
recipients:
  en: The company’s marketing and sales, and its CRM provider as processor
  de: Marketing und Vertrieb des Unternehmens sowie der Anbieter des CRM als Auftragsverarbeiter
"""


def draft_lines(section: str, names: Sequence[str]) -> list[str]:
    """Write draft entries of one section, as lines of the file.

    Parameters
    ----------
    section : str
        Of `SECTIONS`.
    names : sequence of str

    Examples
    --------
    >>> draft_lines("attributes", ["lead.role"])
    ['"lead.role": {purpose: lead_qualification, legal_basis: legitimate_interest, retention_days: 1095, state: draft}']
    """
    return [
        f"{json.dumps(name, ensure_ascii=False)}: {{purpose: {QUALIFY}, legal_basis: {_basis(section, name)}, "
        f"retention_days: {DAYS[section]}, state: draft}}"
        for name in names
    ]


def _basis(section: str, name: str) -> str:
    if section == "touchpoint_kinds" and name.lower().startswith(TRACKED):
        return "consent"
    return "contract" if (section, name) == ("tables", "orders") else "legitimate_interest"


def draft_registry(fields: PersonalFields) -> str:
    """Write a whole registry of drafts.

    Parameters
    ----------
    fields : PersonalFields
        What the source holds.
    """
    wanted = {**fields._asdict(), "feature_groups": GROUPS}
    text = HEAD
    for section in SECTIONS:
        lines = draft_lines(section, wanted[section])
        text += "\n".join([f"{section}:", *(f"  {line}" for line in lines)] if lines else [f"{section}: {{}}"]) + "\n"
    return text


def add_drafts(path: Path, fields: PersonalFields, groups: Sequence[str] = GROUPS) -> list[tuple[str, str]]:
    """Write the registry, or add to it what it lacks; what a person wrote stays as it is.

    Parameters
    ----------
    path : Path
        The registry's file.
    fields : PersonalFields
    groups : sequence of str
        Feature groups.

    Returns
    -------
    list of (section, name)
        What was added.

    Raises
    ------
    ParameterError
        The file can't be read, or can't be added to.
    """
    registry = read_registry(path)
    if registry is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draft_registry(fields), encoding="utf-8")
        return list(PurposeRegistry(purposes={}, recipients={}).missing(fields, tuple(groups)))
    missing = registry.missing(fields, tuple(groups))
    text = path.read_text(encoding="utf-8")
    for section in SECTIONS:
        names = [name for of, name in missing if of == section]
        if names:
            text = add_entries(text, section, draft_lines(section, names), str(path))
    if missing:
        trial = path.with_name(f".{path.name}.new")
        trial.write_text(text, encoding="utf-8")
        read_registry(trial)
        trial.replace(path)
    return missing

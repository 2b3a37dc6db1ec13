"""Notice, record of processing and impact assessment, made from a purpose registry; each is one page in every language."""

from collections.abc import Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.presentation.catalogues import n_, words
from models.presentation.numbers import number
from models.presentation.rendering import file_page, render
from pipeline.data_protection.registry import SECTIONS, Entry, PurposeRegistry
from pipeline.onboarding.names import kind_labels

__all__ = ["DOCUMENTS", "documents", "field_name"]

TEMPLATES = Path(__file__).parent / "templates"

DOCUMENTS = {
    "notice": n_("Privacy notice: how we assess enquiries"),
    "record": n_("Record of processing: qualification of leads"),
    "dpia": n_("Data protection impact assessment: qualification of leads"),
}
LEADS = {
    "notice": n_("Text for the company’s privacy notice (Art. 13 and 14 GDPR)."),
    "record": n_("Entry for the record of processing activities (Art. 30(1) GDPR)."),
    "dpia": n_("Draft of the assessment that Art. 35 GDPR asks for where profiling is likely to be a high risk."),
}
BASES = {
    "consent": n_("consent (Art. 6(1)(a))"),
    "contract": n_("contract (Art. 6(1)(b))"),
    "legal_obligation": n_("legal obligation (Art. 6(1)(c))"),
    "vital_interests": n_("vital interests (Art. 6(1)(d))"),
    "public_task": n_("public task (Art. 6(1)(e))"),
    "legitimate_interest": n_("legitimate interest (Art. 6(1)(f))"),
}
SECTION_NAMES = {
    "attributes": n_("Facts about person and company"),
    "touchpoint_kinds": n_("Interactions"),
    "tables": n_("Course of the enquiry"),
    "feature_groups": n_("Figures computed from these"),
}
TABLE_NAMES = {
    "stage_changes": n_("stages and verdicts"),
    "handovers": n_("hand-over to sales"),
    "advices": n_("our own advice on when to call"),
    "orders": n_("orders"),
    "identities": n_("recognised visits"),
}
GROUP_NAMES = {
    "engagement": n_("how often and how lately"),
    "rhythm": n_("rhythm"),
    "path": n_("order of interactions"),
    "buyer_profile": n_("likeness to earlier buyers"),
    "sales": n_("contacts by sales"),
    "account": n_("interest of colleagues"),
    "orders": n_("earlier orders"),
    "stages": n_("course of the enquiry"),
    "attributes": n_("facts as they are"),
}
RISKS = (
    (
        n_("A wrong estimate: someone with a need is called late or not at all."),
        n_(
            "Calibrated probabilities with intervals; wide ones are marked or withheld; quality is monitored on "
            "known outcomes; every estimate can be recomputed."
        ),
        n_("What being called late means for the person. For business contacts it is usually little."),
    ),
    (
        n_("Unequal treatment of groups."),
        n_("The model card compares attention and quality between the groups that are configured."),
        n_("Which groups must be compared, and what difference is acceptable."),
    ),
    (
        n_("The person does not expect the profiling."),
        n_(
            "Notice and letter in plain language; an objection ends the estimate for good and is "
            "recognised in every later import."
        ),
        n_("Whether the notice reaches people whose data does not come from themselves (Art. 14)."),
    ),
    (
        n_("Data is kept too long or not erased everywhere."),
        n_("Retention per field; erasure in every table, log and cache, with a search that proves it."),
        n_("Backups and copies outside of the product."),
    ),
    (
        n_("The model reveals whom it learned from."),
        n_("The model holds no ids and no free text, and values that few leads have share one code."),
        n_("Whether an attack that asks who was in the training data must be measured on this data."),
    ),
    (
        n_("Unauthorised access, or curiosity of employees."),
        n_(
            "Keys with scopes, pseudonyms, an audit log of who scored, viewed, decided and exported, which shows changes."
        ),
        n_("Who gets which scope, and who reads the audit log."),
    ),
    (
        n_("People follow the number without thinking."),
        n_("Reasons beside each number, no automatic rejection, and a report of how often people decide otherwise."),
        n_("Training of those who work with it."),
    ),
)


def documents(registry: PurposeRegistry, label_days: int) -> dict[str, str]:
    """Make all documents.

    Parameters
    ----------
    registry : PurposeRegistry
    label_days : int
        How far forward an estimate looks.

    Returns
    -------
    dict of str to str
        Name to HTML.
    """
    return {name: _document(name, registry, label_days) for name in DOCUMENTS}


def _document(name: str, registry: PurposeRegistry, label_days: int) -> str:
    return file_page(
        lambda language: words(language).say(DOCUMENTS[name]),
        lambda language: words(language).say(LEADS[name]),
        partial(_body, name, registry, label_days),
        links={DOCUMENTS[other]: f"{other}.html" for other in DOCUMENTS if other != name},
    )


def _body(name: str, registry: PurposeRegistry, label_days: int, language: str) -> Markup:
    say = words(language)
    texts = {purpose: said.get(_spoken(language), said["en"]) for purpose, said in registry.purposes.items()}
    return render(
        TEMPLATES,
        f"{name}.html",
        language,
        controller=registry.controller,
        purposes=list(texts.values()),
        recipients=registry.recipients.get(_spoken(language), registry.recipients["en"]),
        sections=[_section(section, registry, language) for section in SECTIONS if getattr(registry, section)],
        drafts=len(registry.drafts()),
        label_days=label_days,
        has_legitimate_interest=any(entry.legal_basis == "legitimate_interest" for _, _, entry in registry.entries()),
        risks=[{"what": say.say(a), "measure": say.say(b), "rest": say.say(c)} for a, b, c in RISKS],
    )


def _spoken(language: str) -> Any:
    return language if language in ("en", "de") else "en"


def _section(section: str, registry: PurposeRegistry, language: str) -> dict[str, Any]:
    say = words(language)
    entries: Mapping[str, Entry] = getattr(registry, section)

    def key(item: tuple[str, Entry]) -> tuple[str, int]:
        return item[1].legal_basis, item[1].retention_days

    rows = [
        {
            "names": ", ".join(field_name(section, name, entry, language) for name, entry in alike),
            "basis": say.say(BASES[basis]),
            "kept": say.ngettext("{n} day", "{n} days", days, n=number(days, 0, language)),
        }
        for (basis, days), alike in groupby(sorted(entries.items(), key=key), key)
    ]
    return {"name": say.say(SECTION_NAMES[section]), "rows": rows}


def field_name(section: str, name: str, entry: Entry | None, language: str) -> str:
    """Say how a field is called: as its entry's label has it, in words that are known, else by its name."""
    spoken = _spoken(language)
    if entry is not None and entry.label is not None:
        return entry.label.get(spoken, next(iter(entry.label.values())))
    known = {"tables": TABLE_NAMES, "feature_groups": GROUP_NAMES}.get(section, {})
    if name in known:
        return words(language).say(known[name])
    labels = kind_labels(name) if section == "touchpoint_kinds" else None
    if labels:
        return str(labels[spoken][0])
    return (name.partition(".")[2] or name).replace("_", " ")

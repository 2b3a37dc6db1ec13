"""Attributes of a lead or account in words."""

import math
from collections.abc import Sequence

from features.wording.units import check_language, number

__all__ = ["attribute_label", "attribute_text", "attribute_value", "missing_text"]


# what CRMs call attributes of leads and accounts, and `python -m pipeline.init` and the presets too
_LABELS = {
    "annual_revenue": ("annual revenue", "Jahresumsatz"),
    "budget": ("budget", "Budget"),
    "campaign": ("campaign", "Kampagne"),
    "channel": ("channel", "Kanal"),
    "city": ("city", "Ort"),
    "country": ("country", "Land"),
    "department": ("department", "Abteilung"),
    "employees": ("employees", "Beschäftigte"),
    "existing_customer": ("existing customer", "Bestandskunde"),
    "free_mail": ("private mail address", "private Mailadresse"),
    "industry": ("industry", "Branche"),
    "job_title": ("job title", "Funktion"),
    "language": ("language", "Sprache"),
    "lead_source": ("lead source", "Leadquelle"),
    "mql_campaign": ("campaign at the MQL moment", "Kampagne zum MQL-Zeitpunkt"),
    "newsletter": ("newsletter", "Newsletter"),
    "origin": ("origin", "Herkunft"),
    "owner_region": ("region of sales", "Vertriebsregion"),
    "product": ("product", "Produkt"),
    "region": ("region", "Region"),
    "revenue": ("revenue", "Umsatz"),
    "revenue_band": ("revenue band", "Umsatzklasse"),
    "role": ("role", "Rolle"),
    "segment": ("segment", "Segment"),
    "seniority": ("seniority", "Position"),
    "source": ("source", "Quelle"),
    "source_campaign": ("first campaign", "erste Kampagne"),
    "state": ("state", "Bundesland"),
    "title": ("title", "Titel"),
}


def attribute_label(name: str, language: str) -> str:
    """Name an attribute for people; one that is not known here by its own name.

    Examples
    --------
    >>> attribute_label("employees", "de"), attribute_label("favourite_colour", "de")
    ('Beschäftigte', 'favourite colour')
    """
    return _LABELS[name][language == "de"] if name in _LABELS else name.replace("_", " ")


def attribute_text(name: str, kind: str, categories: Sequence[str], value: float, language: str) -> str:
    """Say what an attribute's encoded value means.

    Parameters
    ----------
    name : str
        The attribute.
    kind : {"number", "category", "boolean"}
        Its type.
    categories : sequence of str
        Known values in code order; empty unless the type is category.
    value : float
        As encoded; NaN: not known.
    language : {"en", "de"}
        Of the answer.

    Examples
    --------
    >>> attribute_text("industry", "category", ("energy", "manufacturing"), 1.0, "en")
    'industry: manufacturing'
    >>> attribute_text("industry", "category", ("energy",), float("nan"), "de")
    'Branche nicht bekannt'
    """
    check_language(language)
    label, words = attribute_label(name, language), attribute_value(kind, categories, value, language)
    if not words:
        return f"{label} not known" if language == "en" else f"{label} nicht bekannt"
    return f"{label}: {words}"


def attribute_value(kind: str, categories: Sequence[str], value: float, language: str) -> str:
    """Say what an encoded value stands for; empty: not known. See `attribute_text`."""
    if math.isnan(value):
        return ""
    if kind == "category":
        code = int(value)
        if code < len(categories):
            return categories[code]
        return "rare or new" if language == "en" else "selten oder neu"
    if kind == "boolean":
        return {"en": ("no", "yes"), "de": ("nein", "ja")}[language][value != 0]
    return number(value, language)


def missing_text(entity: str, value: float, language: str) -> str:
    """Say how many attributes of a lead or account are not known.

    Examples
    --------
    >>> missing_text("account", 2.0, "de")
    'Merkmale des Unternehmens nicht bekannt: 2'
    """
    check_language(language)
    whose = {"lead": ("the lead", "des Leads"), "account": ("the account", "des Unternehmens")}[entity]
    if language == "en":
        return f"attributes of {whose[0]} not known: {number(value, language)}"
    return f"Merkmale {whose[1]} nicht bekannt: {number(value, language)}"

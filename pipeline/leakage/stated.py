"""Findings in sentences of every language."""

from collections.abc import Mapping

from models.presentation.catalogues import LANGUAGES, Words, n_, words
from models.presentation.numbers import number, percent

__all__ = ["WITHHOLD", "stated"]

Value = float | int | str | Mapping[str, str]
WITHHOLD = n_(
    "Find out when it is written. If that is not before the snapshot, declare it `after`, so that it never becomes a feature."
)


def stated(text: str, /, **figures: Value) -> dict[str, str]:
    """Say a sentence in every language, with its figures: an int as a count, a float as a share, text as it is.

    A name that ends in ``auc`` or ``value`` is a plain number of three digits; a mapping holds a part by language.

    Examples
    --------
    >>> stated("{n} rows, {share}", n=1200, share=0.5)["en"]
    '1,200 rows, 50.0%'
    """
    return {language: _said(words(language), text, figures) for language in LANGUAGES}


def _said(say: Words, text: str, figures: Mapping[str, Value]) -> str:
    return say.filled(text, **{name: _shown(name, value, say.language) for name, value in figures.items()})


def _shown(name: str, value: Value, language: str) -> str:
    if isinstance(value, Mapping):
        return value[language]
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return number(value, 0, language)
    return number(value, 3, language) if name.endswith(("auc", "value")) else percent(value, language)

"""Figures in sentences of both languages."""

from pipeline.leakage.finding import Words
from pipeline.pages.html import number, percent

__all__ = ["WITHHOLD", "words"]

WITHHOLD = Words(
    "Find out when it is written. If that is not before the snapshot, declare it `after`, so that it never becomes a feature.",
    "Klären, wann das Feld geschrieben wird. Liegt das nicht vor dem Snapshot: als `after` deklarieren; dann wird es nie "
    "zum Merkmal.",
)


def words(en: str, de: str, **figures: float | int | str) -> Words:
    """Fill figures into one sentence of each language: an int as a count, a float as a share, text as it is.

    A name that ends in ``auc`` or ``value`` is a plain number of three digits.

    Examples
    --------
    >>> words("{n} rows, {share}", "{n} Zeilen, {share}", n=1200, share=0.5)
    Words(en='1,200 rows, 50.0 %', de='1.200 Zeilen, 50,0 %')
    """

    def shown(language: str) -> dict[str, str]:
        return {name: _shown(name, value, language) for name, value in figures.items()}

    return Words(en.format(**shown("en")), de.format(**shown("de")))


def _shown(name: str, value: float | int | str, language: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return number(value, 0, language)
    return number(value, 3, language) if name.endswith(("auc", "value")) else percent(value, language)

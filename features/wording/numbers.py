"""How a language writes numbers: separators and the percent sign, as the Unicode CLDR has them."""

from functools import cache
from typing import NamedTuple

__all__ = ["MISSING", "number", "percent", "written"]

MISSING = "–"
_SWAPPED = str.maketrans(",.", "\0\1")


class _Notation(NamedTuple):
    group: str
    decimal: str
    percent: str  # holds {}


@cache
def _notation(language: str) -> _Notation:
    from babel import (
        Locale,
    )  # on first use: most stages write no number, and importing it takes as long as a small stage
    from babel.numbers import format_percent

    symbols = Locale.parse(language).number_symbols["latn"]
    return _Notation(symbols["group"], symbols["decimal"], format_percent(0, locale=language).replace("0", "{}"))


def written(text: str, language: str) -> str:
    """Put a number that Python wrote (``1,234.5``) into a language's notation.

    Examples
    --------
    >>> written("1,234.5", "en"), written("1,234.5", "de")
    ('1,234.5', '1.234,5')
    """
    if language == "en":
        return text
    notation = _notation(language)
    return text.translate(_SWAPPED).replace("\0", notation.group).replace("\1", notation.decimal)


def number(value: float | None, digits: int, language: str) -> str:
    """Write a number with so many decimals; a missing one (None, NaN) is a dash.

    Examples
    --------
    >>> number(12345.678, 1, "en"), number(12345.678, 1, "de"), number(-0.01, 1, "en"), number(None, 1, "en")
    ('12,345.7', '12.345,7', '0.0', '–')
    """
    if value is None or value != value:
        return MISSING
    return written(f"{value:z,.{digits}f}", language)  # z: no minus before a zero


def percent(share: float | None, language: str, digits: int = 1) -> str:
    r"""Write a share as a percentage, with a space that does not break where the language has one.

    Examples
    --------
    >>> percent(0.1234, "en"), percent(0.1234, "de"), percent(0.5, "en", 0), percent(None, "en")
    ('12.3%', '12,3\xa0%', '50%', '–')
    """
    if share is None or share != share:
        return MISSING
    return _notation(language).percent.format(number(100.0 * share, digits, language))

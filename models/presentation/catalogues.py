"""Texts by language: English as it stands in code and templates, every other language from its gettext catalogue.

A language is a folder ``locale/<language>/LC_MESSAGES`` with ``messages.po``. Catalogues are read as they are: there is no
compiled form that could be older than them. ``python -m models.presentation`` writes new texts into them.
"""

import gettext
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

__all__ = [
    "LANGUAGES",
    "SOURCE",
    "Message",
    "Words",
    "by_language",
    "choose_language",
    "n_",
    "worded",
    "worded_count",
    "words",
]

SOURCE = "en"
LOCALE = Path(__file__).parent / "locale"


def _languages() -> Mapping[str, str]:
    codes = sorted(folder.name for folder in LOCALE.iterdir() if (folder / "LC_MESSAGES" / "messages.po").is_file())
    return MappingProxyType({code: str(Locale.parse(code).display_name) for code in (SOURCE, *codes)})


LANGUAGES: Mapping[str, str] = _languages()
"""Code of a language to its name in itself; English first."""


class Words:
    """The texts of one language. Placeholders are ``{name}``, filled in from keywords; without keywords braces stay.

    The methods have gettext's names, so that Babel finds their first arguments, which must be literals.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            allowed = ", ".join(repr(code) for code in LANGUAGES)
            raise ValueError(f"language: got {language!r:.40}; allowed are {allowed}")
        self.language = language
        self._catalogue = _catalogue(language)

    def gettext(self, text: str, /, **values: object) -> str:
        """Give a text in this language, or in English where it is not translated."""
        return _filled(self._catalogue.gettext(text), values)

    def ngettext(self, one: str, many: str, count: int, /, **values: object) -> str:
        """Give the form for a count; as a placeholder it must be among `values`, formatted."""
        return _filled(self._catalogue.ngettext(one, many, count), values)

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """Give a text that means something else in another context."""
        return _filled(self._catalogue.pgettext(context, text), values)

    def say(self, text: "Message | str") -> str:
        """Give a text that was marked elsewhere, with `n_`, `worded` or `worded_count`; values may be messages themselves."""
        if isinstance(text, str):
            return self.gettext(text) if text else ""
        values = {name: self._value(value) for name, value in text.values.items()}
        if text.many:
            return self.ngettext(text.text, text.many, text.n, **values)
        return self.gettext(text.text, **values)

    def _value(self, value: object) -> object:
        if isinstance(value, Message):
            return self.say(value)
        return value(self.language) if callable(value) else value


@dataclass(frozen=True)
class Message:
    """A text before its language is known: what code that finds things hands to code that shows them.

    Attributes
    ----------
    text : str
        English.
    values : mapping of str to object
        Of its placeholders: text, another `Message`, or what takes a language and gives text, as a number does
        (``lambda language: percent(share, language)``).
    many : str
        The English plural, where the text depends on a count.
    n : int
        That count.
    """

    text: str
    values: Mapping[str, object] = field(default_factory=dict)
    many: str = ""
    n: int = 1


def worded(text: str, /, **values: object) -> Message:
    """Mark a text and keep its values; see `Message`."""
    return Message(text, values)


def worded_count(one: str, many: str, count: int, /, **values: object) -> Message:
    """Mark a text that depends on a count and keep its values; see `Message`."""
    return Message(one, values, many, count)


def n_(text: str) -> str:
    """Mark a text that `Words.say` gives in a language later; returns it as it is."""
    return text


@cache
def words(language: str) -> Words:
    """Give the texts of a language; each catalogue is read once."""
    return Words(language)


def by_language(text: Message | str) -> dict[str, str]:
    """Give a text in every language, for files that people of all of them read."""
    return {code: words(code).say(text) for code in LANGUAGES}


def choose_language(asked: str | None = None, kept: str | None = None, accepted: str | None = None) -> str:
    """Choose the language of a page: what the address asks for, what was chosen before, what the browser prefers, English.

    Parameters
    ----------
    asked, kept : str, optional
        Codes; one that is not offered is passed over.
    accepted : str, optional
        The header ``Accept-Language``.

    Examples
    --------
    >>> choose_language(accepted="fr-CH, de-AT;q=0.9, en;q=0.8"), choose_language("en", "de"), choose_language("xx")
    ('de', 'en', 'en')
    """
    for code in (asked, kept, *_preferred(accepted or "")):
        if code and code.partition("-")[0].lower() in LANGUAGES:
            return code.partition("-")[0].lower()
    return SOURCE


def _preferred(header: str) -> Iterable[str]:
    weighted = []
    for part in header[:1000].split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1.0), code))
        except ValueError:
            continue
    return [code for weight, code in sorted(weighted, key=lambda item: item[0]) if weight < 0]


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text.format(**values) if values else text


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)

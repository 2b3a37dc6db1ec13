"""The phrases that operations share: what is said of a count, of a measurement, and of nothing at all."""

from collections.abc import Callable
from typing import NamedTuple

from features.wording.units import number, window_words

__all__ = ["FeatureValue", "Forms", "Pair", "counted", "measured", "nothing"]


class Pair(NamedTuple):
    """A text in English and German."""

    en: str
    de: str

    def of(self, language: str) -> str:
        """Give the text in a language."""
        return self.de if language == "de" else self.en


class Forms(NamedTuple):
    """What is said of none, of one, of many; an empty `none`: that there were none."""

    none: str
    one: str
    many: str


class FeatureValue(NamedTuple):
    """A value of a feature, with all that words for it may need.

    Attributes
    ----------
    value : float
        As in the matrix; NaN where there was nothing.
    language : {"en", "de"}
        Of the words.
    label : str
        What the selector picks, plural, in the language.
    did : str
        What a lead did that the selector picks, such as "opened the pricing page"; empty: the label says it.
    selector : str
        The selector's or attribute's name.
    days : int
        Window, or half-life of a decayed count.
    seen_days : int
        How far back the feature sees at all.
    other : str
        What the second selector of `days_before` picks.
    unit : str
        Of the value; for an attribute its type.
    categories : tuple of str
        Known categories in code order.
    """

    value: float
    language: str
    label: str
    did: str = ""
    selector: str = ""
    days: int = 0
    seen_days: int = 0
    other: str = ""
    unit: str = ""
    categories: tuple[str, ...] = ()

    @property
    def is_missing(self) -> bool:
        """Whether there was nothing to measure."""
        return self.value != self.value

    @property
    def window(self) -> str:
        """How far back the window looks, in words."""
        return window_words(self.days, self.language)


def nothing(feature: FeatureValue, days: int | None = None) -> str:
    """Say that there was nothing in the window, or in so many days.

    Examples
    --------
    >>> nothing(FeatureValue(0.0, "de", "Aufrufe der Preisseite", "die Preisseite geöffnet", days=7))
    'hat in den letzten 7 Tagen kein Mal die Preisseite geöffnet'
    """
    window = feature.window if days is None else window_words(days, feature.language)
    if feature.did:
        return f"has not {feature.did} {window}" if feature.language == "en" else f"hat {window} kein Mal {feature.did}"
    return f"no {feature.label} {window}" if feature.language == "en" else f"{feature.label} {window}: keine"


def counted(en: Forms, de: Forms) -> Callable[[FeatureValue], str]:
    """Make the words of an operation that counts; `{label}`, `{window}` and `{n}` are filled in.

    Examples
    --------
    >>> forms = Forms("", "{label} in 1 visit {window}", "{label} in {n} visits {window}")
    >>> counted(forms, forms)(FeatureValue(3.0, "en", "page views", days=7))
    'page views in 3 visits in the last 7 days'
    """

    def say(feature: FeatureValue) -> str:
        forms = de if feature.language == "de" else en
        if feature.is_missing or (feature.value == 0 and not forms.none):
            return nothing(feature)
        phrase = forms.none if feature.value == 0 else forms.one if feature.value == 1 else forms.many
        return phrase.format(label=feature.label, window=feature.window, n=number(feature.value, feature.language))

    return say


_ORDERS_NOT_VISITS = {"en": ("visits", "orders"), "de": ("Besuche", "Bestellungen")}


def measured(
    text: Pair, show: Callable[[float, str], str], unmeasured: Pair | None = None
) -> Callable[[FeatureValue], str]:
    """Make the words of an operation that measures.

    Parameters
    ----------
    text : Pair
        `{label}`, `{window}` and `{n}` are filled in.
    show : callable
        Writes the value in a language.
    unmeasured : Pair, optional
        What is said where there is nothing to measure; None: that there was nothing.
    """

    def say(feature: FeatureValue) -> str:
        language = feature.language
        if feature.is_missing and unmeasured is None:
            return nothing(feature)
        phrase, n = (text, show(feature.value, language)) if not feature.is_missing else (unmeasured or text, "")
        said = phrase.of(language).format(label=feature.label, window=feature.window, n=n)
        # an account's orders have no visits: each stands for itself
        return said.replace(*_ORDERS_NOT_VISITS[language]) if feature.selector == "orders" else said

    return say

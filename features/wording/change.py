"""What is different from an earlier moment, in words."""

from features.wording.units import number

__all__ = ["attribute_change", "count_change", "other_change", "since_change", "time_passed", "unchanged"]


def count_change(now: str, before: float, after: float, since: str, language: str) -> str:
    """Say how many more or fewer there are.

    Parameters
    ----------
    now : str
        What is said of the present value.
    before, after : float
        The counts.
    since : str
        The earlier moment, as in "12 March 2026".
    language : {"en", "de"}
        Of the answer.

    Examples
    --------
    >>> count_change("opened the pricing page 3 times in the last 7 days", 1.0, 3.0, "12 March 2026", "en")
    'opened the pricing page 3 times in the last 7 days, 2 more than on 12 March 2026'
    >>> count_change("has not opened the pricing page in the last 7 days", 1.0, 0.0, "12 March 2026", "en")
    'has not opened the pricing page in the last 7 days; on 12 March 2026 it was 1'
    """
    if after == 0:
        was = number(before, language)
        if language == "en":
            return f"{now}; on {since} it was {was}"
        return f"{now}; am {since} {'war' if before == 1 else 'waren'} es {was}"
    size, more = number(abs(after - before), language), after > before
    if language == "en":
        return f"{now}, {size} {'more' if more else 'fewer'} than on {since}"
    return f"{now}, {size} {'mehr' if more else 'weniger'} als am {since}"


def since_change(now: str, again: bool, since: str, language: str) -> str:
    """Say whether something happened again since the earlier moment.

    Examples
    --------
    >>> since_change("last opened a mail 43 days ago", False, "12 March 2026", "en")
    'last opened a mail 43 days ago, not again since 12 March 2026'
    """
    if language == "en":
        return f"{now}, {'again' if again else 'not again'} since {since}"
    return f"{now}, seit dem {since} {'erneut' if again else 'nicht mehr'}"


def time_passed(now: str, since: str, language: str) -> str:
    """Say that all that changed is how long ago something was."""
    return f"{now}, longer ago than on {since}" if language == "en" else f"{now}, länger her als am {since}"


def attribute_change(label: str, before: str, after: str, language: str) -> str:
    """Say what an attribute changed from and to; empty: not known.

    Examples
    --------
    >>> attribute_change("industry", "energy", "retail", "de")
    'industry: von energy zu retail geändert'
    """
    english = language == "en"
    if not before:
        return f"{label} now known: {after}" if english else f"{label} jetzt bekannt: {after}"
    if not after:
        return f"{label} no longer known, was {before}" if english else f"{label} nicht mehr bekannt, war {before}"
    return f"{label} changed from {before} to {after}" if english else f"{label}: von {before} zu {after} geändert"


def unchanged(now: str, more: bool, language: str) -> str:
    """Say that a finding is the same but counts differently, because of what else is known."""
    if language == "en":
        return f"{now} (as before, but counts {'more' if more else 'less'} in its favour now)"
    return f"{now} (wie zuvor, spricht jetzt aber {'mehr' if more else 'weniger'} für den Lead)"


def other_change(now: str, before: str, since: str, language: str) -> str:
    """Say what was found then and now.

    Examples
    --------
    >>> other_change("touchpoints: 40% at weekends", "10% at weekends", "12 March 2026", "en")
    'touchpoints: 40% at weekends; on 12 March 2026: 10% at weekends'
    """
    return f"{now}; {'on' if language == 'en' else 'am'} {since}: {before}"

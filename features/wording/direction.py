"""Words for findings that count against their polarity, and for topics with findings for and against."""

__all__ = ["both_ways", "despite"]

_DESPITE = {
    "en": ("counts for it here", "counts against it here"),
    "de": ("spricht hier dafür", "spricht hier dagegen"),
}


def despite(text: str, amount: float, language: str) -> str:
    """Add how a finding counted whose words sound like the opposite.

    Examples
    --------
    >>> despite("attended a webinar 3 times in the last 28 days", -0.2, "en")
    'attended a webinar 3 times in the last 28 days (counts against it here)'
    """
    return f"{text} ({_DESPITE[language][amount < 0.0]})"


def both_ways(strong: str, weak: str, language: str) -> str:
    """Join two findings of one topic that speak against each other, the stronger first.

    Examples
    --------
    >>> both_ways("opened a mail 5 times in the last 90 days", "has not opened a mail in the last 7 days", "en")
    'opened a mail 5 times in the last 90 days, but has not opened a mail in the last 7 days'
    """
    return f"{strong}, {'but' if language == 'en' else 'aber'} {weak}"

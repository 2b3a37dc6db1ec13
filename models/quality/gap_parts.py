"""Shortfall against a reference rate in two parts: lead quality and handling, exact on counts."""

from typing import NamedTuple

__all__ = ["GapParts", "expected_of_segments", "gap_parts"]


class GapParts(NamedTuple):
    """Shares of leads, positive where rate is lost; shortfall = quality + handling."""

    shortfall: float
    quality: float
    handling: float


def gap_parts(reference: float, expected: float, actual: float) -> GapParts:
    """Split ``reference - actual`` into ``reference - expected`` and ``expected - actual``.

    Parameters
    ----------
    reference : float
        Rate that is asked for.
    expected : float
        Mean probability of these leads at reference handling.
    actual : float
        Rate of these leads.

    Examples
    --------
    A paid e-book with ideal buyers only, of which sales turns 5 of 1,000:

    >>> gap_parts(0.20, 1.0, 5 / 1000)
    GapParts(shortfall=0.195, quality=-0.8, handling=0.995)
    """
    return GapParts(reference - actual, reference - expected, expected - actual)


def expected_of_segments(leads: dict[str, int], rates: dict[str, float]) -> float:
    """Give the mean probability of leads whose segments' rates at reference handling are given.

    Parameters
    ----------
    leads : dict of str to int
        By segment.
    rates : dict of str to float
        By the same segments.

    Examples
    --------
    >>> expected_of_segments({"no decision-maker": 5000, "no budget": 4500, "buyer": 500}, {"buyer": 1.0})
    0.05
    """
    return sum(count * rates.get(segment, 0.0) for segment, count in leads.items()) / sum(leads.values())

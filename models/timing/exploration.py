"""A random week for some leads near the boundary, so that the next training sees waits that the advice would not have brought.

The draw is a function of the lead and of when it was queued: batch, service and store agree, and nothing has to be stored.
"""

import hashlib

__all__ = ["NEAR", "WEEKS", "drawn_week", "hold_propensity"]

NEAR = 0.05
"""A lead is near the boundary while the gain by waiting differs by less than this share from the one that holds it."""
WEEKS = 3
"""A first contact is drawn for the week in which the lead is queued, or for one of the next two."""


def drawn_week(lead_id: str, queued_at: int, share: float) -> int | None:
    """Draw a lead's week of contact, from 0; None: it was not drawn.

    Parameters
    ----------
    lead_id : str
    queued_at : int
        UTC microseconds.
    share : float
        Of leads that are drawn, in [0, 1].

    Examples
    --------
    >>> weeks = [drawn_week(f"L{n}", 0, 0.3) for n in range(10_000)]
    >>> [round(weeks.count(week) / len(weeks), 2) for week in (None, 0, 1, 2)]
    [0.7, 0.1, 0.1, 0.1]
    """
    digest = hashlib.sha256(f"{lead_id}\0{queued_at}".encode("utf-8", "surrogatepass")).digest()
    if int.from_bytes(digest[:8]) / 2.0**64 >= share:
        return None
    return int.from_bytes(digest[8:16]) % WEEKS


def hold_propensity(held: bool, week: int, share: float) -> float:
    """Give the probability that a lead near the boundary is held, over draws.

    Parameters
    ----------
    held : bool
        Whether it would be held without a draw.
    week : int
        Whole weeks since it was queued.
    share : float
        As for `drawn_week`.

    Examples
    --------
    >>> hold_propensity(False, 0, 0.3), hold_propensity(True, 2, 0.3), hold_propensity(True, 3, 0.3)
    (0.2, 0.9, 1.0)
    """
    if week >= WEEKS:
        return float(held)
    # Drawn for a later week: held. For this week: called. For an earlier one: as without a draw.
    of_drawn = (WEEKS - 1 - week) / WEEKS + (week / WEEKS) * held
    return round((1.0 - share) * held + share * of_drawn, 12)

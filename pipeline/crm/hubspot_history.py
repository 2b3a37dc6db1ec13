"""The history of one HubSpot property as what really happened: entries that were corrected at once are none. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

__all__ = ["Entry", "corrected", "entered"]

Entry = tuple[str, str]
"""A value ("" where it was cleared) and the moment since when, ISO 8601."""


def corrected(
    history: Sequence[Sequence[str | None]], mistake_minutes: float, *, clearing_counts: bool = False
) -> tuple[list[Entry], list[Entry]]:
    """Leave out what somebody entered and took back at once.

    A value that was set and cleared within `mistake_minutes` is none, and neither is a value that was cleared and set again
    within them: HubSpot lets a stage go back only when it is cleared first.

    Parameters
    ----------
    history : sequence of [value, moment]
        Oldest first; a value of None, "" or blanks is a clearing.
    mistake_minutes : float
        0: only what was taken back at the same moment is none.
    clearing_counts : bool
        Whether the field is empty after a mistake was cleared, as an attribute is; else what was there before it goes on, as a
        stage does.

    Returns
    -------
    entries, mistakes : list of Entry
        What counts, and what doesn't; both oldest first.

    Examples
    --------
    >>> at = "2026-01-05T10:0{}:00+00:00".format
    >>> history = [["mql", at(0)], ["customer", at(1)], ["", at(2)], ["mql", at(3)]]
    >>> entered(corrected(history, 5)[0])
    [('mql', '2026-01-05T10:00:00+00:00')]
    """
    entries: list[Entry] = []
    mistakes: list[Entry] = []
    for given, moment in history:
        entry = ((given or "").strip(), str(moment))
        last = entries[-1] if entries else None
        if last is not None and _at_once(last, entry, mistake_minutes):
            if last[0] and not entry[0]:
                mistakes.append(entries.pop())
                if not (clearing_counts and entries and entries[-1][0]):
                    mistakes.append(entry)
                    continue
            elif not last[0] and len(entries) > 1 and entries[-2][0] == entry[0]:
                mistakes += [entries.pop(), entry]
                continue
        entries.append(entry)
    return entries, mistakes


def entered(entries: Sequence[Entry]) -> list[Entry]:
    """Give the entries that change the value; a value that is set again is no new entry, unless it was another in between."""
    return [entry for i, entry in enumerate(entries) if entry[0] and (i == 0 or entries[i - 1][0] != entry[0])]


def _at_once(earlier: Entry, later: Entry, minutes: float) -> bool:
    return datetime.fromisoformat(later[1]) - datetime.fromisoformat(earlier[1]) <= timedelta(minutes=minutes)

"""Who is called this week: whom to hold, who gets the slots, and the price that the last slot has."""

import numpy as np

__all__ = ["flips", "hold_back", "shadow_price", "slots_of_week", "threshold"]

WEEK_DAYS = 7


def hold_back(
    now: np.ndarray,
    later: np.ndarray,
    age_days: np.ndarray,
    hold: float,
    hold_days: float,
    contact_cost: float = 0.0,
    too_early_cost: float = 0.0,
) -> np.ndarray:
    """Tell which leads gain by waiting.

    Parameters
    ----------
    now : ndarray of float64 [rows]
        P(qualified | first contact now).
    later : ndarray of float64 [steps, rows]
        The same, one, two, ... weeks later.
    age_days : ndarray of float64 [rows]
        Days since the lead was queued.
    hold : float
        A wait must raise the chance by this share of it, and by as much more for each whole week that the lead has waited: who
        was released is hardly ever held again, so that advice does not go back and forth.
    hold_days : float
        A lead is held until it was queued so many days ago, and no longer.
    contact_cost, too_early_cost : float
        What a contact costs, and what one that should have waited costs besides, as shares of what a qualification is worth.
        Waiting must gain `hold` of what a contact now brings after its cost, less what a contact too early costs.

    Examples
    --------
    >>> hold_back(np.full(4, 0.1), np.array([[0.105, 0.11, 0.11, 0.11]]), np.array([0.0, 0.0, 7.0, 28.0]), 0.05, 28).tolist()
    [False, True, False, False]
    >>> ready = np.array([0.1]), np.array([[0.104]]), np.zeros(1)
    >>> [bool(hold_back(*ready, 0.05, 28, *costs)[0]) for costs in ((0.0, 0.0), (0.05, 0.0), (0.0, 0.01))]
    [False, True, True]
    """
    best = later.max(axis=0)
    gains = best - contact_cost > (1.0 + threshold(hold, age_days)) * (now - contact_cost) - too_early_cost
    return np.asarray(gains & (best > now) & (age_days < hold_days))


def threshold(hold: float, age_days: np.ndarray) -> np.ndarray:
    """Give the share of its chance that a lead must gain by waiting, by how long it has waited.

    Examples
    --------
    >>> threshold(0.05, np.array([0.0, 6.9, 7.0, 20.0])).tolist()
    [0.05, 0.05, 0.1, 0.15000000000000002]
    """
    return np.asarray(hold * (1.0 + np.floor(age_days / WEEK_DAYS)))


def slots_of_week(now: np.ndarray, held: np.ndarray, slots: int) -> np.ndarray:
    """Give the rows that get a slot: of those not held the highest, of equal ones the earlier row.

    No slot stays empty while a lead waits that is not held.

    Returns
    -------
    ndarray of int64
        Best first.

    Examples
    --------
    >>> slots_of_week(np.array([0.3, 0.9, 0.5, 0.1]), np.array([False, True, False, False]), 2).tolist()
    [2, 0]
    """
    free = np.flatnonzero(~held)
    return np.asarray(free[np.argsort(-now[free], kind="stable")][: max(slots, 0)])


def shadow_price(now: np.ndarray, held: np.ndarray, slots: int) -> float:
    """Give the chance of the last lead that gets a slot: below it a lead is called later. 0 while slots are left over.

    Examples
    --------
    >>> now = np.array([0.3, 0.9, 0.5, 0.1])
    >>> shadow_price(now, now > 0.8, 2), shadow_price(now, now > 0.8, 3)
    (0.3, 0.0)
    """
    chosen = slots_of_week(now, held, slots)
    waiting = len(now) - int(np.count_nonzero(held)) - len(chosen)
    return float(now[chosen[-1]]) if waiting and len(chosen) else (1.0 if waiting else 0.0)


def flips(held: np.ndarray, next_week: np.ndarray) -> float:
    """Give the share of three-week runs in which the advice goes back and forth.

    Parameters
    ----------
    held : ndarray of bool [rows]
        Advice per look.
    next_week : ndarray of int64 [rows]
        Row of the same lead a week later; -1: none.

    Returns
    -------
    float
        NaN without such a run.

    Examples
    --------
    >>> flips(np.array([True, False, True, True]), np.array([1, 2, 3, -1]))
    0.5
    """
    second = next_week
    third = np.where(second >= 0, next_week[second], -1)
    run = np.flatnonzero((second >= 0) & (third >= 0))
    if not len(run):
        return float("nan")
    back = (held[run] != held[second[run]]) & (held[run] == held[third[run]])
    return float(back.mean())

"""From a probability to what sales should do: the seam where costs, timing and capacity come in."""

from dataclasses import dataclass

__all__ = ["Decision", "decide"]


@dataclass(frozen=True)
class Decision:
    """What the probability of one lead means for sales.

    Attributes
    ----------
    tier : str
        ``A`` to ``D``.
    within_capacity : bool or None
        Whether sales' capacity reaches down to this probability; None where no capacity cut-off is known.
    """

    tier: str
    within_capacity: bool | None


def decide(probability: float, tier: str, capacity_cutoff: float | None) -> Decision:
    """Decide about one lead; other leads of the request play no part.

    Parameters
    ----------
    probability : float
        In [0, 1].
    tier : str
        ``A`` to ``D``.
    capacity_cutoff : float or None
        The lowest probability that capacity reaches; None: not known.

    Examples
    --------
    >>> decide(0.3, "A", 0.3)
    Decision(tier='A', within_capacity=True)
    """
    return Decision(tier, None if capacity_cutoff is None else bool(probability >= capacity_cutoff))

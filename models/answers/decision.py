"""From a probability to what sales should do: one decision, for answers, webhooks, score files and CRM pushes alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Decision", "decide", "decision_of"]


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
    """Decide about one lead; other leads of the request, or of the file, play no part.

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


def decision_of(probability: float | None, tier: str | None, metadata: Mapping[str, Any]) -> Decision | None:
    """Decide about a lead by the cut-off that is stored with the model.

    Parameters
    ----------
    probability : float or None
        In [0, 1]; None: not scored.
    tier : str or None
    metadata : mapping
        The bundle's.

    Returns
    -------
    Decision or None
        None: the lead is not scored.

    Examples
    --------
    >>> decision_of(0.2, "C", {"capacity_cutoff": 0.3}), decision_of(None, None, {})
    (Decision(tier='C', within_capacity=False), None)
    """
    return None if probability is None or tier is None else decide(probability, tier, metadata.get("capacity_cutoff"))

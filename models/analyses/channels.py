"""What channels contribute along paths to qualified leads, by four rules. Figures and codes."""

from models.analyses.analysis import Analysis
from models.analyses.figures import Content, Count, Estimate, Figures, Name
from models.presentation.catalogues import n_

__all__ = ["CHANNELS", "Channel", "Channels"]


class Channel(Figures):
    """One channel.

    Attributes
    ----------
    markov, first, last, linear : Estimate
        Share of the conversions that each rule credits it with; over all channels a rule's shares sum to 1.
    removal : float
        The removal effect as it is: share of the conversions that the chain loses without the channel.
    on_path : float
        Share of the converted paths that it is on.
    """

    name: Name
    markov: Estimate
    first: Estimate
    last: Estimate
    linear: Estimate
    removal: float
    on_path: float


class Channels(Content):
    """Channels along paths.

    Attributes
    ----------
    paths, conversions : int
        Paths old enough to be judged, and those that converted.
    path_days : int
        A path's length at most.
    channels : tuple of Channel
        By removal effect, largest first.
    """

    paths: Count
    conversions: Count
    path_days: Count
    channels: tuple[Channel, ...]


CHANNELS = Analysis(
    name="channels",
    title=n_("Channels along paths"),
    lead=n_("Over which channels qualified leads came, and what four rules credit each with. None of them is causal."),
    schema=Channels,
)

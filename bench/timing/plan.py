"""What the timing benchmark runs: settings of past practice, sizes, draws and companies."""

from typing import NamedTuple

from pipeline.simulator.handovers import HandoverRules

__all__ = ["FULL", "QUICK", "SETTINGS", "Run", "companies_of"]

SETTINGS: dict[str, HandoverRules] = {
    "usual": HandoverRules(late_share=0.05, push_at_call=True),
    "strong confounding": HandoverRules(first="hidden", first_days=21.0, push_at_call=True),
    "no variation": HandoverRules(capacity=4.0, push_at_call=True),
    "unseen": HandoverRules(first="visible", capacity=0.8, late_share=0.02, push_at_call=True),
}
"""How sales worked in the past. `usual` is the one that was designed on; with `no variation` everybody is called within a
day or two; `unseen` was looked at once, after everything was decided."""

COMPANY_LEADS = 4_000
COMPANY_SEED = 9_000
TRAINING_SEED = 100


class Run(NamedTuple):
    """One training, and how many companies it is replayed on.

    Attributes
    ----------
    setting : str
        Of `SETTINGS`.
    leads : int
        Of the past practice.
    draw : int
        Which past practice.
    companies : int
    """

    setting: str
    leads: int
    draw: int
    companies: int

    @property
    def seed(self) -> int:
        """Of the past practice."""
        return TRAINING_SEED + 1000 * list(SETTINGS).index(self.setting) + self.draw


FULL = (
    Run("usual", 60_000, 0, 30),
    Run("usual", 15_000, 0, 30),
    Run("strong confounding", 60_000, 0, 30),
    Run("no variation", 60_000, 0, 30),
    Run("usual", 1_500, 0, 30),
    Run("unseen", 60_000, 0, 30),
    *(Run("usual", leads, draw, 30) for draw in (1, 2) for leads in (60_000, 15_000)),
)
"""One draw of each first, so that a run that is stopped early has seen every setting."""
QUICK = (
    Run("usual", 6_000, 0, 4),
    Run("usual", 1_500, 0, 4),
    Run("strong confounding", 6_000, 0, 4),
    Run("no variation", 6_000, 0, 4),
)
"""One draw, four companies and few leads: a first look. It can't show what 15,000 or 60,000 leads reach."""


def companies_of(run: Run) -> list[int]:
    """Give the seeds of the companies that a run is replayed on: the same for all runs."""
    return [COMPANY_SEED + number for number in range(run.companies)]

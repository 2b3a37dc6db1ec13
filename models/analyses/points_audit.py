"""The points audit: which of the MQLs that the company's points table makes are none. Its figures and codes."""

from typing import Annotated, Literal

from pydantic import Field

from models.analyses.analysis import Analysis
from models.analyses.figures import Content, Count, Estimate, Figures, Name, Rate, Shortage
from models.presentation.catalogues import n_

__all__ = [
    "POINTS_AUDIT",
    "Band",
    "DecayStep",
    "Judged",
    "Looks",
    "PointsAudit",
    "ProposedRule",
    "ProposedTable",
    "Replay",
    "Rule",
    "Threshold",
    "Trial",
]

Labels = dict[Annotated[str, Field(max_length=8)], Name]
"""Language to the company's own words for a rule."""


class Replay(Figures):
    """The table replayed over all journeys, and what the CRM says of the same leads.

    Attributes
    ----------
    leads : int
        All leads.
    reached : int
        Leads whose points reach the threshold at some moment before the export.
    mqls : int
        Leads that the CRM calls MQL.
    both : int
        Leads that are in both.
    highest : float
        The most points that a lead ever has; missing: there is no lead with points.
    """

    leads: Count
    reached: Count
    mqls: Count
    both: Count
    highest: float | None


class Band(Figures):
    """Leads with at least `low` and below `high` points (missing: no bound), and how many were sales-qualified."""

    low: float
    high: float | None
    rate: Rate


class Looks(Figures):
    """How leads converted by their points at one moment.

    Attributes
    ----------
    moment : str
        What is looked at: the MQL moment, the hand-over, the first contact, or the stage `sal`.
    leads, immature : int
        Looks with a known outcome, and those that are too young for one.
    just_above : float
        Share of the known ones with points in [threshold, 1.2 threshold); missing: there are none.
    median : float
        Of the points of the known ones.
    """

    moment: Literal["mql", "handed_over", "first_contact", "sal"]
    leads: Count
    immature: Count
    just_above: float | None
    median: float | None
    bands: tuple[Band, ...]


class Rule(Figures):
    """One rule of the table, judged among handed-over leads.

    Attributes
    ----------
    points : float
        That the table gives each time.
    leads : int
        Handed-over leads with a known outcome that have at least one such touchpoint.
    log_odds : Estimate
        By how much one more point of this rule moves the log-odds of qualifying, the other rules' points being equal.
    verdict : str
        ``signal``: the interval lies above 0; ``misleads``: below; ``unclear``: it holds 0; ``too_few`` to say.
    """

    name: Name
    labels: Labels
    points: float
    leads: Count
    log_odds: Estimate
    verdict: Literal["signal", "misleads", "unclear", "too_few"]


class Judged(Figures):
    """A score on leads later than all that it was fitted on.

    Attributes
    ----------
    score : str
        ``points``: the company's table; ``proposed``; ``model``.
    auc, wins, log_loss, calibration_error : Estimate
        `wins`: sales-qualified leads among those that capacity reaches. The last two need a probability; points are turned into
        one by a logistic regression on earlier leads.
    mean_probability : float
        To be compared with the share that qualified.
    """

    score: Literal["points", "proposed", "model"]
    auc: Estimate
    wins: Estimate
    log_loss: Estimate
    calibration_error: Estimate
    mean_probability: float | None


class Trial(Figures):
    """A trial that would answer: so many leads on either side of the threshold, handed over alike.

    Attributes
    ----------
    leads_per_group : int
    rate, other_rate : float
        The rates that the trial must be able to tell apart.
    power, confidence : float
    """

    leads_per_group: Count
    rate: float
    other_rate: float
    power: float
    confidence: float


class Threshold(Figures):
    """What is known of another threshold.

    Attributes
    ----------
    leads : int
        Leads that reach it at some moment: exact, by replay.
    observed : Rate
        Of handed-over leads that had reached it by their hand-over; missing for a lower threshold.
    unknown : int
        Handed-over leads that had not: whether and when they would have reached it is not known, and a later hand-over is
        another treatment. Missing for a lower threshold.
    added : Rate
        Of a lower one: leads that were handed over with points between it and the present one, where there are enough.
    modelled : Estimate
        Of a lower one, extrapolated: bounds of the rate of the leads that it adds, which never reach the present one. No value:
        who was on the way up can't be told from who stays.
    evidence : str
        ``observed``, ``extrapolated``, or ``trial``: it can't be known without one.
    """

    threshold: float
    move: Literal["lower", "current", "stricter"]
    leads: Count
    observed: Rate | None = None
    unknown: Count | None = None
    added: Rate | None = None
    modelled: Estimate | None = None
    evidence: Literal["observed", "extrapolated", "trial"]
    trial: Trial | None = None


class DecayStep(Figures):
    """Points of touchpoints older than so many days count this share."""

    after_days: Count
    share: float


class ProposedRule(Figures):
    """A row of the proposed table; `present`: what the company's table gives; missing: it has no such rule."""

    name: Name
    labels: Labels
    points: Count
    present: float | None


class ProposedTable(Figures):
    """A table of whole points, fitted and judged among handed-over leads: it ranks MQLs.

    Attributes
    ----------
    fitted_on, judged_on : int
        Leads.
    gain : Estimate
        Its AUC less the company's, on the same later leads.
    threshold : int
        The lowest with which no more leads reach it than reach the company's: extrapolated, for it was fitted on leads that had
        passed another threshold.
    reached : int
        Leads that reach it.
    """

    rules: tuple[ProposedRule, ...]
    decay: tuple[DecayStep, ...]
    fitted_on: Count
    judged_on: Count
    gain: Estimate
    threshold: Count
    reached: Count


class PointsAudit(Content):
    """The points audit.

    Attributes
    ----------
    threshold : float
        Points that make an MQL.
    observation_days, label_days : int
        How far back points count; within how many days a lead must qualify.
    decay : tuple of DecayStep
        Of the company's table.
    bands : tuple of Looks
        By moment; the hand-over is missing where the data do not say when it was.
    later : tuple of Judged
        On the test rows: MQLs at their MQL moment.
    later_leads, later_positives, capacity : int
        Of those rows.
    proposed : ProposedTable
        Missing: too few leads to fit one.
    no_proposal : str
        Why.
    """

    threshold: float
    observation_days: Count
    label_days: Count
    decay: tuple[DecayStep, ...]
    replay: Replay
    looks: tuple[Looks, ...]
    rules: tuple[Rule, ...]
    later: tuple[Judged, ...]
    later_leads: Count
    later_positives: Count
    capacity: Count
    thresholds: tuple[Threshold, ...]
    proposed: ProposedTable | None
    no_proposal: Shortage | None


POINTS_AUDIT = Analysis(
    name="points_audit",
    title=n_("Points audit"),
    lead=n_(
        "Which of the leads that the points table calls marketing-qualified are worth a call, and which rules say so."
    ),
    schema=PointsAudit,
)

"""The funnel: how many go from step to step, by what, how fast, at what cost; and whose gap a bad MQL-SQL rate is."""

from typing import Literal

from models.analyses.analysis import Analysis
from models.analyses.figures import Content, Count, Estimate, Figures, Name, Rate, Shortage
from models.presentation.catalogues import n_

__all__ = [
    "FUNNEL",
    "Cost",
    "Cut",
    "Dimension",
    "Funnel",
    "Gap",
    "Group",
    "Incidence",
    "Month",
    "Reason",
    "Steps",
    "TeamHandling",
]


class Steps(Figures):
    """Counts to date, and rates among those who reached a step so long ago that the next one is known.

    Attributes
    ----------
    visitors : int
        Known and unknown ones; missing: the data have none.
    leads, mql, sal, sales_qualified, customer : int
        Leads that ever reached the step. `sal` is missing where the data have no such stage.
    visitor_to_lead : Rate
        Share of visitors who were identified as a lead within `label_days` of their first visit; missing: nobody knows.
    lead_to_mql, mql_to_sal, sal_to_qualified, qualified_to_customer, mql_to_qualified : Rate
        Share that reached the second step within `label_days` of the first.
    """

    visitors: Count | None
    visitor_to_lead: Rate | None = None
    leads: Count
    mql: Count
    sal: Count | None
    sales_qualified: Count
    customer: Count
    lead_to_mql: Rate
    mql_to_sal: Rate | None
    sal_to_qualified: Rate | None
    qualified_to_customer: Rate
    mql_to_qualified: Rate


class Reason(Figures):
    """How often sales entered a reason when it rejected or gave back; missing: it entered none."""

    reason: Name | None
    leads: Count
    share: float


class Group(Figures):
    """The leads with one value of a dimension; missing: nobody knows it.

    Attributes
    ----------
    value : str
    is_rest : bool
        All smaller groups together.
    steps : Steps
        Missing visitors: visitors have no such dimension, as nobody knows their country or team.
    reasons : tuple of Reason
        The most frequent ones for which sales rejected these leads or gave them back.
    """

    value: Name | None
    is_rest: bool = False
    steps: Steps
    reasons: tuple[Reason, ...] = ()


Dimension = Literal["campaign", "asset", "channel", "country", "month", "team", "person"]


class Cut(Figures):
    """The funnel by one dimension; `hidden`: groups with too few leads to be shown, of persons."""

    dimension: Dimension
    groups: tuple[Group, ...]
    hidden: Count = 0


class Incidence(Figures):
    """What became of MQLs over time: Aalen-Johansen estimates with competing ends.

    Attributes
    ----------
    campaign : str
        Missing: all.
    leads : int
    days : tuple of int
        Since the MQL moment.
    sales_qualified, rejected, expired : tuple of float
        Probability to have ended so by each day: rejected are disqualified and recycled.
    """

    campaign: Name | None
    leads: Count
    days: tuple[Count, ...]
    sales_qualified: tuple[float, ...]
    rejected: tuple[float, ...]
    expired: tuple[float, ...]


class Month(Figures):
    """One month (YYYY-MM): leads by their creation, MQLs by their MQL moment."""

    month: Name
    leads: Count
    mql: Count
    mql_to_qualified: Rate
    spent: float | None


class Cost(Figures):
    """What a campaign cost over the whole history, per MQL and per sales-qualified lead.

    Missing `per_mql` or `per_qualified`: there is none. Missing `spent`: no costs are given for this campaign.
    """

    campaign: Name
    spent: float | None
    mql: Count
    sales_qualified: Count
    per_mql: float | None
    per_qualified: float | None


class Gap(Figures):
    """Whose gap a campaign's MQL-SQL rate is: shortfall = lead quality + handling, exact on counts.

    Attributes
    ----------
    campaign : str
    leads, qualified : int
        MQLs with a known outcome, and those of them that qualified in time.
    reference, actual : float
        The rate that is asked for, and the one that was.
    expected : Estimate
        Mean probability of its leads at reference handling.
    shortfall : float
        reference - actual.
    quality, handling : Estimate
        reference - expected, marketing's part; expected - actual, sales' part. Positive: rate lost. Missing: see `shortage`.
    shortage : str
        Why the parts are missing: too few leads to say, or they can't be separated.
    cause : str
        Of what can't be separated: no like among other campaigns, one team works one campaign alone, or no other campaign in
        the same months.
    blamed : tuple of str
        Parts whose interval lies above 0.
    """

    campaign: Name
    leads: Count
    qualified: Count
    reference: float | None
    actual: float | None
    expected: Estimate
    shortfall: float | None
    quality: Estimate
    handling: Estimate
    shortage: Shortage | None = None
    cause: Literal["no_like", "one_team", "no_others"] | None = None
    blamed: tuple[Literal["quality", "handling"], ...] = ()


class TeamHandling(Figures):
    """What a team (or person) makes of its leads, against the mean probability of the same leads at reference handling."""

    name: Name
    leads: Count
    actual: float | None
    expected: Estimate
    handling: Estimate
    median_days: float | None
    shortage: Shortage | None = None
    cause: Literal["no_like", "one_team", "no_others"] | None = None
    is_blamed: bool = False


class Funnel(Content):
    """The funnel and the ledger.

    Attributes
    ----------
    label_days, expire_days : int
        Within how many days a rate counts the next step; after how many an MQL has expired (missing: never).
    total : Steps
    by : tuple of Cut
    incidence : tuple of Incidence
        All MQLs, then the largest campaigns.
    reasons : tuple of Reason
    months : tuple of Month
    costs : tuple of Cost
        Empty: no costs are given.
    reference_rate : float
        As set; missing: the rate of the other campaigns in the same months.
    reference_days : float
        Of reference handling: days from the MQL to the first contact; missing: not known.
    gaps : tuple of Gap
    teams, persons : tuple of TeamHandling
        Empty: not known, or not to be shown.
    min_leads : int
        Fewer MQLs with a known outcome are too few to say.
    is_example : bool
        Made-up counts, to show how the ledger reads.
    """

    label_days: Count
    expire_days: Count | None
    total: Steps
    by: tuple[Cut, ...]
    incidence: tuple[Incidence, ...]
    reasons: tuple[Reason, ...]
    months: tuple[Month, ...]
    costs: tuple[Cost, ...]
    reference_rate: float | None
    reference_days: float | None
    gaps: tuple[Gap, ...]
    teams: tuple[TeamHandling, ...]
    persons: tuple[TeamHandling, ...]
    min_leads: Count
    is_example: bool = False


FUNNEL = Analysis(
    name="funnel",
    title=n_("The funnel, and whose gap it is"),
    lead=n_(
        "From visitors to customers, and what a bad MQL-SQL rate is down to: poor leads, or good ones that were lost."
    ),
    schema=Funnel,
)

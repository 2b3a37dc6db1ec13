"""Personas: segments of customers, what leads like them yield, and which open leads resemble them. Figures and codes."""

from typing import Annotated, Literal

from pydantic import Field

from models.analyses.analysis import Analysis
from models.analyses.figures import Content, Count, Estimate, Figures, Name
from models.presentation.catalogues import n_

__all__ = ["PERSONAS", "Compared", "Likeness", "Persona", "Personas", "Place", "Spread", "Tried", "Yields"]

Labels = dict[Annotated[str, Field(max_length=8)], Name]
"""Language to the company's own words for a content."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Compared(Figures):
    """How frequent something is among a persona's customers, and among all customers.

    Attributes
    ----------
    name : str
        Attribute, channel, content or open question.
    value : str
        Of an attribute; missing where the attribute is not known.
    low, high : float
        Of a number: the band [low, high); missing: no bound.
    share, of_all : float
    """

    name: Name
    value: Name | None = None
    low: float | None = None
    high: float | None = None
    share: Share
    of_all: Share


class Place(Figures):
    """Where in the journey a content stands for the median customer, 0 first and 1 last, and how many have it at all."""

    name: Name
    place: Share
    share: Share


class Spread(Figures):
    """Quartiles over customers, in days."""

    low: float
    median: float
    high: float


class Yields(Figures):
    """What matured leads yield, all of them that the rule assigns, won and lost.

    Attributes
    ----------
    mqls, sales_qualified : int
        The latter within the label window.
    leads : float
        Leads behind these MQLs: each campaign's leads shared out over its MQLs.
    cost : float
        Shared out likewise, of the MQLs whose campaign's costs are given; missing: of none.
    sql_per_mql, mql_per_lead, sql_per_lead, mql_per_1000, sql_per_1000 : Estimate
        The last two per 1,000 of cost, of those MQLs; missing: see `cost`.
    """

    mqls: Count
    sales_qualified: Count
    leads: float
    cost: float | None
    sql_per_mql: Estimate | None
    mql_per_lead: Estimate | None
    sql_per_lead: Estimate | None
    mql_per_1000: Estimate | None
    sql_per_1000: Estimate | None


class Likeness(Figures):
    """An open lead, and how probably a customer who looked like it at the MQL moment is of this persona."""

    lead_id: Annotated[str, Field(max_length=500)]
    likeness: Share


class Persona(Figures):
    """One stable segment of customers.

    Attributes
    ----------
    key : str
        `P1`, `P2`... by size; a name is given to the customers behind it, not to the key.
    name : str
        As a person gave it; missing: nobody has.
    customers : int
    share : float
        Of all customers.
    returns : float
        Share of the half-samples in which it came back.
    jaccard : float
        Mean similarity to the nearest segment of a half-sample.
    who, channels, contents, last_steps, questions : tuple of Compared
        Attributes that stand out; shares of touchpoints by channel, and by content those that stand out; customers with each
        content among their last five touchpoints before the purchase; customers who read about each open question.
    first_channels : tuple of Compared
        Customers by the channel of their first touchpoint.
    order : tuple of Place
        Earliest first.
    to_mql, to_qualified, to_purchase : Spread
        Days from the first touchpoint to the MQL moment, from there to the qualification, and to the purchase.
    touchpoints : Spread
        Before the purchase, a number.
    decision_makers : Compared
        Customers whose titles sound like a decision-maker's; missing: no title is known.
    yields : Yields
        Of all matured leads that are like it.
    open_leads : int
        Open leads that are most like it.
    resembling : tuple of Likeness
        The most alike of them.
    """

    key: Annotated[str, Field(pattern=r"^P[1-9][0-9]?$")]
    name: Name | None
    customers: Count
    share: Share
    returns: Share
    jaccard: Share
    who: tuple[Compared, ...]
    channels: tuple[Compared, ...]
    first_channels: tuple[Compared, ...]
    contents: tuple[Compared, ...]
    last_steps: tuple[Compared, ...]
    questions: tuple[Compared, ...]
    order: tuple[Place, ...]
    to_mql: Spread
    to_qualified: Spread | None
    to_purchase: Spread
    touchpoints: Spread
    decision_makers: Compared | None
    yields: Yields
    open_leads: Count
    resembling: tuple[Likeness, ...]


class Tried(Figures):
    """One number of segments: how many are stable, the share of the customers in them, whether they are more than one cloud."""

    segments: Count
    stable: Count
    share: Share
    compact: bool


class Personas(Content):
    """The personas of the customers.

    Attributes
    ----------
    customers : int
        Leads that bought, after having been MQL.
    drawn : int
        Customers that the segments were cut on, drawn at random where there are very many. Missing in older files: all.
    bought_by : str
        What counts as a purchase.
    half_samples, least_returns
        Resamples, and the share of them in which a segment must come back to be shown.
    dimensions : int
        What attributes, contents, channels and order have in common, in dimensions; 0: nothing beyond chance.
    cut_by : tuple of str
        What the segments are cut by: attributes, contents, channels, order; fewer where customers fall apart more clearly so.
    unstable : int
        Segments that did not come back, and are not shown.
    agreement, adjusted_rand : float
        How well the rule at the MQL moment finds each customer's segment; missing: there is none.
    label_days : int
        Within how many days a lead must qualify to count as SQL.
    labels : dict of str to dict
        Content to its words by language.
    costs_known : bool
        Whether any costs of campaigns are given.
    everybody : Yields
        Of all matured leads.
    none_alike : int
        Open leads that are most like customers of no stable segment.
    """

    customers: Count
    drawn: Count | None = None
    bought_by: Literal["customer", "order", "sales_qualified"]
    half_samples: Count
    least_returns: Share
    dimensions: Count
    cut_by: tuple[Literal["who", "content", "channels", "order"], ...]
    unstable: Count
    tried: tuple[Tried, ...]
    agreement: float | None
    adjusted_rand: float | None
    label_days: Count
    labels: dict[Name, Labels]
    costs_known: bool
    personas: tuple[Persona, ...]
    everybody: Yields
    open_leads: Count
    none_alike: Count


PERSONAS = Analysis(
    name="personas",
    title=n_("Personas"),
    lead=n_(
        "Which kinds of customers buy, how they came, what leads like them yield, and which open leads resemble them."
    ),
    schema=Personas,
)

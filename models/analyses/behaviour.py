"""Behaviour that announces qualification and purchase: at most ten patterns that held on later leads. Figures and codes."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from models.analyses.analysis import Analysis
from models.analyses.figures import Content, Count, Estimate, Figures, Name
from models.presentation.catalogues import n_

__all__ = ["BEHAVIOUR", "Behaviour", "Sentence"]

Labels = dict[Annotated[str, Field(max_length=8)], Name]
"""Language to the company's own words for a content."""


class Sentence(Figures):
    """One pattern that comes before an outcome more often than chance.

    Attributes
    ----------
    kind : str
        See `pipeline.sales_funnel.behaviour_patterns.Pattern`.
    first, then : str
        Contents; empty where the kind has none.
    days : int
        The window before the moment of the look.
    outcome : str
    share, base : float
        How often the outcome follows after looks that show it, and after all looks.
    ratio : Estimate
        How many times as often as after looks that do not show it, equally long after the MQL moment.
    looks, positives, accounts : int
        That show it, among later leads.
    lead_days : tuple of float
        Quartiles of the days from what completed the pattern to the outcome.
    """

    kind: Literal["did", "recently", "sequence", "more", "returned", "colleague", "colleagues_active"]
    first: Name
    then: Name
    days: Count
    outcome: Literal["sales_qualified", "purchase"]
    share: float
    base: float
    ratio: Estimate
    looks: Count
    positives: Count
    accounts: Count
    lead_days: tuple[float, float, float]


class Behaviour(Content):
    """What announces qualification and purchase.

    Attributes
    ----------
    sentences : tuple of Sentence
        The strongest first.
    candidates, held : int
        Patterns that earlier leads were asked about, and later ones.
    looks, leads : int
        Of the later leads.
    split_at : datetime
        Leads that became MQL before it proposed patterns.
    label_days, purchase_days : int
        Within how many days a qualification and a purchase count.
    labels : dict of str to dict
        Content to its words by language.
    """

    sentences: Annotated[tuple[Sentence, ...], Field(max_length=10)]
    candidates: Count
    held: Count
    looks: Count
    leads: Count
    split_at: AwareDatetime
    label_days: Count
    purchase_days: Count
    labels: dict[Name, Labels]


BEHAVIOUR = Analysis(
    name="behaviour",
    title=n_("Announcing behaviour"),
    lead=n_(
        "What leads do before they qualify and buy, more often than chance, on leads later than those that suggested it."
    ),
    schema=Behaviour,
)

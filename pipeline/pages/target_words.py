"""What a model predicts, in the words of the people who read about it, by target."""

import dataclasses
from dataclasses import dataclass

from models.presentation.catalogues import n_, words

__all__ = ["WORDS", "TargetWords"]


@dataclass(frozen=True)
class TargetWords:
    """Words for one target.

    Attributes
    ----------
    task : str
        What the model is for.
    rows : str
        Who is looked at, plural, in a form that serves every case.
    positives : str
        Those with the outcome, as in "how many of ..."; in languages with cases, in the genitive.
    do : str
        What they do, as in "should ...".
    predicts : str
        What the probability is of; ``{within}`` stands for the label's length, or for nothing without a clock.
    chance : str
        The same in a formula's few words.
    yes, no : str
        Legends of the two classes, as in `models.quality.evaluation.CLASS_NAMES`.
    one_row : str
        What one row of the headline metrics is.
    learned, moved : str
        Two limits: what the outcomes were made by, and what changes the base rate.
    better : str
        What does not help, though the model weighs it.
    read_at : str
        When attributes must be read.
    """

    task: str
    rows: str
    positives: str
    do: str
    predicts: str
    chance: str
    yes: str
    no: str
    one_row: str
    learned: str
    moved: str
    better: str
    read_at: str

    def spoken(self, language: str) -> "TargetWords":
        """Give the same words in a language."""
        say = words(language).say
        return TargetWords(**{field.name: say(getattr(self, field.name)) for field in dataclasses.fields(self)})


_QUALIFIED = TargetWords(
    task=n_("lead qualification"),
    rows=n_("leads"),
    positives=n_("the qualified"),
    do=n_("qualify"),
    predicts=n_("that a marketing-qualified lead becomes sales-qualified{within}."),
    chance=n_("sales-qualified"),
    yes=n_("qualified"),
    no=n_("not qualified"),
    one_row=n_("one per risk period (the MQL moment)"),
    learned=n_(
        "The model learned what sales made of leads so far. Where sales worked some leads later or not at all, their chances "
        "may look smaller than they were."
    ),
    moved=n_("New campaigns, products or a new points table"),
    better=n_("a lead does not become better by being sent more of what good leads read."),
    read_at=n_("at the MQL moment"),
)


def _purchase(positives: str, do: str, predicts: str, chance: str, yes: str, no: str) -> TargetWords:
    return TargetWords(
        task=n_("upsell"),
        rows=n_("customers"),
        positives=positives,
        do=do,
        predicts=predicts,
        chance=chance,
        yes=yes,
        no=no,
        one_row=n_("one per customer and month"),
        learned=n_(
            "The model learned from customers as they were looked after so far. It does not tell whom a call would move: some "
            "order anyway, and whom nobody called may look less likely to buy than they are."
        ),
        moved=n_("New products, prices or contracts"),
        better=n_("a customer does not order more by being sent what good customers read."),
        read_at=n_("at the snapshot"),
    )


WORDS: dict[str, TargetWords] = {
    "sales_qualified": _QUALIFIED,
    "again": _purchase(
        positives=n_("the buyers"),
        do=n_("order again"),
        predicts=n_("that an existing customer orders again{within}."),
        chance=n_("orders again"),
        yes=n_("ordered"),
        no=n_("did not order"),
    ),
    "more": _purchase(
        positives=n_("those who order for more"),
        do=n_("order for more"),
        predicts=n_("that an existing customer orders for more{within} than in as many days before."),
        chance=n_("orders for more"),
        yes=n_("for more"),
        no=n_("not for more"),
    ),
    "new_product": _purchase(
        positives=n_("those who order something new"),
        do=n_("order something new"),
        predicts=n_("that an existing customer orders a product{within} that it never ordered before."),
        chance=n_("orders a new product"),
        yes=n_("something new"),
        no=n_("nothing new"),
    ),
}
"""Target to its words: `sales_qualified`, else what `labels.purchase` says."""

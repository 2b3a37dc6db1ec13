"""What a model predicts, in the words of the people who read about it: by target, in English and German."""

from dataclasses import dataclass

from models.quality.evaluation import CLASS_NAMES

__all__ = ["WORDS", "TargetWords"]

Both = tuple[str, str]


@dataclass(frozen=True)
class TargetWords:
    """Words for one target; each a pair of English and German.

    Attributes
    ----------
    task : Both
        What the model is for.
    rows : Both
        Who is looked at, plural; the German form serves every case.
    positives : Both
        Those with the outcome, as in "how many of ..."; German in the genitive.
    do : Both
        What they do, as in "should ..." and "sollten ...".
    predicts : Both
        What the probability is of; ``{within}`` stands for the label's length, or for nothing without a clock.
    chance : Both
        The same in a formula's few words.
    yes, no : Both
        Legends of the two classes; English as in `models.quality.evaluation.CLASS_NAMES`.
    one_row : Both
        What one row of the headline metrics is.
    learned, moved : Both
        Two limits: what the outcomes were made by, and what changes the base rate.
    better : Both
        What does not help, though the model weighs it.
    read_at : Both
        When attributes must be read.
    """

    task: Both
    rows: Both
    positives: Both
    do: Both
    predicts: Both
    chance: Both
    yes: Both
    no: Both
    one_row: Both
    learned: Both
    moved: Both
    better: Both
    read_at: Both


_QUALIFIED = TargetWords(
    task=("lead qualification", "Leadqualifizierung"),
    rows=("leads", "Leads"),
    positives=("the qualified", "der Qualifizierten"),
    do=("qualify", "qualifiziert werden"),
    predicts=(
        "that a marketing-qualified lead becomes sales-qualified{within}.",
        "dass ein marketingqualifizierter Lead (MQL){within} vertriebsqualifiziert wird.",
    ),
    chance=("sales-qualified", "vertriebsqualifiziert"),
    yes=(CLASS_NAMES["sales_qualified"][0], "qualifiziert"),
    no=(CLASS_NAMES["sales_qualified"][1], "nicht qualifiziert"),
    one_row=("one per risk period (the MQL moment)", "eine je Risikoperiode (der MQL-Zeitpunkt)"),
    learned=(
        "It learned what sales made of leads so far. Where sales worked some leads later or not at all, their chances may "
        "look smaller than they were.",
        "Es hat gelernt, was der Vertrieb bisher aus Leads gemacht hat. Wo Leads später oder gar nicht bearbeitet wurden, "
        "wirken ihre Chancen womöglich kleiner, als sie waren.",
    ),
    moved=("New campaigns, products or a new points table", "Neue Kampagnen, Produkte oder eine neue Punktetabelle"),
    better=(
        "a lead does not become better by being sent more of what good leads read.",
        "Ein Lead wird nicht besser, wenn man ihm mehr von dem schickt, was gute Leads lesen.",
    ),
    read_at=("at the MQL moment", "zum MQL-Zeitpunkt"),
)


def _purchase(positives: Both, do: Both, predicts: Both, chance: Both, yes: Both, no: Both) -> TargetWords:
    return TargetWords(
        task=("upsell", "Upsell"),
        rows=("customers", "Bestandskunden"),
        positives=positives,
        do=do,
        predicts=predicts,
        chance=chance,
        yes=yes,
        no=no,
        one_row=("one per customer and month", "eine je Bestandskunde und Monat"),
        learned=(
            "It learned from customers as they were looked after so far. It does not tell whom a call would move: some order "
            "anyway, and whom nobody called may look less likely to buy than they are.",
            "Es hat von Bestandskunden gelernt, wie sie bisher betreut wurden. Es sagt nicht, bei wem ein Anruf etwas bewegt: "
            "Manche bestellen ohnehin, und wen niemand anrief, der wirkt womöglich weniger kaufbereit, als er ist.",
        ),
        moved=("New products, prices or contracts", "Neue Produkte, Preise oder Verträge"),
        better=(
            "a customer does not order more by being sent what good customers read.",
            "Ein Kunde bestellt nicht mehr, wenn man ihm schickt, was gute Kunden lesen.",
        ),
        read_at=("at the snapshot", "zum Snapshot"),
    )


WORDS: dict[str, TargetWords] = {
    "sales_qualified": _QUALIFIED,
    "again": _purchase(
        positives=("the buyers", "der Käufer"),
        do=("order again", "wieder bestellen"),
        predicts=(
            "that an existing customer orders again{within}.",
            "dass ein Bestandskunde{within} wieder bestellt.",
        ),
        chance=("orders again", "bestellt wieder"),
        yes=(CLASS_NAMES["again"][0], "bestellt"),
        no=(CLASS_NAMES["again"][1], "nicht bestellt"),
    ),
    "more": _purchase(
        positives=("those who order for more", "derer mit höherem Bestellwert"),
        do=("order for more", "für mehr bestellen"),
        predicts=(
            "that an existing customer orders for more{within} than in as many days before.",
            "dass ein Bestandskunde{within} für mehr bestellt als in ebenso vielen Tagen zuvor.",
        ),
        chance=("orders for more", "bestellt für mehr"),
        yes=(CLASS_NAMES["more"][0], "für mehr"),
        no=(CLASS_NAMES["more"][1], "nicht für mehr"),
    ),
    "new_product": _purchase(
        positives=("those who order something new", "derer mit einem neuen Produkt"),
        do=("order something new", "etwas Neues bestellen"),
        predicts=(
            "that an existing customer orders a product{within} that it never ordered before.",
            "dass ein Bestandskunde{within} ein Produkt bestellt, das er noch nie bestellt hat.",
        ),
        chance=("orders a new product", "bestellt ein neues Produkt"),
        yes=(CLASS_NAMES["new_product"][0], "etwas Neues"),
        no=(CLASS_NAMES["new_product"][1], "nichts Neues"),
    ),
}
"""Target to its words: `sales_qualified`, else what `labels.purchase` says."""

"""The model card's definitions: the population, the label, maturity, and how slices were kept apart."""

from models.quality.purge_words import purge_sentence
from pipeline.pages.html import facts, number
from pipeline.pages.report_parts import Trained, say

__all__ = ["definition", "split_rule"]


def definition(trained: Trained, language: str) -> str:
    """Say who is looked at, what is predicted, when a label is known, and what features see; HTML."""
    meta = trained.metadata
    days, delay = meta["label_days"], meta["recording_delay_days"]
    every = trained.every_days
    if trained.customers:
        who = say(
            language,
            "People known at accounts that ordered before, on the first of each month (00:00 UTC).",
            "Bekannte Personen von Unternehmen, die schon bestellt haben, jeweils am Monatsersten (00:00 UTC).",
        )
        what = (
            say(
                language,
                "next order of a product that the account never ordered before",
                "die nächste Bestellung eines Produkts, das das Unternehmen noch nie bestellt hat,",
            )
            if trained.target == "new_product"
            else say(language, "next order of the account", "die nächste Bestellung des Unternehmens")
        )
    else:
        again = (
            ""
            if every is None or trained.ordinal
            else say(
                language,
                f" and then every {every} days while open",
                f" und dann alle {every} Tage, solange er offen ist",
            )
        )
        expiry = (
            ""
            if trained.expire_days is None or trained.ordinal
            else say(
                language, f", for at most {trained.expire_days} days", f", höchstens {trained.expire_days} Tage lang"
            )
        )
        who = say(
            language,
            f"Leads that are MQL and not yet qualified, disqualified, recycled or customers{expiry}; seen at the MQL "
            f"moment{again}.",
            "Leads, die MQL sind und noch nicht qualifiziert, disqualifiziert, zurückgestellt oder Kunden sind"
            f"{expiry}; betrachtet zum MQL-Zeitpunkt{again}.",
        )
        what = say(
            language,
            "first <code>sales_qualified</code> of the same risk period",
            "das erste <code>sales_qualified</code> derselben Risikoperiode",
        )
    label = say(
        language,
        f"1 if the {what} lies in <code>[snapshot_at, snapshot_at + {days} days)</code>, else 0.",
        f"1, wenn {what} in <code>[snapshot_at, snapshot_at + {days} Tage)</code> liegt, sonst 0.",
    )
    if trained.target == "more":
        label = say(
            language,
            f"1 if the account's orders in <code>[snapshot_at, snapshot_at + {days} days)</code> sum to more than those in "
            f"<code>[snapshot_at - {days} days, snapshot_at)</code>, else 0.",
            f"1, wenn die Bestellungen des Unternehmens in <code>[snapshot_at, snapshot_at + {days} Tage)</code> mehr ergeben "
            f"als die in <code>[snapshot_at - {days} Tage, snapshot_at)</code>, sonst 0.",
        )
    matured = say(
        language,
        f"A label counts once <code>snapshot_at + {days} + {delay} days</code> is at or before the export; before that it is "
        "missing, for positives and negatives alike.",
        f"Ein Label zählt, sobald <code>snapshot_at + {days} + {delay} Tage</code> nicht nach dem Export liegt; vorher fehlt "
        "es, bei positiven wie negativen Fällen.",
    )
    sees = say(
        language,
        f"What occurred and was recorded in <code>[snapshot_at - {meta['observation_days']} days, snapshot_at)</code>, as "
        f"{number(trained.feature_count, 0, language)} features.",
        f"Was in <code>[snapshot_at - {meta['observation_days']} Tage, snapshot_at)</code> geschah und erfasst wurde, als "
        f"{number(trained.feature_count, 0, language)} Merkmale.",
    )
    if trained.ordinal:
        label = say(language, f"1 if there is a {what}, at whatever time.", f"1, wenn es {what} gab, gleich wann.")
        matured = say(language, "No clock: every label counts as known.", "Keine Uhr: Jedes Label gilt als bekannt.")
        sees = say(
            language,
            f"{number(trained.feature_count, 0, language)} features from attributes; no windows, for there is no clock.",
            f"{number(trained.feature_count, 0, language)} Merkmale aus Attributen; keine Zeitfenster, da es keine Uhr gibt.",
        )
    names = (("Who", "Wer"), ("Label", "Label"), ("Maturity", "Reife"), ("What it sees", "Was es sieht"))
    return facts([(say(language, *name), fact) for name, fact in zip(names, (who, label, matured, sees), strict=True)])


def split_rule(trained: Trained, language: str) -> str:
    """Say how training and test were kept apart; text."""
    meta = trained.metadata
    text = (
        say(
            language,
            "Split by time, grouped: no lead and no account is on both sides.",
            "Zeitlich geteilt, gruppiert: Kein Lead und kein Unternehmen steht auf beiden Seiten.",
        )
        if meta["split_mode"] == "grouped"
        else say(
            language,
            "Split by time: accounts may be on both sides, features see only the past, and intervals are "
            "bootstrapped by account.",
            "Zeitlich geteilt: Unternehmen können auf beiden Seiten stehen, Merkmale sehen nur die Vergangenheit, Intervalle "
            "werden nach Unternehmen gezogen.",
        )
    )
    if not trained.ordinal:
        text += " " + (
            say(
                language,
                "Snapshots whose label window reaches into the next slice are left out (label purge).",
                "Snapshots, deren Labelfenster in den nächsten Abschnitt reicht, sind ausgelassen (label purge).",
            )
            if meta["label_purge"]
            else purge_sentence(meta)[language]
        )
    folds = meta.get("cross_fit_folds")
    if folds:
        by_account = meta.get("cross_fit_by") == "account"
        kind = (
            ("folds by account", "nach Unternehmen gebildeten")
            if by_account
            else ("time-ordered folds", "zeitlich geordneten")
        )
        text += " " + say(
            language,
            f"Rounds and calibration come from {folds} {kind[0]} inside the training part, then a refit on all of it.",
            f"Rundenzahl und Kalibrierung stammen aus {folds} {kind[1]} Teilen des Trainings, danach neu auf allem.",
        )
    return text

"""What the stage `split` decided, in two sentences: what was chosen, and what a longer history would give."""

from collections.abc import Sequence

from models.fitting.split_counts import Counts
from models.params import SplitParams
from pipeline.pages.html import number

__all__ = ["split_sentences"]


def split_sentences(
    params: SplitParams, counts: Counts, given_up: Sequence[str], more_days: int | None
) -> dict[str, str]:
    """Say what was chosen and why, by language.

    Parameters
    ----------
    params : SplitParams
        Every setting decided.
    counts : Counts
        What they leave.
    given_up : sequence of str
        Settings left open that a longer history would set otherwise.
    more_days : int or None
        As `models.fitting.split_plan.days_until_strictest` tells; None: unknown. Not used where nothing was given up.
    """
    folds = _folds(params)
    english = (
        f"The split is {'grouped by account' if params.mode == 'grouped' else 'by time'}, with "
        f"{counts.train_leads:,} leads ({counts.train_positives:,} positive) to train on and {counts.test_leads:,} "
        f"({counts.test_positives:,}) to test; training labels {_purge(params)[0]}, and "
        f"{folds[0]}."
    )
    german = (
        f"Geteilt wird {'nach Unternehmen gruppiert' if params.mode == 'grouped' else 'nach der Zeit'}, mit "
        f"{number(counts.train_leads, 0, 'de')} Leads ({number(counts.train_positives, 0, 'de')} positiv) zum Lernen und "
        f"{number(counts.test_leads, 0, 'de')} ({number(counts.test_positives, 0, 'de')}) zum Prüfen; "
        f"Trainingslabels {_purge(params)[1]}, und {folds[1]}."
    )
    if not given_up:
        return {"en": english, "de": german}
    gains = [WHAT[name] for name in given_up]
    when = (
        ("A longer history", "Eine längere Historie")
        if more_days is None
        else (
            f"About {more_days:,} more days like these",
            f"Etwa {number(more_days, 0, 'de')} weitere solche Tage",
        )
    )
    one = more_days is None
    return {
        "en": f"{english} {when[0]} would give {', '.join(gain[0] for gain in gains)}.",
        "de": f"{german} {when[1]} {'erlaubte' if one else 'erlaubten'} {', '.join(gain[1] for gain in gains)}.",
    }


WHAT = {
    "mode": ("accounts that are never on both sides", "Unternehmen, die nie auf beiden Seiten stehen"),
    "test_share": ("a test of a quarter of the leads", "einen Test mit einem Viertel der Leads"),
    "label_purge": ("a test that no training label reaches into", "einen Test, in den kein Trainingslabel reicht"),
    "cross_fit_folds": ("five folds", "fünf Teile"),
    "cross_fit_purge": (
        "folds whose labels are known before the next",
        "Teile, deren Labels vor dem nächsten bekannt sind",
    ),
    "cross_fit_by": ("folds in the order of time", "Teile in zeitlicher Reihenfolge"),
}


def _purge(params: SplitParams) -> tuple[str, str]:
    if params.label_purge:
        return "are known before the test begins", "sind vor Testbeginn bekannt"
    if params.mode == "grouped":
        return (
            "of other accounts reach into the test, whose base rate is so known to training",
            "anderer Unternehmen reichen in den Testzeitraum, dessen Grundrate das Training also kennt",
        )
    return (
        "reach into the test, whose figures are too good",
        "reichen in den Testzeitraum, dessen Kennzahlen zu gut sind",
    )


def _folds(params: SplitParams) -> tuple[str, str]:
    count = params.cross_fit_folds
    if count == 0:
        return "stopping and calibration have slices of their own", "Abbruch und Kalibrierung haben eigene Abschnitte"
    begin = ("rounds and calibration come from", "Rundenzahl und Kalibrierung kommen aus")
    if params.cross_fit_by == "account":
        return f"{begin[0]} {count} folds by account", f"{begin[1]} {count} Teilen nach Unternehmen"
    kind = (
        ("purged", "mit Label-Purge")
        if params.label_purge and params.cross_fit_purge
        else ("with accounts kept apart", "mit getrennten Unternehmen")
    )
    folds = "fold" if count == 1 else "folds"
    return f"{begin[0]} {count} {folds} in time, {kind[0]}", f"{begin[1]} {count} zeitlich geordneten Teilen, {kind[1]}"

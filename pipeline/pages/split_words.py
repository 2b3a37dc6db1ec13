"""What the stage `split` decided, in two sentences: what was chosen, and what a longer history would give."""

from collections.abc import Sequence

from models.fitting.split_counts import Counts
from models.params import SplitParams
from models.presentation.catalogues import LANGUAGES, n_, words
from models.presentation.numbers import number

__all__ = ["split_sentences"]

WHAT = {
    "mode": n_("leads and accounts that are never on both sides"),
    "test_share": n_("a test of a quarter of the leads"),
    "label_purge": n_("a test that no training label reaches into"),
    "cross_fit_folds": n_("five folds"),
    "cross_fit_purge": n_("folds whose labels are known before the next"),
    "cross_fit_by": n_("folds in the order of time"),
}


def split_sentences(
    params: SplitParams, counts: Counts, given_up: Sequence[str], gained: Sequence[str], more_days: int | None
) -> dict[str, str]:
    """Say what was chosen and why, by language.

    Parameters
    ----------
    params : SplitParams
        Every setting decided.
    counts : Counts
        What they leave.
    given_up : sequence of str
        Settings left open that the longest history would set otherwise.
    gained : sequence of str
        Those of them that a longer history would give back, as `models.fitting.split_plan.longer_history` tells.
    more_days : int or None
        After how many more days, as it tells; None: unknown. Not used where nothing was given up.
    """
    return {language: _sentences(params, counts, given_up, gained, more_days, language) for language in LANGUAGES}


def _sentences(
    params: SplitParams,
    counts: Counts,
    given_up: Sequence[str],
    gained: Sequence[str],
    more_days: int | None,
    language: str,
) -> str:
    say = words(language)
    figures = {
        name: number(getattr(counts, name), 0, language)
        for name in ("train_leads", "train_positives", "test_leads", "test_positives")
    }
    pattern = (
        n_(
            "The split is grouped (no lead and no account is on both sides), with {train_leads} leads ({train_positives} "
            "positive) to train on and {test_leads} ({test_positives}) to test; {purge}, and {folds}."
        )
        if params.mode == "grouped"
        else n_(
            "The split is by time, with {train_leads} leads ({train_positives} positive) to train on and {test_leads} "
            "({test_positives}) to test; {purge}, and {folds}."
        )
    )
    text = say.filled(pattern, **figures, purge=_purge(params, language), folds=_folds(params, language))
    if not given_up:
        return text
    gains = ", ".join(say.say(WHAT[name]) for name in gained)
    if not gained and params.test_from is not None:
        more = say.gettext("More days would give no more as long as split.test_from stays.")
    elif not gained and "mode" in given_up:
        more = say.gettext("A longer history would give no more: the same accounts come back.")
    elif not gained:
        more = say.gettext("Two more years like these would give no more.")
    elif more_days is None:
        more = say.gettext("A longer history would give {gains}.", gains=gains)
    else:
        days = number(more_days, 0, language)
        more = say.gettext("About {days} more days like these would give {gains}.", days=days, gains=gains)
    return f"{text} {more}"


def _purge(params: SplitParams, language: str) -> str:
    say = words(language)
    if params.label_purge:
        return say.gettext("training labels are known before the test begins")
    if params.mode == "grouped":
        return say.gettext(
            "training labels of other accounts reach into the test, whose base rate is so known to training"
        )
    return say.gettext("training labels reach into the test, whose figures are too good")


def _folds(params: SplitParams, language: str) -> str:
    say, count = words(language), params.cross_fit_folds
    if count == 0:
        return say.gettext("stopping and calibration have slices of their own")
    if params.cross_fit_by == "account":
        return say.gettext("rounds and calibration come from {count} folds by account", count=count)
    if params.label_purge and params.cross_fit_purge:
        return say.ngettext(
            "rounds and calibration come from {count} fold in time, purged",
            "rounds and calibration come from {count} folds in time, purged",
            count,
            count=count,
        )
    return say.ngettext(
        "rounds and calibration come from {count} fold in time, with accounts kept apart",
        "rounds and calibration come from {count} folds in time, with accounts kept apart",
        count,
        count=count,
    )

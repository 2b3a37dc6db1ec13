"""The verdict on a model's signal in sentences; see `models.quality.signal`."""

from collections.abc import Mapping, Sequence

from models.presentation.catalogues import LANGUAGES, n_, words
from models.presentation.model_names import model_name
from models.presentation.numbers import MISSING, number

__all__ = ["log_loss_sentence", "signal_sentence", "too_little_sentence"]

Interval = Mapping[str, float | None]
FAILED = {
    "skill": n_("its log-loss skill over the base rate is {skill}, and 0 is not below the interval"),
    "auc": n_("its AUC is {auc}, and the lower bound is below {min_auc}"),
    "permutations": n_("labels permuted within month do as well with p = {p}, above {level}"),
}
OPENINGS = {
    "no_forward_signal": n_("No forward signal: on later leads {why}."),
    "weak_signal": n_(
        "Too weak a signal: labels permuted within month do as well with p = {p} only, but on later leads {why}."
    ),
}


def signal_sentence(
    code: str,
    failed: Sequence[str],
    skill: Interval,
    area: Interval,
    p_value: float,
    min_auc: float,
    level: float,
    simpler: str | None,
    simpler_gain: Interval | None,
) -> dict[str, str]:
    """Say the verdict, by language.

    Parameters
    ----------
    code : str
        One of `models.quality.signal.CODES`, but for `too_little_data`.
    failed : sequence of str
        Keys of `FAILED`: what a signal would need and is not there.
    skill, area : mapping
        Log-loss skill over the base rate, and AUC, with their intervals.
    p_value, min_auc, level : float
        Of the permutations, and the bounds that are asked for.
    simpler : str or None
        The best of the simpler models.
    simpler_gain : mapping or None
        Gain over it.
    """
    return {
        language: _sentence(code, language, failed, skill, area, p_value, min_auc, level, simpler, simpler_gain)
        for language in LANGUAGES
    }


def _sentence(
    code: str,
    language: str,
    failed: Sequence[str],
    skill: Interval,
    area: Interval,
    p_value: float,
    min_auc: float,
    level: float,
    simpler: str | None,
    simpler_gain: Interval | None,
) -> str:
    say = words(language)
    figures = {
        "skill": _with_interval(skill, 3, language),
        "auc": _with_interval(area, 3, language),
        "p": number(p_value, 3, language),
        "min_auc": number(min_auc, 2, language),
        "level": number(level, 2, language),
    }
    if code in OPENINGS:
        why = say.gettext("; and ").join(say.filled(FAILED[name], **figures) for name in failed)
        return say.filled(OPENINGS[code], **figures, why=why)
    if code == "use_the_simpler_model" and simpler is not None and simpler_gain is not None:
        return say.gettext(
            "Use the simpler model: there is a signal (skill {skill}, AUC {auc}), but {simpler} is at least as good: this "
            "model's gain over it is {gain}.",
            **figures,
            simpler=model_name(simpler, language),
            gain=_with_interval(simpler_gain, 4, language),
        )
    found = say.gettext(
        "Forward signal: on later leads the skill over the base rate is {skill}, AUC {auc}, p = {p}", **figures
    )
    if simpler is None or simpler_gain is None:
        return f"{found}."
    over = {"simpler": model_name(simpler, language), "gain": _with_interval(simpler_gain, 4, language)}
    if simpler_gain["low"] is not None and simpler_gain["low"] > 0.0:
        return say.gettext("{found}; gain over {simpler} {gain}.", found=found, **over)
    return say.gettext("{found}; gain over {simpler} {gain}, which these rows do not prove.", found=found, **over)


def too_little_sentence(positives: int, rows: int, needed: int, losses: tuple[float, float] | None) -> dict[str, str]:
    """Say that rows of one kind are too few for a verdict, and how the model does beside the base rate; by language.

    Parameters
    ----------
    positives, rows, needed : int
        Positives and rows there are, and how many positives, and negatives, a verdict needs.
    losses : pair of float or None
        Log loss of the model and of the base rate; None: there are no rows.
    """
    return {language: _too_little(positives, rows, needed, losses, language) for language in LANGUAGES}


def _too_little(positives: int, rows: int, needed: int, losses: tuple[float, float] | None, language: str) -> str:
    figures = {"rows": number(rows, 0, language), "needed": number(needed, 0, language)}
    if positives < needed:
        text = words(language).gettext(
            "Too little data to tell: {positives} positives in {rows} later rows; {needed} are needed.",
            positives=number(positives, 0, language),
            **figures,
        )
    else:
        text = words(language).gettext(
            "Too little data to tell: {negatives} negatives in {rows} later rows; {needed} are needed.",
            negatives=number(rows - positives, 0, language),
            **figures,
        )
    return text if losses is None else f"{text} {log_loss_sentence(*losses, language)}"


def log_loss_sentence(ours: float, of_base_rate: float, language: str) -> str:
    """Compare a log loss with that of the base rate on the same rows."""
    say = words(language)
    figures = {"ours": number(ours, 3, language), "base": number(of_base_rate, 3, language)}
    if ours > of_base_rate:
        return say.gettext(
            "On these rows its log loss is {ours}, that of the base rate {base}: worse than the base rate, not promoted.",
            **figures,
        )
    return say.gettext("On these rows its log loss is {ours}, that of the base rate {base}.", **figures)


def _with_interval(metric: Interval, digits: int, language: str) -> str:
    if metric["value"] is None or metric["low"] is None:
        return MISSING
    to = words(language).pgettext("range", "to")
    low, high = (number(metric[end], digits, language) for end in ("low", "high"))
    return f"{number(metric['value'], digits, language)} ({low} {to} {high})"

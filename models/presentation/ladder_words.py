"""What the ladder of models did, in words; see `models.fitting.ladder`."""

from collections.abc import Mapping
from typing import Any

from models.presentation.catalogues import LANGUAGES, by_language, n_, worded, words
from models.presentation.numbers import number, signed

__all__ = ["ladder_sentence", "width_sentence"]

WIDE = 2.0  # times the base rate
RUNGS = {"segments": n_("segments"), "linear": n_("logistic regression"), "trees": n_("trees")}


def ladder_sentence(facts: Mapping[str, Any] | None) -> dict[str, str]:
    """Say which model was taken and why, by language; empty where nothing was chosen.

    Parameters
    ----------
    facts : mapping or None
        `ladder` of a bundle's metadata.

    Examples
    --------
    >>> ladder_sentence({"rule": "plenty", "positives": 2500})["en"]
    'LightGBM alone: with 2,500 positive accounts no simpler model was looked at.'
    """
    rule = (facts or {}).get("rule")
    if facts is None or rule not in ("plenty", "few", "better", "not_better"):
        return by_language("")
    return {language: _ladder(facts, rule, language) for language in LANGUAGES}


def _ladder(facts: Mapping[str, Any], rule: str, language: str) -> str:
    say = words(language)
    count = number(facts["positives"], 0, language)
    if rule == "plenty":
        return say.gettext(
            "LightGBM alone: with {count} positive accounts no simpler model was looked at.", count=count
        )
    to = say.pgettext("range", "to")
    value, low, high = (signed(facts[name], 4, language) for name in ("gain", "low", "high"))
    gain = f"{value} ({low} {to} {high})"
    if rule == "not_better":
        return say.gettext(
            "LightGBM alone: on rows that no model had seen, mixing it with simpler models gained {gain} in log loss ({count} "
            "positive accounts).",
            gain=gain,
            count=count,
        )
    weights = [
        f"{number(facts['weights'][name], 2, language)} {say.say(rung)}"
        for name, rung in RUNGS.items()
        if facts["weights"][name] >= 0.005
    ]
    mix = ", ".join(weights) or say.gettext("the base rate alone")
    small = facts["strong"]
    if rule == "few":
        text = (
            n_(
                "A mix of simple models and small trees ({mix}), as {count} positive accounts are few: on rows that no model "
                "had seen, gain over the base rate by time since entry {gain} in log loss."
            )
            if small
            else n_(
                "A mix of simple models and trees ({mix}), as {count} positive accounts are few: on rows that no model "
                "had seen, gain over the base rate by time since entry {gain} in log loss."
            )
        )
    else:
        text = (
            n_(
                "A mix of simple models and small trees ({mix}), as {count} positive accounts are not enough for trees alone: "
                "gain over LightGBM alone {gain} in log loss."
            )
            if small
            else n_(
                "A mix of simple models and trees ({mix}), as {count} positive accounts are not enough for trees alone: gain "
                "over LightGBM alone {gain} in log loss."
            )
        )
    return say.filled(text, mix=mix, count=count, gain=gain)


def width_sentence(width: float, base_rate: float) -> dict[str, str]:
    """Say where intervals are too wide to act on; empty where they are not.

    Examples
    --------
    >>> width_sentence(0.12, 0.16)["en"], width_sentence(0.5, 0.1)["en"][:54]
    ('', 'The mean interval is 0.50 wide, 5.0 times the base rat')
    """
    if base_rate <= 0.0 or width <= WIDE * base_rate:
        return by_language("")
    return by_language(
        worded(
            "The mean interval is {width} wide, {times} times the base rate: one lead's probability says little, only the "
            "order of many does.",
            width=lambda language: number(width, 2, language),
            times=lambda language: number(width / base_rate, 1, language),
        )
    )

"""What the ladder of models did, in words; see `models.fitting.ladder`."""

from collections.abc import Mapping
from typing import Any

__all__ = ["ladder_sentence", "width_sentence"]

WIDE = 2.0  # times the base rate
RUNGS = {
    "segments": ("segments", "Segmente"),
    "linear": ("logistic regression", "logistische Regression"),
    "trees": ("trees", "Bäume"),
}


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
        return {"en": "", "de": ""}
    count = f"{facts['positives']:,}"
    german = count.replace(",", ".")
    if rule == "plenty":
        return {
            "en": f"LightGBM alone: with {count} positive accounts no simpler model was looked at.",
            "de": f"LightGBM allein: Bei {german} positiven Unternehmen wurde kein einfacheres Modell betrachtet.",
        }
    gain = f"{facts['gain']:+.4f} ({facts['low']:+.4f}..{facts['high']:+.4f})"
    gewinn = gain.replace("..", " bis ").replace(".", ",")
    if rule == "not_better":
        return {
            "en": f"LightGBM alone: on rows that no model had seen, mixing it with simpler models gained {gain} in log loss "
            f"({count} positive accounts).",
            "de": f"LightGBM allein: Auf Zeilen, die kein Modell gesehen hatte, brachte das Mischen mit einfacheren Modellen "
            f"{gewinn} Log-Loss ({german} positive Unternehmen).",
        }
    parts = [
        (f"{facts['weights'][name]:.2f}", words) for name, words in RUNGS.items() if facts["weights"][name] >= 0.005
    ]
    english = ", ".join(f"{weight} {words[0]}" for weight, words in parts) or "the base rate alone"
    deutsch = ", ".join(f"{weight.replace('.', ',')} {words[1]}" for weight, words in parts) or "die Grundrate allein"
    few = rule == "few"
    small = ("small ", "kleinen ") if facts["strong"] else ("", "")
    why = ("few", "wenige") if few else ("not enough for trees alone", "für Bäume allein zu wenige")
    over = ("the base rate", "der Grundrate") if few else ("LightGBM alone", "LightGBM allein")
    return {
        "en": f"A mix of simple models and {small[0]}trees ({english}), as {count} positive accounts are {why[0]}: gain over "
        f"{over[0]} {gain} in log loss.",
        "de": f"Eine Mischung aus einfachen Modellen und {small[1]}Bäumen ({deutsch}), da {german} positive Unternehmen "
        f"{why[1]} sind: Gewinn gegenüber {over[1]} {gewinn} Log-Loss.",
    }


def width_sentence(width: float, base_rate: float) -> dict[str, str]:
    """Say where intervals are too wide to act on; empty where they are not.

    Examples
    --------
    >>> width_sentence(0.12, 0.16)["en"], width_sentence(0.5, 0.1)["en"][:54]
    ('', 'The mean interval is 0.50 wide, 5.0 times the base rat')
    """
    if base_rate <= 0.0 or width <= WIDE * base_rate:
        return {"en": "", "de": ""}
    times = f"{width / base_rate:.1f}"
    breadth = f"{width:.2f}"
    return {
        "en": f"The mean interval is {breadth} wide, {times} times the base rate: one lead's probability says little, only "
        "the order of many does.",
        "de": f"Das mittlere Intervall ist {breadth.replace('.', ',')} breit, das {times.replace('.', ',')}-Fache der "
        "Grundrate: Die Wahrscheinlichkeit eines einzelnen Leads sagt wenig, nur die Reihenfolge vieler.",
    }

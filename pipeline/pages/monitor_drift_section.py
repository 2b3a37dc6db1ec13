"""The part of the monitor's page about drift."""

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.pages.html import box, figure, interval, number, percent, section, table
from pipeline.pages.monitor_plots import monitor_png
from pipeline.pages.report_parts import say

__all__ = ["drift_section", "picture"]

FEATURES = 20
Result = Mapping[str, Any]


def picture(name: str, result: Result, language: str, en: str, de: str, *, full: bool = False) -> str:
    """Embed a figure with its caption."""
    caption = say(language, en, de)
    return figure(monitor_png(name, result, language), caption, caption, full=full)


def drift_section(result: Result, language: str) -> str:
    """Show by how much features and scores are spread otherwise than in training."""
    months = [month for month in result["months"] if "score" in month]
    title = say(language, "Do the rows still look the same?", "Sehen die Zeilen noch gleich aus?")
    if not months:
        few = result["params"]["min_rows"]
        return section(
            title, box(say(language, f"No month has {few} scores yet.", f"Noch hat kein Monat {few} Bewertungen."))
        )
    watch, alarm = (number(result["params"][name], 2, language) for name in ("psi_watch", "psi_alarm"))
    text = say(
        language,
        "The population stability index (PSI) compares how values are spread in a month with the training: 0 is the same, "
        f"above {watch} watch, above {alarm} changed. What chance adds in small months is taken off. Only features that matter "
        "to the model decide.",
        "Der Populationsstabilitätsindex (PSI) vergleicht, wie sich Werte in einem Monat und im Training verteilen: 0 ist "
        f"gleich, über {watch} beobachten, über {alarm} verändert. Was der Zufall in kleinen Monaten hinzufügt, ist abgezogen. "
        "Nur Merkmale, die für das Modell zählen, entscheiden.",
    )
    newest = months[-1]
    shift, distance = (number(100.0 * abs(value), 1, language) for value in newest["shift"])
    up = newest["shift"][0] > 0
    moved = say(
        language,
        f"In {newest['month']} probabilities were {shift} percentage points {'higher' if up else 'lower'} on average than in "
        f"the test rows; their distance (Wasserstein) is {distance} percentage points.",
        f"Im Monat {newest['month']} lagen die Wahrscheinlichkeiten im Mittel {shift} Prozentpunkte "
        f"{'höher' if up else 'niedriger'} als in den Testzeilen; ihre Distanz (Wasserstein) beträgt {distance} Prozentpunkte.",
    )
    head = [
        say(language, "feature", "Merkmal"),
        say(language, "moved most", "am stärksten verschoben"),
        say(language, "importance", "Gewicht"),
        f"PSI {newest['month']}",
    ]
    shown = result["features"][:FEATURES]
    rows = [
        [
            f"{escape(item['text'][language])}<br><code>{escape(item['name'])}</code>"
            + (f"<br><small>{_by_design(language)}</small>" if item["by_design"] else ""),
            f"{escape(item['moved']['text'][language])}: {percent(item['moved']['before'], language, 0)} → "
            f"{percent(item['moved']['now'], language, 0)}",
            percent(item["importance"], language, 1) + ("" if item["decides"] else " *"),
            number(item["months"][newest["month"]]["value"], 2, language)
            + f"<br><small>{interval(item['months'][newest['month']], 2, language)}</small>",
        ]
        for item in shown
    ]
    star = say(language, "* does not decide: it matters too little.", "* entscheidet nicht: Es zählt zu wenig.")
    return section(
        title,
        f"<p>{escape(text)}</p><p>{escape(moved)}</p>",
        f'<div class="figures">{picture("drift", result, language, "", "", full=True)}</div>',
        table(head, rows, left=2),
        f"<p><small>{star}</small></p>",
    )


def _by_design(language: str) -> str:
    return say(
        language,
        "never decides: training looks at the very moment of the MQL, a call comes a little later",
        "entscheidet nie: Das Training schaut genau zum MQL-Zeitpunkt hin, ein Aufruf kommt etwas später",
    )

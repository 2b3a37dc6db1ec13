"""Parts of the model card for who must answer for the model: population, fairness, leakage findings, erased data."""

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.matrix.segment_rows import dimension_words, value_words
from pipeline.pages.html import number, percent, table
from pipeline.pages.report_parts import Trained, say
from pipeline.pages.report_segments import points, too_few_text

__all__ = ["erasure_part", "fairness_part", "population_part"]

STABLE, CHANGED = 0.1, 0.25  # the usual marks of credit scoring (Siddiqi 2006)


def population_part(trained: Trained, language: str) -> str:
    """Say how far the test's rows look like those of training; HTML."""
    found = (trained.segments or {}).get("population") or []
    if not found:
        return ""
    rows = []
    for item in found:
        name = say(language, "the probability", "die Wahrscheinlichkeit")
        if item["feature"] != "probability":
            name = escape(item[f"text_{language}"]) + f"<br><small><code>{escape(item['feature'])}</code></small>"
        psi = item["psi"]
        beyond = None if psi is None else psi - item["chance"]
        if beyond is None:
            word = "–"
        elif beyond < STABLE:
            word = say(language, "stable", "stabil")
        elif beyond < CHANGED:
            word = say(language, "moved", "verschoben")
        else:
            word = f"<b>{say(language, 'changed', 'verändert')}</b>"
        rows.append([name, number(psi, 3, language), number(item["chance"], 3, language), word])
    text = say(
        language,
        "How the rows that the test's figures rest on are distributed beside the same kind of rows in training: population "
        "stability index (PSI). Once what chance alone gives is taken off, below 0.1 is called stable, above 0.25 "
        "changed. It tells that inputs moved, not that the model got worse.",
        "Wie die Zeilen, auf denen die Testkennzahlen beruhen, neben denen des Trainings verteilt sind: Population "
        "Stability Index (PSI). Ohne "
        "das, was der Zufall allein ergibt, heißt unter 0,1 stabil und über 0,25 verändert. Er sagt, dass sich "
        "Eingaben verschoben haben, nicht, dass das Modell schlechter wurde.",
    )
    head = say(language, "feature|PSI|by chance|", "Merkmal|PSI|durch Zufall|").split("|")
    return f"<p>{text}</p>" + table(head, rows)


def fairness_part(trained: Trained, language: str) -> str:
    """Compare the configured segments: who is worked, who of the good ones is found, calibration within; HTML."""
    found = trained.segments or {}
    if not found.get("fairness"):
        text = say(
            language,
            "No segments are configured for it (segments.fairness in params.yaml), so nothing was compared.",
            "Dafür sind keine Segmente eingestellt (segments.fairness in params.yaml); es wurde nichts verglichen.",
        )
        return f"<p>{text}</p>"
    who, wer = trained.words.rows
    good, guten = trained.words.positives
    text = say(
        language,
        f"Each segment beside all other {who}. “Worked” is the share within sales' capacity; “found” is the share of "
        f"{good} within it (equal opportunity asks for the same in every segment); “predicted less observed” is the "
        "calibration within the segment. Below each share, the difference to all others with its 95 % interval, in "
        "percentage points; bold where it excludes 0.",
        f"Jedes Segment neben allen übrigen {wer}. „Bearbeitet“ ist der Anteil innerhalb der Vertriebskapazität; "
        f"„gefunden“ ist der Anteil {guten} darin (Chancengleichheit verlangt überall denselben); „vorhergesagt "
        "minus beobachtet“ ist die Kalibrierung im Segment. Unter jedem Anteil die Differenz zu allen übrigen mit "
        "95-%-Intervall, in Prozentpunkten; fett, wo es 0 ausschließt.",
    )
    meaning = say(
        language,
        "What it means: where a segment is worked less because it has the outcome less often, a good model does just "
        "that. Where fewer of its good ones are found although the calibration is right, capacity's cut falls harder "
        "on it, and sales may want to set some capacity aside. Where calibration is off, the probability itself is "
        "wrong there. What it doesn't mean: that the outcomes in the data were fair. If sales gave a segment less "
        f"attention, its {who} look worse than they were, and no figure here shows that. All three can't be equal "
        "where base rates differ.",
        "Was es heißt: Wird ein Segment weniger bearbeitet, weil das Ergebnis dort seltener eintritt, tut ein gutes "
        "Modell genau das. Werden weniger seiner guten Fälle gefunden, obwohl die Kalibrierung stimmt, trifft die "
        "Kapazitätsgrenze es härter, und der Vertrieb kann Kapazität dafür zurücklegen. Stimmt die Kalibrierung "
        "nicht, ist die Wahrscheinlichkeit selbst dort falsch. Was es nicht heißt: dass die Ergebnisse in den Daten "
        "fair zustande kamen. Bekam ein Segment weniger Aufmerksamkeit, wirken seine Fälle schlechter, als sie "
        "waren, und keine Zahl hier zeigt das. Alle drei zugleich gleich sein können sie nicht, wo sich Grundraten "
        "unterscheiden.",
    )
    head = say(
        language,
        "|rows|observed|worked|tier A or B|found|predicted less observed",
        "|Zeilen|beobachtet|bearbeitet|Stufe A oder B|gefunden|vorhergesagt minus beobachtet",
    ).split("|")
    parts = [f"<p>{text}</p>"]
    for dimension, cells in found["fairness"].items():
        title = dimension_words(dimension, language)
        parts.append(f"<h3>{escape(title[0].upper() + title[1:])}</h3>")
        rows = [_fairness_row(cell, language) for cell in cells if cell["measured"]]
        if rows:
            parts.append(table(head, rows))
        parts.append(too_few_text(cells, found["min_positives"], language))
    return "".join([*parts, f"<p>{meaning}</p>"])


def _fairness_row(cell: Mapping[str, Any], language: str) -> list[str]:
    shares = []
    for name in ("selection_rate", "tier_ab_rate", "true_positive_rate"):
        apart = cell[name]["difference"]
        low, high = apart["low"], apart["high"]
        difference = points(apart, language).replace("<br>", " ", 1).replace("<small>", "(").replace("</small>", ")")
        beyond = low is not None and (low > 0 or high < 0)
        below = f"<b>{difference}</b>" if beyond else difference
        shares.append(f"{percent(cell[name]['value'], language)}<br><small>{below}</small>")
    return [
        escape(value_words(cell["value"], language)),
        number(cell["rows"], 0, language),
        percent(cell["base_rate"], language),
        *shares,
        points(cell["calibration_gap"], language),
    ]


def erasure_part(language: str) -> str:
    """Say what is known of erased data; HTML."""
    text = say(
        language,
        "Erasing a person's data is not part of this pipeline yet: no log of erasures is read, so it is not known "
        "whether rows of people who asked for erasure are among these. Erase them in the source, run the pipeline "
        "again and publish the new model.",
        "Das Löschen der Daten einer Person gehört noch nicht zu dieser Pipeline: Kein Löschprotokoll wird gelesen; "
        "ob Zeilen von Personen dabei sind, die um Löschung baten, ist nicht bekannt. In der Quelle löschen, die "
        "Pipeline neu laufen lassen und das neue Modell veröffentlichen.",
    )
    return f"<p>{text}</p>"

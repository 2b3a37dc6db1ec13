"""The report and the page of interactive figures, self-contained, in English and German."""

from typing import Any

from models.bundle import Bundle
from pipeline.pages.html import figure, number, page, percent, section
from pipeline.pages.interactive import interactive_page
from pipeline.pages.pictures import picture_png
from pipeline.pages.report_parts import (
    Feature,
    Trained,
    headline_tiles,
    importance_table,
    metrics_table_html,
    plots_with_words,
    say,
    verdict_part,
    warnings,
)
from pipeline.pages.report_segments import segment_figures, segment_tables, segments_text

__all__ = ["figures_page", "report_page", "top_features"]

TOP = 20


def top_features(bundle: Bundle, count: int = TOP) -> list[Feature]:
    """List the features that the model uses most, with plain words; best first."""
    gains = {name: float(gain) for name, gain in bundle.classifier.importance().items() if gain > 0}
    total = sum(gains.values()) or 1.0
    by_name = {feature.name: feature for feature in bundle.catalog.features}
    chosen = sorted(gains, key=lambda name: (-gains[name], name))[:count]
    return [
        Feature(name, {code: by_name[name].meaning(code) for code in ("en", "de")}, gains[name] / total)
        for name in chosen
    ]


def report_page(trained: Trained, language: str = "en") -> str:
    """Write the report as one self-contained HTML page.

    Parameters
    ----------
    trained : Trained
        The model and what was measured.
    language : {"en", "de"}
        Shown first; the page holds both.
    """
    source, (english, german) = trained.metadata["source"], trained.words.task
    return page(
        {
            "en": f"{english[0].upper()}{english[1:]}: results, {source}",
            "de": f"{german}: Ergebnisse, {source}",
        },
        {"en": _takeaway(trained, "en"), "de": _takeaway(trained, "de")},
        lambda chosen: _body(trained, chosen),
        language,
    )


def _takeaway(trained: Trained, language: str) -> str:
    result = trained.result
    found = _found_at_capacity(trained)
    share = result["capacity"] / result["rows"]
    who, wer = trained.words.rows
    return say(
        language,
        f"Working the best {percent(share, 'en', 0)} of {number(result['rows'], 0, 'en')} {who} first finds "
        f"{percent(found, 'en', 0)} of {trained.words.positives[0]}, "
        f"{number(result['product']['lift_at_capacity']['value'], 1, 'en')} times as many as without an order.",
        f"Wer die besten {percent(share, 'de', 0)} von {number(result['rows'], 0, 'de')} {wer} zuerst bearbeitet, "
        f"findet {percent(found, 'de', 0)} {trained.words.positives[1]}, "
        f"{number(result['product']['lift_at_capacity']['value'], 1, 'de')}-mal so viele wie ohne Reihenfolge.",
    )


def _found_at_capacity(trained: Trained) -> float | None:
    precision = trained.result["product"]["precision_at_capacity"]["value"]
    positives = trained.result["positives"]
    return None if precision is None or not positives else float(precision * trained.result["capacity"] / positives)


def _body(trained: Trained, language: str) -> str:
    result = trained.result
    every = result.get("all_snapshots")

    def picture(name: str, en: str, de: str, *, full: bool = False) -> str:
        caption = say(language, en, de)
        return figure(picture_png(trained, name, language), caption, caption, full=full)

    words_of = trained.words
    (who, wer), (do, tun), (found, gefunden) = words_of.rows, words_of.do, words_of.positives

    curves = (
        picture(
            "gain",
            f"How many of {found} are found when the best {who} are worked first.",
            f"Wie viele {gefunden} gefunden werden, wenn die besten {wer} zuerst bearbeitet werden.",
        ),
        picture(
            "reliability",
            f"Of {who} given 20 %, about 20 % should {do}: points on the dashed line.",
            f"Von {wer} mit 20 % sollten etwa 20 % {tun}: Punkte auf der gestrichelten Linie.",
        ),
        picture(
            "roc",
            f"The share of {found} that is found against the price in others. AUC is the area below.",
            f"Der gefundene Anteil {gefunden} gegen den Preis an Übrigen. AUC ist die Fläche darunter.",
        ),
        picture(
            "pr",
            f"How many of those contacted {do}, the further one goes down the list.",
            f"Wie viele der Kontaktierten {tun}, je weiter man die Liste abarbeitet.",
        ),
        picture(
            "score_distribution",
            f"Where the probabilities lie for {found} and for the others.",
            f"Wo die Wahrscheinlichkeiten {gefunden} und die der Übrigen liegen.",
        ),
        picture(
            "feature_importance",
            "What the trees split on, by how much it improved them; the table below has more.",
            "Worauf die Bäume sich stützen, nach ihrem Nutzen; die Tabelle unten zeigt mehr.",
        ),
    )
    parts = [
        warnings(trained, language),
        headline_tiles(trained, language),
        verdict_part(trained, language),
        section(
            say(language, "Product and baselines", "Produkt und Vergleichsmodelle"),
            f"<p>{_rows_text(trained, result, language)}</p>",
            metrics_table_html(result, language),
        ),
        section(say(language, "Curves", "Kurven"), f'<div class="figures">{"".join(curves)}</div>'),
        *_segments(trained, language),
        section(
            say(language, "What the model looks at", "Worauf das Modell achtet"),
            importance_table(trained.features, language),
        ),
    ]
    if every:
        note = say(
            language,
            f"Every snapshot of the test period, weighted so that all {who} count the same.",
            f"Jeder Snapshot des Testzeitraums, so gewichtet, dass alle {wer} gleich viel zählen.",
        )
        parts.append(
            section(
                say(language, "At every snapshot", "Zu jedem Snapshot"),
                f"<p>{note} {_rows_text(trained, every, language)}</p>",
                metrics_table_html(every, language),
            )
        )
    return "".join(parts)


def _segments(trained: Trained, language: str) -> list[str]:
    if trained.segments is None:
        return []
    figures = segment_figures(trained, ("by_month", "by_segment", "calibration_by_segment"), language)
    return [
        section(
            say(language, "By month and by segment", "Nach Monaten und Segmenten"),
            segments_text(trained, language),
            f'<div class="figures">{figures}</div>',
            segment_tables(trained, language),
        )
    ]


def figures_page(trained: Trained) -> str:
    """Write the figures of the report as one page on which a reader can point, hide and zoom."""
    source, (english, german) = trained.metadata["source"], trained.words.task
    return interactive_page(
        plots_with_words(trained),
        {"en": f"{english[0].upper()}{english[1:]}: figures, {source}", "de": f"{german}: Abbildungen, {source}"},
        {
            "en": "The figures of the report: point at a curve for its values, click a name in a legend to hide it, "
            "drag to zoom.",
            "de": "Die Abbildungen des Berichts: Auf eine Kurve zeigen für ihre Werte, auf einen Namen in der "
            "Legende klicken zum Ausblenden, ziehen zum Vergrößern.",
        },
        trained.target,
    )


def _rows_text(trained: Trained, result: Any, language: str) -> str:
    who = say(language, *trained.words.rows)
    rows, positives = number(result["rows"], 0, language), number(result["positives"], 0, language)
    base, capacity = percent(result["base_rate"], language), number(result["capacity"], 0, language)
    return say(
        language,
        f"{rows} test rows, {positives} positive, base rate {base}, capacity {capacity} {who}; 95 % intervals below.",
        f"{rows} Testzeilen, {positives} positive, Grundrate {base}, Kapazität {capacity} {who}; darunter "
        "95-%-Intervalle.",
    )

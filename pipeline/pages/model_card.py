"""The model card: what the model predicts, for whom, on which data, how well, and where it must not be used."""

from html import escape

from pipeline.pages.audit_page import findings_section
from pipeline.pages.card_definition import definition, split_rule
from pipeline.pages.card_review import erasure_part, fairness_part, population_part
from pipeline.pages.html import date, facts, figure, number, page, percent, section, table
from pipeline.pages.pictures import picture_png
from pipeline.pages.report_parts import (
    Trained,
    headline_tiles,
    importance_table,
    metrics_table_html,
    say,
    verdict_part,
    warnings,
)
from pipeline.pages.report_segments import segment_figures, segments_text

__all__ = ["model_card"]

TOP = 12
SLICES = {
    "train": ("training", "Training"),
    "early_stopping": ("early stopping", "Abbruch des Trainings"),
    "calibration": ("calibration", "Kalibrierung"),
    "test": ("test", "Test"),
}
DROPPED = {
    "immature": ("label window still open at the export", "Labelfenster beim Export noch offen"),
    "label_purge": ("label window reaches into the next slice", "Labelfenster reicht in den nächsten Abschnitt"),
    "straddles": (
        "lead or account belongs to another slice",
        "Lead oder Unternehmen gehört zu einem anderen Abschnitt",
    ),
    "before_train_from": ("before split.train_from", "vor split.train_from"),
    "after_test_until": ("after split.test_until", "nach split.test_until"),
}


def model_card(trained: Trained, language: str = "en") -> str:
    """Write the model card as one self-contained HTML page.

    Parameters
    ----------
    trained : Trained
        The model and what was measured.
    language : {"en", "de"}
        Shown first; the page holds both.
    """
    source, days = trained.metadata["source"], trained.metadata["label_days"]
    english, german = trained.words.task
    return page(
        {"en": f"Model card: {english}, {source}", "de": f"Modellkarte: {german}, {source}"},
        {
            "en": _lead(trained, "en", days),
            "de": _lead(trained, "de", days),
        },
        lambda chosen: _body(trained, chosen),
        language,
    )


def _lead(trained: Trained, language: str, days: int) -> str:
    within = "" if trained.ordinal else say(language, f" within {days} days", f" innerhalb von {days} Tagen")
    predicts = say(language, *trained.words.predicts).format(within=within)
    return say(language, f"The calibrated probability {predicts}", f"Die kalibrierte Wahrscheinlichkeit, {predicts}")


def _body(trained: Trained, language: str) -> str:
    return (
        warnings(trained, language)
        + headline_tiles(trained, language)
        + verdict_part(trained, language)
        + section(say(language, "What it predicts", "Was vorhergesagt wird"), definition(trained, language))
        + section(say(language, "Data and time", "Daten und Zeit"), _data(trained, language))
        + findings_section(trained.findings, language)
        + section(say(language, "How good it is", "Wie gut es ist"), *_quality(trained, language))
        + section(say(language, "Calibration and tiers", "Kalibrierung und Stufen"), _calibration(trained, language))
        + _by_segment(trained, language)
        + section(
            say(language, "What it looks at", "Worauf es achtet"),
            importance_table(trained.features[:TOP], language),
        )
        + _population(trained, language)
        + section(say(language, "Fairness", "Fairness"), fairness_part(trained, language))
        + section(say(language, "Limits", "Grenzen"), _limits(trained, language))
        + section(say(language, "Erased data", "Gelöschte Daten"), erasure_part(language))
        + section(say(language, "Origin", "Herkunft"), _origin(trained, language))
    )


def _by_segment(trained: Trained, language: str) -> str:
    if trained.segments is None:
        return ""
    figures = segment_figures(trained, ("by_month", "calibration_by_segment"), language)
    return section(
        say(language, "By month and by segment", "Nach Monaten und Segmenten"),
        segments_text(trained, language),
        f'<div class="figures">{figures}</div>',
    )


def _population(trained: Trained, language: str) -> str:
    part = population_part(trained, language)
    title = say(language, "Population: training and test", "Grundgesamtheit: Training und Test")
    return section(title, part) if part else ""


def _data(trained: Trained, language: str) -> str:
    rows = []
    for name, words in SLICES.items():
        found = trained.split.get("slices", {}).get(name)
        if not found or not found["rows"]:
            continue
        ends = ("–", "–") if trained.ordinal else (date(found["first"], language), date(found["last"], language))
        rows.append(
            [
                say(language, *words),
                *ends,
                number(found["rows"], 0, language),
                number(found["headline"], 0, language),
                number(found["positives"], 0, language),
            ]
        )
    # Of customers every first of a month is a look of its own; of a lead only its MQL moment is.
    headline = ("customer-months", "Kundenmonate") if trained.customers else ("risk periods", "Risikoperioden")
    head = say(
        language,
        f"slice|first snapshot|last snapshot|snapshots|{headline[0]}|positive snapshots",
        f"Abschnitt|erster Snapshot|letzter Snapshot|Snapshots|{headline[1]}|positive Snapshots",
    )
    dropped = "; ".join(
        f"{say(language, *DROPPED[reason]) if reason in DROPPED else escape(reason)} ({number(count, 0, language)})"
        for reason, count in trained.split.get("dropped", {}).items()
    )
    left_out = f"<p>{say(language, 'Left out', 'Nicht verwendet')}: {dropped}.</p>" if dropped else ""
    return (
        table(head.split("|"), rows)
        + left_out
        + f"<p>{split_rule(trained, language)}</p>"
        + _planned(trained, language)
    )


def _planned(trained: Trained, language: str) -> str:
    """Say what the stage `split` decided, and what a longer history would give; HTML."""
    sentences = trained.split.get("sentences")
    return f"<p>{escape(sentences[language])}</p>" if sentences else ""


def _quality(trained: Trained, language: str) -> list[str]:
    result = trained.result
    rows, capacity = number(result["rows"], 0, language), number(result["capacity"], 0, language)
    base = percent(result["base_rate"], language)
    who, one = say(language, *trained.words.rows), say(language, *trained.words.one_row)
    parts = [
        "<p>"
        + say(
            language,
            f"{rows} test rows, {one}; base rate {base}; capacity {capacity} {who}. "
            "95 % intervals in small print, from resampling accounts (leads without one).",
            f"{rows} Testzeilen, {one}; Grundrate {base}; Kapazität {capacity} {who}. "
            "Klein darunter 95-%-Intervalle, durch Ziehen von Unternehmen (ohne Unternehmen: Leads).",
        )
        + "</p>",
        metrics_table_html(result, language),
    ]
    return parts


def _calibration(trained: Trained, language: str) -> str:
    rows = [
        [escape(tier), say(language, "from ", "ab ") + percent(low, language)]
        for tier, low in sorted(trained.cutoffs.items())
    ]
    if rows:
        rows.append(["D", say(language, "below", "darunter")])
    ece = number(trained.result["product"]["ece"]["value"], 3, language)
    level = number(trained.result["level_error"], 3, language)
    rates = [percent(trained.result[name], language) for name in ("train_base_rate", "base_rate")]
    noisy = trained.result["product"].get("ece_with_noise")
    beyond = (
        ""
        if noisy is None
        else say(
            language,
            f" beyond the noise of its bins ({number(noisy['value'], 3, language)} with it)",
            f" über das Rauschen der Klassen hinaus (mit ihm {number(noisy['value'], 3, language)})",
        )
    )
    method = (
        f"Method {trained.calibration}, fitted on rows that the model had not seen.",
        f"Verfahren {trained.calibration}, angepasst auf Zeilen, die das Modell nicht gesehen hatte.",
    )
    if trained.calibration == "identity":
        method = (
            "The model's own probabilities: on months left out, no calibration map was better.",
            "Die eigenen Wahrscheinlichkeiten des Modells: In ausgelassenen Monaten war keine Kalibrierung besser.",
        )
    text = say(
        language,
        f"{method[0]} Expected calibration error {ece}{beyond}; level error {level} (mean prediction minus observed rate). The "
        f"base rate was {rates[0]} in training and {rates[1]} in the test. Tiers are cut at stored probabilities, so that each "
        "has its share of a typical day's list; never by rank within a request.",
        f"{method[1]} Erwarteter Kalibrierungsfehler {ece}{beyond}; Niveaufehler {level} (mittlere Vorhersage minus "
        f"beobachtete Rate). Die Grundrate betrug im Training {rates[0]}, im Test {rates[1]}. Stufen werden an gespeicherten "
        "Wahrscheinlichkeiten geschnitten, sodass jede ihren Anteil an der Liste eines typischen Tages hat; nie nach "
        "Rang in einer Anfrage.",
    )
    picture = figure(
        picture_png(trained, "reliability", language),
        say(language, "Calibration", "Kalibrierung"),
    )
    tiers = table([say(language, "tier", "Stufe"), say(language, "probability", "Wahrscheinlichkeit")], rows)
    covered = trained.result.get("interval_coverage")
    promise = ""
    if covered:
        share, nominal = (percent(covered[key], language, 0) for key in ("share", "nominal"))
        promise = say(
            language,
            f" Intervals of a probability: in {share} of {covered['groups']} groups of like probability the observed "
            f"rate lies within (promised {nominal}).",
            f" Intervalle einer Wahrscheinlichkeit: In {share} von {covered['groups']} Gruppen ähnlicher "
            f"Wahrscheinlichkeit liegt die beobachtete Quote darin (versprochen {nominal}).",
        )
        wide = covered.get("sentence", {}).get(language)
        promise += f" {wide}" if wide else ""
    return f'<p>{escape(text + promise)}</p><div class="figures">{picture}<div>{tiers}</div></div>'


def _limits(trained: Trained, language: str) -> str:
    words = trained.words
    items = [
        (
            f"It tells how likely, not why: a reason is what the model weighed, not a cause, and {words.better[0]}",
            "Es sagt, wie wahrscheinlich, nicht warum: Ein Grund ist, was das Modell gewichtet hat, keine Ursache. "
            f"{words.better[1]}",
        ),
        words.learned,
        (
            f"It holds for the source “{trained.metadata['source']}” and its time. {words.moved[0]} move the base "
            "rate: train again, and let the gate decide.",
            f"Es gilt für die Quelle „{trained.metadata['source']}“ und ihre Zeit. {words.moved[1]} verschieben die "
            "Grundrate: neu trainieren und das Gate entscheiden lassen.",
        ),
        (
            "Not for decisions about people outside of marketing and sales, such as credit or employment.",
            "Nicht für Entscheidungen über Menschen außerhalb von Marketing und Vertrieb, etwa Kredit oder Anstellung.",
        ),
    ]
    if trained.ordinal:
        items.insert(
            0,
            ("No clock: it can't say when to hand over.", "Keine Uhr: Es kann nicht sagen, wann zu übergeben ist."),
        )
    return "<ul>" + "".join(f"<li>{escape(say(language, *item))}</li>" for item in items) + "</ul>"


def _origin(trained: Trained, language: str) -> str:
    meta = trained.metadata
    used = (
        say(language, "no clock", "keine Uhr")
        if trained.ordinal
        else f"{date(meta['data_used_from'], language)} – {date(meta['data_used_until'], language)}"
    )
    items = [
        (say(language, "source", "Quelle"), escape(str(meta["source"]))),
        (say(language, "export", "Export"), "–" if trained.ordinal else date(meta["exported_at"], language)),
        (say(language, "snapshots used before the test", "verwendete Snapshots vor dem Test"), used),
        (
            say(language, "rows, leads, positives", "Zeilen, Leads, positive"),
            ", ".join(number(meta[key], 0, language) for key in ("rows", "leads", "positives")),
        ),
        (say(language, "boosting rounds", "Boosting-Runden"), number(meta["rounds"], 0, language)),
        (say(language, "feature catalog", "Merkmalskatalog"), f"<code>{escape(trained.fingerprint)}</code>"),
        ("bundle SHA-256", f"<code>{escape(trained.bundle_sha256)}</code>"),
        (
            say(language, "training data SHA-256", "Trainingsdaten SHA-256"),
            f"<code>{escape(str(meta['data_sha256']))}</code>",
        ),
        *((f"{path} (md5)", f"<code>{escape(md5)}</code>") for path, md5 in trained.hashes.items()),
    ]
    return facts(items)

"""The monitor's page: is the model still as good as promised, and should it be trained anew?"""

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.html import box, date, facts, figure, interval, number, page, percent, section, table, tiles
from pipeline.monitor_plots import monitor_png
from pipeline.monitor_words import LEFT_OUT, finding_sentence, verdict_sentence, verdict_word
from pipeline.target_words import WORDS

__all__ = ["monitor_page"]

FEATURES = 20
Result = Mapping[str, Any]


def monitor_page(result: Result, language: str = "en") -> str:
    """Write the page, self-contained, in both languages.

    Parameters
    ----------
    result : mapping
        As `pipeline.monitor.monitor` returns it.
    language : {"en", "de"}
        Shown first.
    """
    source = result["source"]
    return page(
        {"en": f"Live quality and drift, {source}", "de": f"Güte im Betrieb und Verschiebung, {source}"},
        {code: verdict_sentence(result, code).replace("`", "") for code in ("en", "de")},
        lambda chosen: _body(result, chosen),
        language,
    )


def _say(language: str, en: str, de: str) -> str:
    return de if language == "de" else en


def _body(result: Result, language: str) -> str:
    return "".join(
        [
            _tiles(result, language),
            _reasons(result, language),
            _quality(result, language),
            _drift(result, language),
            _volume(result, language),
            _about(result, language),
        ]
    )


def _tiles(result: Result, language: str) -> str:
    pool, promise = result["pool"], result["promise"]
    span = f"{pool['first_month']} – {pool['last_month']}" if pool["first_month"] else ""
    known = _say(
        language,
        f"{number(pool['matured'], 0, language)} outcomes known",
        f"{number(pool['matured'], 0, language)} Ausgänge bekannt",
    )
    lift = pool["lift_at_capacity"]
    score = next((month["score"] for month in reversed(result["months"]) if "score" in month), None)

    def metric(found: Any, digits: int = 2) -> str:
        return number(None if found is None else found["value"], digits, language)

    def span_of(found: Any, digits: int = 2) -> str:
        ends = interval(found, digits, language)
        return f"95 %: {ends}" if ends else ""

    promised = (
        "" if promise is None else _say(language, "promised ", "versprochen ") + metric(promise["lift_at_capacity"])
    )
    return tiles(
        [
            (_say(language, "Verdict", "Urteil"), verdict_word(result["verdict"], language), [span, known]),
            (
                _say(language, "Observed over predicted", "Eingetreten je vorhergesagt"),
                metric(pool["ratio"]),
                [span_of(pool["ratio"]), _say(language, "1 is right", "1 ist richtig")],
            ),
            (_say(language, "Lift at capacity", "Lift bei Kapazität"), metric(lift), [span_of(lift), promised]),
            (
                _say(language, "Drift of the scores (PSI)", "Verschiebung der Bewertungen (PSI)"),
                metric(score),
                [span_of(score), _say(language, "above 0.25: changed", "über 0,25: verändert")],
            ),
        ]
    )


def _reasons(result: Result, language: str) -> str:
    title = _say(language, "Why", "Warum")
    if not result["findings"]:
        return section(title, f"<p>{escape(verdict_sentence(result, language)).replace('`', '')}</p>")
    level = {
        "retrain recommended": _say(language, "retrain", "neu trainieren"),
        "watch": _say(language, "watch", "beobachten"),
    }
    items = "".join(
        f"<li><b>{level[finding['level']]}</b>: {escape(finding_sentence(finding, result, language))}</li>"
        for finding in result["findings"]
    )
    return section(title, f"<ul>{items}</ul>")


def _picture(name: str, result: Result, language: str, en: str, de: str, *, full: bool = False) -> str:
    caption = _say(language, en, de)
    return figure(monitor_png(name, result, language), caption, caption, full=full)


def _quality(result: Result, language: str) -> str:
    who, wer = WORDS[result["target"]].rows
    days, delay = result["label_days"], result["recording_delay_days"]
    known = date(result["known_until"], language)
    text = _say(
        language,
        f"An outcome is known {days} days after the score, plus {delay} for recording: up to {known}. Whoever was scored later is not "
        "yet known, and does not count, not even when the good outcome has come already: else the newest months would look too good. "
        f"One score per {'month' if who == 'customers' else 'risk period'} counts, the first.",
        f"Ein Ausgang steht {days} Tage nach der Bewertung fest, und {delay} weitere fürs Erfassen: bis zum {known}. Wer später bewertet "
        "wurde, zählt noch nicht, auch nicht mit frühem gutem Ausgang: Sonst sähen die neuesten Monate zu gut aus. Es zählt "
        f"{'je Monat' if who == 'customers' else 'je Risikoperiode'} eine Bewertung, die erste.",
    )
    head = (
        [
            _say(language, "month", "Monat"),
            _say(language, who, wer),
            _say(language, "known", "bekannt"),
            _say(language, "predicted", "vorhergesagt"),
        ]
        + [
            _say(language, "observed", "eingetreten"),
            _say(language, "observed / predicted", "eingetreten / vorhergesagt"),
        ]
        + [_say(language, "calibration error", "Kalibrierfehler"), "Lift", "AUC"]
    )
    rows = [_quality_row(month, language) for month in result["months"]]
    pool = result["pool"]
    if pool["first_month"]:
        together = _say(language, "judged together", "zusammen beurteilt")
        rows.append(_quality_row({**pool, "month": together}, language))
    figures = _picture(
        "calibration",
        result,
        language,
        "What the model said on average, and how often it came true.",
        "Was das Modell im Mittel sagte, und wie oft es eintrat.",
    ) + _picture(
        "lift",
        result,
        language,
        f"How many times better the best {percent(result['capacity_share'], 'en', 0)} were than all together.",
        f"Wievielmal besser die besten {percent(result['capacity_share'], 'de', 0)} waren als alle zusammen.",
    )
    return section(
        _say(language, "Was it right?", "Hatte es recht?"),
        f"<p>{escape(text)}</p>",
        f'<div class="figures">{figures}</div>',
        table(head, rows, strong=len(rows) - 1 if pool["first_month"] else None),
    )


def _quality_row(month: Mapping[str, Any], language: str) -> list[str]:
    def cell(name: str, digits: int) -> str:
        found = month[name]
        if found is None:
            return "–"
        ends = interval(found, digits, language)
        return number(found["value"], digits, language) + (f"<br><small>{ends}</small>" if ends else "")

    known = percent(month["known"], language, 0) if month["matured"] else _say(language, "not yet", "noch nicht")
    return [
        escape(str(month["month"])),
        number(month["rows"], 0, language),
        known,
        percent(month["mean_probability"], language),
        percent(month["observed"], language),
        cell("ratio", 2),
        cell("ece", 3),
        cell("lift_at_capacity", 2),
        cell("auc", 3),
    ]


def _drift(result: Result, language: str) -> str:
    months = [month for month in result["months"] if "score" in month]
    title = _say(language, "Do the rows still look the same?", "Sehen die Zeilen noch gleich aus?")
    if not months:
        few = result["params"]["min_rows"]
        return section(
            title, box(_say(language, f"No month has {few} scores yet.", f"Noch hat kein Monat {few} Bewertungen."))
        )
    text = _say(
        language,
        "The population stability index (PSI) compares how values are spread in a month with the training: 0 is the same, above "
        f"{number(result['params']['psi_watch'], 2, 'en')} watch, above {number(result['params']['psi_alarm'], 2, 'en')} changed. What "
        "chance adds in small months is taken off. Only features that matter to the model decide.",
        "Der Populationsstabilitätsindex (PSI) vergleicht, wie sich Werte in einem Monat und im Training verteilen: 0 ist gleich, über "
        f"{number(result['params']['psi_watch'], 2, 'de')} beobachten, über {number(result['params']['psi_alarm'], 2, 'de')} verändert. "
        "Was der Zufall in kleinen Monaten hinzufügt, ist abgezogen. Nur Merkmale, die für das Modell zählen, entscheiden.",
    )
    newest = months[-1]
    shift, distance = newest["shift"]
    moved = _say(
        language,
        f"In {newest['month']} probabilities were {percent(abs(shift), 'en')} points {'higher' if shift > 0 else 'lower'} on average than in "
        f"the test rows; each moved by {percent(distance, 'en')} points (Wasserstein distance).".replace(
            " % points", " percentage points"
        ),
        f"Im Monat {newest['month']} lagen die Wahrscheinlichkeiten im Mittel {percent(abs(shift), 'de')} Punkte "
        f"{'höher' if shift > 0 else 'niedriger'} als in den Testzeilen; jede verschob sich um {percent(distance, 'de')} Punkte "
        "(Wasserstein-Distanz).".replace(" % Punkte", " Prozentpunkte"),
    ).replace(" % Punkte", " Prozentpunkte")
    head = [
        _say(language, "feature", "Merkmal"),
        _say(language, "moved most", "am stärksten verschoben"),
        _say(language, "importance", "Gewicht"),
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
    star = _say(language, "* does not decide: it matters too little.", "* entscheidet nicht: Es zählt zu wenig.")
    return section(
        title,
        f"<p>{escape(text)}</p><p>{escape(moved)}</p>",
        f'<div class="figures">{_picture("drift", result, language, "", "", full=True)}</div>',
        table(head, rows, left=2),
        f"<p><small>{star}</small></p>",
    )


def _by_design(language: str) -> str:
    return _say(
        language,
        "never decides: training looks at the very moment of the MQL, a call comes a little later",
        "entscheidet nie: Das Training schaut genau zum MQL-Zeitpunkt hin, ein Aufruf kommt etwas später",
    )


def _volume(result: Result, language: str) -> str:
    log = result["log"]
    unknown = result["unknown"]
    names = {
        "unknown_kind": _say(language, "an unknown kind of touchpoint", "unbekannte Art von Kontaktpunkt"),
        "unknown_channel": _say(language, "an unknown channel", "unbekannter Kanal"),
        "unknown_category": _say(language, "an unknown category", "unbekannte Kategorie"),
    }
    items = [
        (_say(language, "scores in the log", "Bewertungen im Protokoll"), number(log["rows"], 0, language)),
        (_say(language, "leads", "Leads"), number(log["leads"], 0, language)),
        (_say(language, "judged", "davon beurteilt"), number(log["judged"], 0, language)),
        *(
            (_say(language, "left out: ", "ausgelassen: ") + LEFT_OUT[reason][language], number(count, 0, language))
            for reason, count in log["left_out"].items()
        ),
        *(
            (_say(language, "of another model: ", "von einem anderen Modell: ") + name, number(count, 0, language))
            for name, count in log["other_models"].items()
        ),
        *(
            (_say(language, "newest months: ", "neueste Monate: ") + names[code], percent(share, language))
            for code, share in unknown.items()
        ),
    ]
    figures = _picture(
        "volume",
        result,
        language,
        "One per lead and risk period; grey: its outcome is not settled yet.",
        "Je Lead und Risikoperiode eine; grau: Der Ausgang steht noch nicht fest.",
    )
    return section(
        _say(language, "How many", "Wie viele"), f'<div class="figures">{figures}<div>{facts(items)}</div></div>'
    )


def _about(result: Result, language: str) -> str:
    model, promise = result["model"], result["promise"]
    items = [
        (
            _say(language, "model", "Modell"),
            f"{escape(model['name'])} {escape(model['version'])}<br><code>{escape(model['fingerprint'][:16])}</code>",
        ),
        (_say(language, "learned from data up to", "gelernt aus Daten bis"), date(result["data_used_until"], language)),
        (_say(language, "tables exported at", "Tabellen exportiert am"), date(result["exported_at"], language)),
        (_say(language, "outcomes known up to", "Ausgänge bekannt bis"), date(result["known_until"], language)),
    ]
    if promise is None:
        unknown = _say(language, "not known for this bundle", "für dieses Modell nicht bekannt")
        items.append((_say(language, "promised", "versprochen"), unknown))
    else:
        lift = promise["lift_at_capacity"]
        items.append(
            (
                _say(language, "promised lift at capacity", "versprochener Lift bei Kapazität"),
                f"{number(lift['value'], 2, language)} <small>{interval(lift, 2, language)}</small>, "
                f"{percent(result['capacity_share'], language, 0)}",
            )
        )
        items.append(
            (_say(language, "base rate of the test", "Grundrate im Test"), percent(promise["base_rate"], language))
        )
    return section(_say(language, "What is compared", "Was verglichen wird"), facts(items))

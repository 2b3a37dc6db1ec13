"""The page of the monitor: whether the model is still as good as promised, or should be trained anew."""

from collections.abc import Mapping
from html import escape
from typing import Any

from pipeline.pages.html import date, facts, interval, number, page, percent, section, table, tiles
from pipeline.pages.monitor_drift_section import drift_section, picture
from pipeline.pages.monitor_machine_section import machine_section
from pipeline.pages.monitor_words import LEFT_OUT, finding_sentence, verdict_sentence, verdict_word
from pipeline.pages.report_parts import say
from pipeline.pages.target_words import WORDS

__all__ = ["monitor_page"]

Result = Mapping[str, Any]


def monitor_page(result: Result, language: str = "en") -> str:
    """Write the page, self-contained, in both languages.

    Parameters
    ----------
    result : mapping
        As `pipeline.monitoring.judge.judge` returns it.
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


def _body(result: Result, language: str) -> str:
    return "".join(
        [
            _tiles(result, language),
            _reasons(result, language),
            _quality(result, language),
            drift_section(result, language),
            _volume(result, language),
            machine_section(result, language),
            _about(result, language),
        ]
    )


def _tiles(result: Result, language: str) -> str:
    pool, promise = result["pool"], result["promise"]
    span = f"{pool['first_month']} – {pool['last_month']}" if pool["first_month"] else ""
    known = say(
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
        "" if promise is None else say(language, "promised ", "versprochen ") + metric(promise["lift_at_capacity"])
    )
    return tiles(
        [
            (say(language, "Verdict", "Urteil"), verdict_word(result["verdict"], language), [span, known]),
            (
                say(language, "Observed over predicted", "Eingetreten je vorhergesagt"),
                metric(pool["ratio"]),
                [span_of(pool["ratio"]), say(language, "1 is right", "1 ist richtig")],
            ),
            (say(language, "Lift at capacity", "Lift bei Kapazität"), metric(lift), [span_of(lift), promised]),
            (
                say(language, "Drift of the scores (PSI)", "Verschiebung der Bewertungen (PSI)"),
                metric(score),
                [span_of(score), say(language, "above 0.25: changed", "über 0,25: verändert")],
            ),
        ]
    )


def _reasons(result: Result, language: str) -> str:
    title = say(language, "Why", "Warum")
    if not result["findings"]:
        return section(title, f"<p>{escape(verdict_sentence(result, language)).replace('`', '')}</p>")
    level = {
        "retrain recommended": say(language, "retrain", "neu trainieren"),
        "watch": say(language, "watch", "beobachten"),
    }
    items = "".join(
        f"<li><b>{level[finding['level']]}</b>: {escape(finding_sentence(finding, result, language))}</li>"
        for finding in result["findings"]
    )
    return section(title, f"<ul>{items}</ul>")


def _quality(result: Result, language: str) -> str:
    who, wer = WORDS[result["target"]].rows
    days, delay = result["label_days"], result["recording_delay_days"]
    known = date(result["known_until"], language)
    period = ("month", "Monat") if who == "customers" else ("risk period", "Risikoperiode")
    text = say(
        language,
        f"An outcome is known {days} days after the score, plus {delay} for recording: up to {known}. Whoever was scored later "
        "is not yet known, and does not count, not even when the good outcome has come already: else the newest months would "
        f"look too good. One score per {period[0]} counts, the first.",
        f"Ein Ausgang steht {days} Tage nach der Bewertung fest, und {delay} weitere fürs Erfassen: bis zum {known}. Wer "
        "später bewertet wurde, zählt noch nicht, auch nicht mit frühem gutem Ausgang: Sonst sähen neue Monate zu gut aus. "
        f"Es zählt je {period[1]} eine Bewertung, die erste.",
    )
    head = [
        say(language, "month", "Monat"),
        say(language, who, wer),
        say(language, "known", "bekannt"),
        say(language, "predicted", "vorhergesagt"),
        say(language, "observed", "eingetreten"),
        say(language, "observed / predicted", "eingetreten / vorhergesagt"),
        say(language, "calibration error", "Kalibrierfehler"),
        "Lift",
        "AUC",
    ]
    rows = [_quality_row(month, language) for month in result["months"]]
    pool = result["pool"]
    if pool["first_month"]:
        together = say(language, "judged together", "zusammen beurteilt")
        rows.append(_quality_row({**pool, "month": together}, language))
    figures = picture(
        "calibration",
        result,
        language,
        "What the model said on average, and how often it came true.",
        "Was das Modell im Mittel sagte, und wie oft es eintrat.",
    ) + picture(
        "lift",
        result,
        language,
        f"How many times better the best {percent(result['capacity_share'], 'en', 0)} were than all together.",
        f"Wievielmal besser die besten {percent(result['capacity_share'], 'de', 0)} waren als alle zusammen.",
    )
    return section(
        say(language, "Was it right?", "Hatte es recht?"),
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

    known = percent(month["known"], language, 0) if month["matured"] else say(language, "not yet", "noch nicht")
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


def _volume(result: Result, language: str) -> str:
    log = result["log"]
    unknown = result["unknown"]
    names = {
        "unknown_kind": say(language, "an unknown kind of touchpoint", "unbekannte Art von Kontaktpunkt"),
        "unknown_channel": say(language, "an unknown channel", "unbekannter Kanal"),
        "unknown_category": say(language, "an unknown category", "unbekannte Kategorie"),
    }
    items = [
        (say(language, "scores in the log", "Bewertungen im Protokoll"), number(log["rows"], 0, language)),
        (say(language, "leads", "Leads"), number(log["leads"], 0, language)),
        (say(language, "judged", "davon beurteilt"), number(log["judged"], 0, language)),
        *(
            (say(language, "left out: ", "ausgelassen: ") + LEFT_OUT[reason][language], number(count, 0, language))
            for reason, count in log["left_out"].items()
        ),
        *(
            (say(language, "of another model: ", "von einem anderen Modell: ") + name, number(count, 0, language))
            for name, count in log["other_models"].items()
        ),
        *(
            (say(language, "newest months: ", "neueste Monate: ") + names[code], percent(share, language))
            for code, share in unknown.items()
        ),
    ]
    figures = picture(
        "volume",
        result,
        language,
        "One per lead and risk period; grey: its outcome is not settled yet.",
        "Je Lead und Risikoperiode eine; grau: Der Ausgang steht noch nicht fest.",
    )
    return section(
        say(language, "How many", "Wie viele"), f'<div class="figures">{figures}<div>{facts(items)}</div></div>'
    )


def _about(result: Result, language: str) -> str:
    model, promise = result["model"], result["promise"]
    items = [
        (
            say(language, "model", "Modell"),
            f"{escape(model['name'])} {escape(model['version'])}<br><code>{escape(model['fingerprint'][:16])}</code>",
        ),
        (say(language, "learned from data up to", "gelernt aus Daten bis"), date(result["data_used_until"], language)),
        (say(language, "tables exported at", "Tabellen exportiert am"), date(result["exported_at"], language)),
        (say(language, "outcomes known up to", "Ausgänge bekannt bis"), date(result["known_until"], language)),
    ]
    if promise is None:
        unknown = say(language, "not known for this bundle", "für dieses Modell nicht bekannt")
        items.append((say(language, "promised", "versprochen"), unknown))
    else:
        lift = promise["lift_at_capacity"]
        items.append(
            (
                say(language, "promised lift at capacity", "versprochener Lift bei Kapazität"),
                f"{number(lift['value'], 2, language)} <small>{interval(lift, 2, language)}</small>, "
                f"{percent(result['capacity_share'], language, 0)}",
            )
        )
        items.append(
            (say(language, "base rate of the test", "Grundrate im Test"), percent(promise["base_rate"], language))
        )
    return section(say(language, "What is compared", "Was verglichen wird"), facts(items))

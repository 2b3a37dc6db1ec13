"""What the monitor found, in the words of people: verdict, reasons, and what was left out, in English and German."""

from collections.abc import Mapping
from typing import Any

from models.monitoring.retrain_verdict import FINE, RETRAIN, TOO_LITTLE, WATCH
from pipeline.pages.html import date, number, percent
from pipeline.pages.target_words import WORDS

__all__ = ["LEFT_OUT", "finding_sentence", "summary_lines", "verdict_sentence", "verdict_word"]

VERDICTS = {
    RETRAIN: {"en": "retrain recommended", "de": "neu trainieren empfohlen"},
    WATCH: {"en": "watch", "de": "beobachten"},
    FINE: {"en": "fine", "de": "in Ordnung"},
    TOO_LITTLE: {"en": "too little data", "de": "zu wenige Daten"},
}
LEFT_OUT = {
    "not_scored": {"en": "not scored (already decided)", "de": "nicht bewertet (schon entschieden)"},
    "not_in_tables": {"en": "lead unknown to the tables", "de": "Lead in den Tabellen unbekannt"},
    "after_export": {"en": "after the export", "de": "nach dem Export"},
    "used_in_training": {"en": "in the time of the training", "de": "in der Zeit des Trainings"},
    "not_at_risk": {"en": "not open at that moment", "de": "zu diesem Zeitpunkt nicht offen"},
    "began_before": {"en": "open before the log began", "de": "schon offen, als das Protokoll begann"},
    "later": {"en": "later scores of the same lead", "de": "spätere Bewertungen desselben Leads"},
}
_UNKNOWN = {
    "unknown_kind": {"en": "an unknown kind of touchpoint", "de": "einer unbekannten Art von Kontaktpunkt"},
    "unknown_channel": {"en": "an unknown channel", "de": "einem unbekannten Kanal"},
    "unknown_category": {"en": "an unknown category", "de": "einer unbekannten Kategorie"},
}


def verdict_word(verdict: str, language: str) -> str:
    """Name a verdict."""
    return VERDICTS[verdict][language]


def verdict_sentence(result: Mapping[str, Any], language: str) -> str:
    """Say in one or two sentences what to do."""
    german = language == "de"
    verdict, known = result["verdict"], date(result["known_until"], language)
    if verdict == RETRAIN:
        return (
            "Das Modell sollte mit neueren Daten neu trainiert werden: `make retrain`. Die Gründe stehen unten."
            if german
            else "The model should be trained anew on newer data: `make retrain`. The reasons are below."
        )
    if verdict == WATCH:
        return (
            "Etwas bewegt sich, aber nicht genug, oder es ist noch zu wenig davon bekannt, um neu zu trainieren."
            if german
            else "Something moves, but not enough, or too little of it is known yet, to train anew."
        )
    if verdict == FINE:
        return (
            "Die Vorhersagen stimmen mit dem überein, was eingetreten ist, und die Leads sehen aus wie im Training."
            if german
            else "The predictions agree with what happened, and the rows look as they did in training."
        )
    missing, positives = [], number(result["pool"]["positives"], 0, language)
    if not result["quality_known"]:
        missing.append(
            f"erst {positives} positive Ausgänge sind bekannt (bis {known} stehen sie fest)"
            if german
            else f"only {positives} positive outcomes are known (up to {known} they are settled)"
        )
    if not result["drift_known"]:
        missing.append(
            f"kein Monat mit {result['params']['min_rows']} Bewertungen"
            if german
            else f"no month has {result['params']['min_rows']} scores"
        )
    return ("Noch kein Urteil: " if german else "No verdict yet: ") + ("; " if missing else "").join(missing) + "."


def finding_sentence(finding: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    """Say one reason in a sentence."""
    found, german = finding["figures"], language == "de"
    words = {"calibration": _calibration, "lift": _lift, "age": _age, "unknown": _unknown}
    if finding["code"] in words:
        return words[finding["code"]](found, result, german)
    return _drifted(finding["code"], found, result, german)


def _ends(found: Mapping[str, Any], digits: int, language: str) -> str:
    to = {"en": "to", "de": "bis"}[language]
    return f"{number(found['low'], digits, language)} {to} {number(found['high'], digits, language)}"


def _months(found: Mapping[str, Any], german: bool) -> str:
    first, last = found.get("first_month"), found.get("last_month")
    if first == last:
        return f"Im Monat {first}" if german else f"In {first}"
    return f"Von {first} bis {last}" if german else f"From {first} to {last}"


def _calibration(found: Mapping[str, Any], result: Mapping[str, Any], german: bool) -> str:
    language = "de" if german else "en"
    said, seen = percent(found["mean_probability"], language), percent(found["observed"], language)
    ratio, ends = number(found["value"], 2, language), _ends(found, 2, language)
    promise = result["promise"]
    before = "" if promise is None else percent(promise["base_rate"], language)
    if german:
        text = f"{_months(found, True)} sagte das Modell im Mittel {said}, es wurden {seen}: das {ratio}-Fache (95 %: {ends})."
        return text + (f" In den Testdaten waren es {before}." if before else "")
    text = f"{_months(found, False)} the model said {said} on average, it was {seen}: {ratio} times as much (95 %: {ends})."
    return text + (f" In the test rows it was {before}." if before else "")


def _lift(found: Mapping[str, Any], result: Mapping[str, Any], german: bool) -> str:
    language = "de" if german else "en"
    live, ends = number(found["value"], 2, language), _ends(found, 2, language)
    promised = {key: found[f"promised_{key}"] for key in ("value", "low", "high")}
    was, was_ends = number(promised["value"], 2, language), _ends(promised, 2, language)
    share = percent(result["capacity_share"], language, 0)
    if german:
        return (
            f"{_months(found, True)} waren die besten {share} {live}-mal so gut wie alle zusammen (95 %: {ends}); versprochen "
            f"war das {was}-Fache ({was_ends})."
        )
    return (
        f"{_months(found, False)} the best {share} were {live} times as good as all together (95 %: {ends}); promised were "
        f"{was} times ({was_ends})."
    )


def _age(found: Mapping[str, Any], result: Mapping[str, Any], german: bool) -> str:
    days, limit = number(found["days"], 0, "de" if german else "en"), found["limit"]
    if german:
        return f"Seit dem letzten Lernbeispiel sind Ausgänge aus {days} weiteren Tagen bekannt (Grenze: {limit})."
    return f"Outcomes of {days} more days are known since the newest row that it learned from (limit: {limit})."


def _unknown(found: Mapping[str, Any], result: Mapping[str, Any], german: bool) -> str:
    language = "de" if german else "en"
    share = percent(found["share"], language)
    code = max(result["unknown"], key=lambda name: result["unknown"][name])
    what = _UNKNOWN[code][language]
    who, wer = WORDS[result["target"]].rows
    if german:
        return f"{share} der {wer} kamen mit {what}, im Training gab es sie nicht."
    return f"{share} of {who} came with {what} that training never saw."


def _drifted(code: str, found: Mapping[str, Any], result: Mapping[str, Any], german: bool) -> str:
    language = "de" if german else "en"
    size = f"PSI {number(found['psi'], 2, language)}, 95 %: {_ends(found, 2, language)}"
    if code == "score":
        text = (
            f"Die vergebenen Wahrscheinlichkeiten verteilen sich anders als in den Testdaten ({size})."
            if german
            else f"The probabilities given are spread differently than in the test rows ({size})."
        )
    else:
        feature = next(item for item in result["features"] if item["name"] == found["name"])
        moved = feature["moved"]
        shift = f"{percent(moved['before'], language, 0)} → {percent(moved['now'], language, 0)}"
        text = (
            f"{feature['text'][language]}: „{moved['text']['de']}“ {shift} ({size})."
            if german
            else (f"{feature['text'][language]}: “{moved['text']['en']}” {shift} ({size}).")
        )
    if found["waits"]:
        text += (
            f" Seit {found['since']}; erst {found['positives_since']} positive Ausgänge seither sind bekannt, aus denen ein "
            "neues Modell lernen könnte."
            if german
            else f" Since {found['since']}; only {found['positives_since']} positive outcomes since then are known that a new "
            "model could learn from."
        )
    elif found["since"]:
        text += f" Seit {found['since']}." if german else f" Since {found['since']}."
    return text


def summary_lines(result: Mapping[str, Any], language: str) -> list[str]:
    """Say the outcome in a few lines, for a terminal or a mail."""
    return [
        verdict_sentence(result, language).replace("`", ""),
        *(f"- {finding_sentence(finding, result, language)}" for finding in result["findings"]),
    ]

"""The monitor's verdict and its reasons in sentences."""

from collections.abc import Mapping
from typing import Any

from models.monitoring.retrain_verdict import FINE, RETRAIN, TOO_LITTLE, WATCH
from models.presentation.catalogues import n_, words
from models.presentation.numbers import date, month, number, percent
from pipeline.pages.target_words import WORDS

__all__ = ["LEFT_OUT", "UNKNOWN", "finding_sentence", "summary_lines", "verdict_sentence", "verdict_word"]

VERDICTS = {
    RETRAIN: n_("retrain recommended"),
    WATCH: n_("watch"),
    FINE: n_("fine"),
    TOO_LITTLE: n_("too little data"),
}
LEFT_OUT = {
    "not_scored": n_("not scored (already decided)"),
    "not_in_tables": n_("lead unknown to the tables"),
    "after_export": n_("after the export"),
    "used_in_training": n_("in the time of the training"),
    "not_at_risk": n_("not open at that moment"),
    "began_before": n_("open before the log began"),
    "uncalled": n_("not called because of our advice"),
    "later": n_("later scores of the same lead"),
}
UNKNOWN = {
    "unknown_kind": n_("an unknown kind of touchpoint"),
    "unknown_channel": n_("an unknown channel"),
    "unknown_category": n_("an unknown category"),
}
CAME_WITH = {
    "unknown_kind": n_("{share} of {rows} came with a kind of touchpoint that training never saw."),
    "unknown_channel": n_("{share} of {rows} came with a channel that training never saw."),
    "unknown_category": n_("{share} of {rows} came with a category that training never saw."),
}


def verdict_word(verdict: str, language: str) -> str:
    """Name a verdict."""
    return words(language).say(VERDICTS[verdict])


def verdict_sentence(result: Mapping[str, Any], language: str) -> str:
    """Say in one or two sentences what to do."""
    say, verdict = words(language), result["verdict"]
    if verdict == RETRAIN:
        return say.gettext("The model should be trained anew on newer data: `make retrain`. The reasons are below.")
    if verdict == WATCH:
        return say.gettext("Something moves, but not enough, or too little of it is known yet, to train anew.")
    if verdict == FINE:
        return say.gettext("The predictions agree with what happened, and the rows look as they did in training.")
    missing = []
    if not result["quality_known"]:
        missing.append(
            say.gettext(
                "only {count} positive outcomes are known (up to {day} they are settled)",
                count=number(result["pool"]["positives"], 0, language),
                day=date(result["known_until"], language),
            )
        )
    if not result["drift_known"]:
        missing.append(
            say.gettext("no month has {count} scores", count=number(result["params"]["min_rows"], 0, language))
        )
    return say.gettext("No verdict yet: {missing}.", missing="; ".join(missing))


def finding_sentence(finding: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    """Say one reason in a sentence."""
    sentences = {"calibration": _calibration, "lift": _lift, "age": _age, "unknown": _unknown}
    if finding["code"] in sentences:
        return sentences[finding["code"]](finding["figures"], result, language)
    return _drifted(finding["code"], finding["figures"], result, language)


def _ends(figures: Mapping[str, Any], digits: int, language: str) -> str:
    to = words(language).pgettext("range", "to")
    return f"{number(figures['low'], digits, language)} {to} {number(figures['high'], digits, language)}"


def _months(figures: Mapping[str, Any], language: str) -> str:
    say, first, last = words(language), figures.get("first_month"), figures.get("last_month")
    if first == last:
        return say.gettext("In {month}", month=month(first, language))
    return say.gettext("From {first} to {last}", first=month(first, language), last=month(last, language))


def _calibration(figures: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    say, promise = words(language), result["promise"]
    text = say.gettext(
        "{months} the model said {predicted} on average, it was {observed}: {ratio} times as much (95%: {ends}).",
        months=_months(figures, language),
        predicted=percent(figures["mean_probability"], language),
        observed=percent(figures["observed"], language),
        ratio=number(figures["value"], 2, language),
        ends=_ends(figures, 2, language),
    )
    if promise is None:
        return text
    before = say.gettext("In the test rows it was {share}.", share=percent(promise["base_rate"], language))
    return f"{text} {before}"


def _lift(figures: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    promised = {key: figures[f"promised_{key}"] for key in ("value", "low", "high")}
    return words(language).gettext(
        "{months} the best {share} were {live} times as good as all together (95%: {ends}); promised were {promised} times "
        "({promised_ends}).",
        months=_months(figures, language),
        share=percent(result["capacity_share"], language, 0),
        live=number(figures["value"], 2, language),
        ends=_ends(figures, 2, language),
        promised=number(promised["value"], 2, language),
        promised_ends=_ends(promised, 2, language),
    )


def _age(figures: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    return words(language).gettext(
        "Outcomes of {days} more days are known since the newest row that the model learned from (limit: {limit}).",
        days=number(figures["days"], 0, language),
        limit=number(figures["limit"], 0, language),
    )


def _unknown(figures: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    code = max(result["unknown"], key=lambda name: result["unknown"][name])
    rows = WORDS[result["target"]].spoken(language).rows
    return words(language).filled(CAME_WITH[code], share=percent(figures["share"], language), rows=rows)


def _drifted(code: str, figures: Mapping[str, Any], result: Mapping[str, Any], language: str) -> str:
    say = words(language)
    size = say.gettext(
        "PSI {value}, 95%: {ends}", value=number(figures["psi"], 2, language), ends=_ends(figures, 2, language)
    )
    if code == "score":
        text = say.gettext("The probabilities given are spread differently than in the test rows ({size}).", size=size)
    else:
        feature = next(item for item in result["features"] if item["name"] == figures["name"])
        moved = feature["moved"]
        text = say.gettext(
            "{feature}: “{values}” {before} → {now} ({size}).",
            feature=feature["text"].get(language, feature["text"]["en"]),
            values=moved["text"].get(language, moved["text"]["en"]),
            before=percent(moved["before"], language, 0),
            now=percent(moved["now"], language, 0),
            size=size,
        )
    if figures["waits"]:
        more = say.gettext(
            "Since {month}; only {count} positive outcomes since then are known that a new model could learn from.",
            month=month(figures["since"], language),
            count=number(figures["positives_since"], 0, language),
        )
    elif figures["since"]:
        more = say.gettext("Since {month}.", month=month(figures["since"], language))
    else:
        return text
    return f"{text} {more}"


def summary_lines(result: Mapping[str, Any], language: str) -> list[str]:
    """Say the outcome in a few lines, for a terminal or a mail."""
    return [
        verdict_sentence(result, language).replace("`", ""),
        *(f"- {finding_sentence(finding, result, language)}" for finding in result["findings"]),
    ]

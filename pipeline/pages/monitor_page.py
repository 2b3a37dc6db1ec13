"""The page of the monitor: whether the model is still as good as promised, or should be trained anew."""

from collections.abc import Mapping
from typing import Any

from models.presentation.catalogues import LANGUAGES, SOURCE, n_, words
from models.presentation.numbers import interval, month, number, percent
from models.presentation.rendering import file_page, render
from pipeline.pages.machine_traffic_words import busy_sentence, mail_sentences
from pipeline.pages.metric_words import Cell, metric_cell
from pipeline.pages.monitor_charts import monitor_chart
from pipeline.pages.monitor_words import LEFT_OUT, UNKNOWN, finding_sentence, verdict_sentence, verdict_word
from pipeline.pages.page_places import TEMPLATES
from pipeline.pages.pictures import picture_of
from pipeline.pages.target_words import WORDS

__all__ = ["machine_values", "monitor_page", "monitor_summary"]

FEATURES = 20
SUMMARY_FEATURES = 5
BUSIEST = 20
LEVELS = {"retrain recommended": n_("retrain"), "watch": n_("watch")}
Result = Mapping[str, Any]


def monitor_page(result: Result) -> str:
    """Write the page, self-contained, in every language.

    Parameters
    ----------
    result : mapping
        As `pipeline.monitoring.judge.judge` returns it.
    """
    return file_page(
        lambda language: words(language).gettext("Live quality and drift, {source}", source=result["source"]),
        lambda language: verdict_sentence(result, language).replace("`", ""),
        lambda language: render(TEMPLATES, "monitor.html", language, **_values(result, language)),
    )


def monitor_summary(result: Result) -> dict[str, Any]:
    """Give by language what the service's page of the model shows of this: tiles, reasons, and what moved most.

    Parameters
    ----------
    result : mapping
        As `pipeline.monitoring.judge.judge` returns it.
    """
    return {language: _summary(result, language) for language in LANGUAGES}


def _summary(result: Result, language: str) -> dict[str, Any]:
    newest = next((item["month"] for item in reversed(result["months"]) if "score" in item), None)
    drifted = [item for item in result["features"] if newest in item["months"]]
    drifted.sort(key=lambda item: -(item["months"][newest]["value"] or 0.0))
    return {
        "tiles": _tiles(result, language),
        "verdict": verdict_sentence(result, language).replace("`", ""),
        "reasons": [finding_sentence(item, result, language) for item in result["findings"]],
        "drift": [
            [item["text"].get(language, item["text"][SOURCE]), number(item["months"][newest]["value"], 2, language)]
            for item in drifted[:SUMMARY_FEATURES]
        ],
        "month": None if newest is None else month(newest, language),
    }


def _values(result: Result, language: str) -> dict[str, Any]:
    scored = [item for item in result["months"] if "score" in item]
    return {
        "result": result,
        "rows_word": WORDS[result["target"]].spoken(language).rows,
        "customers": result["target"] != "sales_qualified",
        "tiles": _tiles(result, language),
        "reasons": [(LEVELS[item["level"]], finding_sentence(item, result, language)) for item in result["findings"]],
        "verdict": verdict_sentence(result, language).replace("`", ""),
        "quality_rows": _quality_rows(result, language),
        "judged_together": bool(result["pool"]["first_month"]),
        "newest": scored[-1] if scored else None,
        "features": result["features"][:FEATURES],
        "picture": lambda name: picture_of(monitor_chart(name, result, language), language),
        "metric_cell": lambda metric, digits: metric_cell(metric, digits, language),
        "left_out": LEFT_OUT,
        "unknown": UNKNOWN,
        **machine_values(result["machine_traffic"], language),
    }


def machine_values(traffic: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Give what `machine_traffic.html` shows: leads with a machine's volume, and what machines did with mails.

    Parameters
    ----------
    traffic : mapping
        The fields of `pipeline.population.machine_traffic.MachineTraffic`.
    language : str
    """
    busy = traffic["leads"]
    sentences = mail_sentences(traffic["mails"], language)
    if busy:
        sentences.insert(0, busy_sentence(len(busy), sum(lead["touchpoints"] for lead in busy), language))
    return {
        "machine_sentences": sentences,
        "busy_leads": busy[:BUSIEST],
        "more_busy": max(len(busy) - BUSIEST, 0),
    }


def _tiles(result: Result, language: str) -> list[tuple[str, str, list[str]]]:
    say, pool, promise = words(language), result["pool"], result["promise"]
    span = (
        f"{month(pool['first_month'], language)} – {month(pool['last_month'], language)}" if pool["first_month"] else ""
    )
    known = say.gettext("{count} outcomes known", count=number(pool["matured"], 0, language))
    lift = pool["lift_at_capacity"]
    score = next((item["score"] for item in reversed(result["months"]) if "score" in item), None)

    def metric(value: Any) -> str:
        return number(None if value is None else value["value"], 2, language)

    def span_of(value: Any) -> str:
        ends = interval(value, 2, language)
        return say.gettext("95%: {ends}", ends=ends) if ends else ""

    promised = "" if promise is None else say.gettext("promised {lift}", lift=metric(promise["lift_at_capacity"]))
    alarm = say.gettext("above {limit}: changed", limit=number(result["params"]["psi_alarm"], 2, language))
    return [
        (say.gettext("Verdict"), verdict_word(result["verdict"], language), [span, known]),
        (
            say.gettext("Observed over predicted"),
            metric(pool["ratio"]),
            [span_of(pool["ratio"]), say.gettext("1 is right")],
        ),
        (say.gettext("Lift at capacity"), metric(lift), [span_of(lift), promised]),
        (say.gettext("Drift of the scores (PSI)"), metric(score), [span_of(score), alarm]),
    ]


def _quality_rows(result: Result, language: str) -> list[list[Cell]]:
    rows = [_quality_row(month(item["month"], language), item, language) for item in result["months"]]
    if result["pool"]["first_month"]:
        rows.append(_quality_row(words(language).gettext("judged together"), result["pool"], language))
    return rows


def _quality_row(name: str, item: Mapping[str, Any], language: str) -> list[Cell]:
    known = percent(item["known"], language, 0) if item["matured"] else words(language).gettext("not yet")
    return [
        name,
        number(item["rows"], 0, language),
        known,
        percent(item["mean_probability"], language),
        percent(item["observed"], language),
        metric_cell(item["ratio"], 2, language),
        metric_cell(item["ece"], 3, language),
        metric_cell(item["lift_at_capacity"], 2, language),
        metric_cell(item["auc"], 3, language),
    ]

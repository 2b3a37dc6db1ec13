"""The table and the picture of `bench.models.short_histories`."""

import math
from typing import Any

from bench.models.short_histories import CONTENDERS
from models.presentation.chart import Chart, Panel, Series
from models.presentation.drawing import png
from pipeline.pages.charts import COLOURS

__all__ = ["WORDS", "markdown", "missed", "picture_of_sets_png", "picture_png", "recorded"]

WORDS = {
    "product": "product",
    "trees": "without the ladder",
    "logistic_regression": "logistic regression",
    "odoo_formula": "Odoo formula",
    "base_rate": "base rate",
}


RULES = ("base_rate", "logistic_regression", "odoo_formula", "trees")
LESS_THAN_BASE_RATE = 0.003
LESS_THAN_BEST = {200: 0.01, 10**9: 0.005}  # up to so many leads
LESS_AUC = 0.01


def markdown(rows: list[dict[str, Any]]) -> str:
    """Lay out one row per set and size: mean log loss and AUC, and the product's paired differences."""
    head = ["set", "leads", "positive", "draws (refused)", "too little data", "more leads that do"]
    head += [f"{WORDS[name]}: log loss, AUC" for name in CONTENDERS]
    head += ["less base rate (95 %)", "less the best by mean (95 %)", "AUC less logistic regression's"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        best = _best(row)
        more = row["more_leads"]
        cells = [
            row["set"],
            f"{row['leads']:,}",
            f"{row['positives']:.0f}",
            f"{row['draws']} ({row['refused']})",
            f"{row['too_little_data']:.0%}",
            "not measured" if more is None else f"{more:,}" if more else "-",
        ]
        cells += [f"{row[name]['log_loss']:.4f}, {row[name]['auc']:.3f}" for name in CONTENDERS]
        cells += [
            _difference(row["base_rate"]["product_less"]),
            f"{_difference(row[best]['product_less'])} {WORDS[best]}",
            _difference(row["logistic_regression"]["product_auc_less"], 3),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def missed(rows: list[dict[str, Any]]) -> list[str]:
    """Name every set and size where the product misses what it should reach; one sentence each, or that there is none.

    Against the base rate: by mean at most 0.003 worse, or 0 within the interval. Against the best other by mean: at most 0.01
    up to 200 leads, 0.005 above. AUC: at most 0.01 below logistic regression's.
    """
    out = []
    for row in rows:
        what = f"{row['set']}, {row['leads']:,} leads: "
        mean, low, high = row["base_rate"]["product_less"]
        if mean > LESS_THAN_BASE_RATE and not low <= 0.0 <= high:
            out.append(f"{what}log loss {_difference([mean, low, high])} above the base rate's")
        best = _best(row)
        allowed = next(value for most, value in LESS_THAN_BEST.items() if row["leads"] <= most)
        if (difference := row[best]["product_less"])[0] > allowed:
            out.append(f"{what}log loss {_difference(difference)} above that of {WORDS[best]}")
        if (area := row["logistic_regression"]["product_auc_less"])[0] < -LESS_AUC:
            out.append(f"{what}AUC {_difference(area, 3)} to logistic regression's")
    return [f"- missed: {line}" for line in out] or ["No target is missed at the sizes measured."]


def picture_png(rows: list[dict[str, Any]]) -> bytes:
    """Draw log loss and AUC against the number of leads; the same figures give the same bytes."""
    panels = [
        _panel(rows, metric, title)
        for metric, title in (("log_loss", "log loss (less is better)"), ("auc", "AUC (more is better)"))
    ]
    return png(Chart("Short histories", panels), "en")


def picture_of_sets_png(rows: list[dict[str, Any]]) -> bytes:
    """Draw log loss against the number of leads, one panel per set in the order of `rows`."""
    sets = dict.fromkeys(row["set"] for row in rows)
    panels = [_panel([row for row in rows if row["set"] == name], "log_loss", name.replace("_", " ")) for name in sets]
    return png(Chart("Log loss (less is better) of sets at the sizes they have", panels), "en")


def recorded(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Give what pictures are drawn of, by set: leads, and log loss and AUC of every contender."""
    of_sets: dict[str, list[dict[str, Any]]] = {row["set"]: [] for row in rows}
    for row in rows:
        figures = {
            name: {metric: round(row[name][metric], digits) for metric, digits in (("log_loss", 4), ("auc", 3))}
            for name in CONTENDERS
        }
        of_sets[row["set"]].append({"set": row["set"], "leads": row["leads"], **figures})
    return of_sets


def _panel(rows: list[dict[str, Any]], metric: str, title: str) -> Panel:
    series = [
        Series(
            "points",
            [float(row["leads"]) for row in rows],
            [row[name][metric] for row in rows],
            WORDS[name],
            COLOURS.get(name, "#9aa3ad"),
            joined=True,
        )
        for name in reversed(CONTENDERS)
    ]
    ends = None
    if metric == "log_loss":  # naive Bayes would flatten the rest
        lowest = min(row[name]["log_loss"] for row in rows for name in CONTENDERS)
        ends = (0.95 * lowest, 1.5 * max(row["base_rate"]["log_loss"] for row in rows))
    return Panel(series, "leads in training", title=title, x_log=True, y_format="number", y_range=ends)


def _best(row: dict[str, Any]) -> str:
    return min(RULES, key=lambda name: float(row[name]["log_loss"]))


def _difference(found: list[float], digits: int = 4) -> str:
    mean, low, high = found
    interval = "one draw" if math.isnan(low) else f"{low:+.{digits}f}..{high:+.{digits}f}"
    return f"{mean:+.{digits}f} ({interval})"

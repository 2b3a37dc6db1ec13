"""The documents' tables, each a pure function of the figures in `docs/results.json`."""

from collections.abc import Callable
from typing import Any

from bench.models.contenders import CONTENDERS, NOT_PROBABILITIES
from bench.models.table import verdict

__all__ = ["TABLES"]

Results = dict[str, Any]
WORTH = {
    "simulated": "`simulated`, 20,000 leads",
    "simulated_60000": "`simulated`, 60,000 leads",
    "simulated_upsell": "`simulated_upsell`",
    "saas_logins": "`saas_logins`",
    "saas_logins_published": "`saas_logins`, published",
    "online_retail": "`online_retail`",
    "olist": "`olist`",
    "olist_published": "`olist`, published",
    "xeducation": "`xeducation`",
}
"""Rows of the first table, in its order."""
SHORT = ("simulated", "saas_logins", "online_retail", "olist")
GROUPS = {
    "engagement": "how much, how recently, how varied",
    "attributes": "who the lead and its company are, and what is not known of them",
    "stages": "how far and how fast in the CRM",
    "sales": "calls and mails by sales, kept apart",
    "path": "channels, depth and order of content",
    "rhythm": "gaps, pauses, returns, trend, working hours",
    "buyer_profile": "how like buyers' journeys, and how far along",
    "account": "what colleagues do, and their roles",
    "orders": "what the account bought",
}
ABLATIONS = {
    "simulated": "simulated, 60,000 leads, every week open",
    "saas_logins": "saas_logins",
    "online_retail": "online_retail",
}
PEERS = {
    "engine": "this engine",
    "polars": "Polars",
    "duckdb": "DuckDB",
    "pandas": "pandas",
    "featuretools": "Featuretools, extrapolated from 1,000 and 8,000 leads",
    "limit": "reading sorted, writing, nothing computed",
}


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a table with a line break before and after it, so that its marks stand on lines of their own."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _spread(metric: dict[str, float]) -> str:
    return f"{metric['value']:.3f} ({metric['low']:.3f}..{metric['high']:.3f})"


def _titled(name: str, row: dict[str, Any]) -> str:
    return f"{WORTH[name]} ({row['note']})" if "note" in row else WORTH[name]


def _worth(
    results: Results, names: tuple[str, ...], head: list[str], cells: Callable[[dict[str, Any]], list[str]]
) -> str:
    rows = results["worth"]
    unknown = set(rows) - set(WORTH)
    if unknown:
        raise KeyError(f"no row of the documents' table is named {sorted(unknown)}; known: {list(WORTH)}")
    return _table(
        ["source, split", "test leads", "base rate", *head],
        [
            [_titled(name, row), f"{row['rows']:,}", f"{row['base_rate']:.1%}".replace("%", " %"), *cells(row)]
            for name in names
            if (row := rows.get(name))
        ],
    )


def worth(results: Results) -> str:
    """Make the long table of what the model is worth."""
    head = ["AUC", "average precision", "lift at capacity", "calibration error", "log loss"]

    def cells(row: dict[str, Any]) -> list[str]:
        product, beside = row["product"], row["log_loss_of"]
        return [
            _spread(product["auc"]),
            f"{product['average_precision']['value']:.3f}",
            f"{product['lift_at_capacity']['value']:.2f}",
            _spread(product["ece"]),
            f"{product['log_loss']['value']:.3f}",
            f"{beside['untuned_lightgbm']:.3f}, {beside['logistic_regression']:.3f}",
        ]

    return _worth(results, tuple(WORTH), [*head, "of untuned LightGBM, logistic regression"], cells)


def worth_short(results: Results) -> str:
    """Make the README's table of what the model is worth."""

    def cells(row: dict[str, Any]) -> list[str]:
        product = row["product"]
        return [
            _spread(product["auc"]),
            f"{product['lift_at_capacity']['value']:.2f}",
            f"{product['ece']['value']:.3f}",
            f"{product['log_loss']['value']:.3f}",
            f"{row['log_loss_of']['logistic_regression']:.3f}",
        ]

    head = ["AUC", "lift at capacity", "calibration error", "log loss", "of logistic regression"]
    return _worth(results, SHORT, head, cells)


def best_tenth(results: Results) -> str:
    """Say in numbers what calling the best tenth of the default company's leads reaches."""
    found = results["worth"]["simulated"]["best_tenth"]
    return f"{found['gain']:.0%}".replace("%", " %") + f" of all that later qualify: {found['lift']:.1f} times"


def contenders(results: Results) -> str:
    """Make the table of the product against what a user would pick instead."""
    order = sorted(CONTENDERS, key=lambda name: name in NOT_PROBABILITIES)  # those without probabilities last

    def cell(contender: str, found: dict[str, float] | None) -> str:
        if found is None:
            return ""
        words = ", ".join(f"{found[name]:.3f}" for name in ("log_loss", "auc") if name in found)
        return f"**{words}**" if contender == "product" else words

    rows = []
    for name, judged in results["contenders"].items():
        deficit = judged["deficit"]
        lost = f"{deficit['value']:+.4f} ({deficit['low']:+.4f}..{deficit['high']:+.4f}) to {CONTENDERS[deficit['against']]}"
        cells = [cell(contender, judged["metrics"].get(contender)) for contender in order]
        rows.append([f"`{name}`", *cells, f"{lost}: {verdict(deficit)}"])
    head = [CONTENDERS[name] + " (AUC)" * (name in NOT_PROBABILITIES) for name in order]
    return _table(["log loss, AUC", *head, "product's log loss less the best other's"], rows)


def groups(results: Results) -> str:
    """Make the table of what each group of features is worth, in thousandths of a nat of log loss lost without it."""
    measured = results["groups"]

    def cell(found: dict[str, float] | None) -> str:
        if found is None:
            return ""
        value = f"{1000 * found['value']:+.1f}"
        bold = "**" if found["low"] > 0 or found["high"] < 0 else ""
        return f"{bold}{value}{bold} ({1000 * found['low']:+.1f}..{1000 * found['high']:+.1f})"

    return _table(
        ["group", "what it says", *ABLATIONS.values(), "default"],
        [
            [group, words, *(cell(measured[source].get(group)) for source in ABLATIONS), measured["default"][group]]
            for group, words in GROUPS.items()
        ],
    )


def peers(results: Results) -> str:
    """Make the table of the engine beside its peers: seconds, and times the engine's."""
    figures = results["peers"]

    def cell(name: str, setting: str, measure: str) -> str:
        row = figures[setting][name]
        if measure not in row:
            return ""
        digits = 0 if row[measure] >= 100 else (2 if setting == "one" else 1)
        ratio = row[f"{measure}_ratio"]
        if name == "engine":
            beside = ""
        elif name == "limit":
            beside = f" ({ratio:.0%} of the engine's time)".replace("%", " %")
        else:
            beside = f" (x {ratio:,.0f})" if ratio >= 50 else f" (x {ratio:.1f})"
        return f"{row[measure]:.{digits}f}{beside}"

    measures = [(setting, measure) for setting in ("one", "weekly") for measure in ("end_to_end", "compute")]
    return _table(
        [
            "seconds (times the engine's)",
            "one snapshot per lead: end to end",
            "in memory",
            "26 per lead: end to end",
            "in memory",
        ],
        [[title, *(cell(name, *measure) for measure in measures)] for name, title in PEERS.items()],
    )


TABLES: dict[str, Callable[[Results], str]] = {
    "worth": worth,
    "worth_short": worth_short,
    "best_tenth": best_tenth,
    "contenders": contenders,
    "groups": groups,
    "peers": peers,
}
"""Name in a document's mark to what stands there."""

"""The table and the picture of `bench.models.short_histories`."""

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.models.short_histories import CONTENDERS

__all__ = ["WORDS", "markdown", "picture_png"]

WORDS = {
    "product": "product",
    "trees": "without the ladder",
    "logistic_regression": "logistic regression",
    "odoo_formula": "Odoo formula",
    "base_rate": "base rate",
}


def markdown(rows: list[dict[str, Any]]) -> str:
    """Lay out one row per size: mean log loss and AUC, and the paired difference to the base rate and to the best other."""
    head = ["leads", "positive", "draws", "refused", "too little data"]
    head += [f"{WORDS[name]}: log loss, AUC" for name in CONTENDERS]
    head += ["less base rate (95 %)", "less the best by mean (95 %)"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        best = min(CONTENDERS[1:], key=lambda name: row[name]["log_loss"])
        cells = [
            f"{row['leads']:,}",
            f"{row['positives']:.0f}",
            row["draws"],
            row["refused"],
            f"{row['too_little_data']:.0%}",
        ]
        cells += [f"{row[name]['log_loss']:.4f}, {row[name]['auc']:.3f}" for name in CONTENDERS]
        cells += [_difference(row["base_rate"]), f"{_difference(row[best])} {WORDS[best]}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def picture_png(rows: list[dict[str, Any]]) -> bytes:
    """Draw log loss and AUC against the number of leads; the same figures give the same bytes."""
    figure = Figure(figsize=(10.2, 3.9), dpi=155, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for ax, metric in zip(figure.subplots(1, 2), ("log_loss", "auc"), strict=True):
        for name in CONTENDERS:
            values = [row[name][metric] for row in rows]
            ax.plot([row["leads"] for row in rows], values, marker="o", markersize=4, label=WORDS[name])
        ax.set_xscale("log")
        ax.set_xticks([row["leads"] for row in rows])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("leads in training")
        ax.set_title("log loss (less is better)" if metric == "log_loss" else "AUC (more is better)", loc="left")
        if metric == "log_loss":
            ax.set_ylim(
                top=1.5 * max(row["base_rate"]["log_loss"] for row in rows)
            )  # naive Bayes would flatten the rest
    figure.axes[1].legend(frameon=False, fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _difference(found: dict[str, Any]) -> str:
    mean, low, high = found["product_less"]
    return f"{mean:+.4f} ({low:+.4f}..{high:+.4f})"

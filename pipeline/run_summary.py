"""A training in the words of a tracker: flat parameters and metrics, a readable name, a description."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.target_words import WORDS, target_of

__all__ = ["flat_metrics", "flat_params", "run_description", "run_name"]

VALUE_LENGTH = 6000  # the longest parameter value that MLflow takes


def flat_params(sections: Mapping[str, Any]) -> dict[str, str]:
    """Flatten parameter sections to `section.name`; a selector stays one value, and labels for people are left out.

    Examples
    --------
    >>> flat_params({"train": {"seed": 7}, "labels": {"label_days": 60}, "points": None})
    {'train.seed': '7', 'labels.label_days': '60', 'points': 'null'}
    """
    return dict(_flat_params("", sections))


def _flat_params(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    is_selector = prefix.startswith("features.selectors.")
    if is_selector:
        value = {key: item for key, item in value.items() if key != "label" and item is not None}
    if isinstance(value, Mapping) and not is_selector:
        for key, item in value.items():
            yield from _flat_params(f"{prefix}.{key}" if prefix else str(key), item)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield prefix, text[:VALUE_LENGTH]


def flat_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Flatten `evaluate.json`: a metric with an interval becomes three; what is null or not a number is left out.

    Examples
    --------
    >>> flat_metrics({"rows": 9, "baselines": {"points": {"auc": {"value": 0.5, "low": 0.4, "high": None}}}})
    {'rows': 9.0, 'points.auc': 0.5, 'points.auc_low': 0.4}
    """
    return dict(_flat_metrics("", result))


def _flat_metrics(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("low", "high"):
                yield from _flat_metrics(f"{prefix}_{key}", item)
            elif key in ("value", "baselines"):
                yield from _flat_metrics(prefix, item)
            else:
                yield from _flat_metrics(f"{prefix}.{key}" if prefix else key, item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield prefix, float(value)


def run_name(metadata: Mapping[str, Any], result: Mapping[str, Any], learning_rate: float) -> str:
    """Name a run for people: source, end of the data used, headline figure, the parameter most often changed.

    Examples
    --------
    >>> run_name({"source": "olist", "data_used_until": "2018-01-03T00:00:00+00:00"},
    ...          {"product": {"auc": {"value": 0.7049}}}, 0.03)
    'olist 2018-01 | AUC 0.70 | lr 0.03'
    """
    auc = result["product"]["auc"]["value"]
    when = "" if metadata.get("clock") == "ordinal" else f" {str(metadata['data_used_until'])[:7]}"
    return f"{metadata['source']}{when} | AUC {'-' if auc is None else f'{auc:.2f}'} | lr {learning_rate:g}"


def run_description(metadata: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Describe a run in Markdown: what is predicted, and the product beside its baselines."""
    words = WORDS[target_of(metadata)]
    shown = {
        "auc": "AUC",
        "average_precision": "average precision",
        "lift_at_capacity": "lift at capacity",
        "ece": "ECE",
    }

    def cell(metric: Mapping[str, float | None] | None) -> str:
        if metric is None or metric["value"] is None:
            return "-"
        return f"{metric['value']:.3f}" + (
            "" if metric["low"] is None else f" ({metric['low']:.3f}..{metric['high']:.3f})"
        )

    lines = [
        f"P({words.chance[0]} within {metadata['label_days']} days of the snapshot), source **{metadata['source']}**, "
        f"{result['rows']:,} test {words.rows[0]}, base rate {result['base_rate']:.1%}. 95 % intervals in brackets.",
        "",
        "| model | " + " | ".join(shown.values()) + " |",
        "|---" * (len(shown) + 1) + "|",
    ]
    for name, metrics in {"product": result["product"], **result["baselines"]}.items():
        if metrics is not None:
            lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cell(metrics[key]) for key in shown) + " |")
    return "\n".join([*lines, "", "The model card and the report are under Artifacts, `reports/`."])

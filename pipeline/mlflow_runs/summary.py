"""A training in the words of a tracker: flat parameters and metrics, a readable name, a description."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from models.bundle import target_of
from models.presentation.metric_names import COMPARED, metric_name
from pipeline.mlflow_runs.comparison import comparison_sentence
from pipeline.mlflow_runs.markdown import table
from pipeline.mlflow_runs.segments import segments_sentence
from pipeline.pages.target_words import WORDS
from pipeline.pages.trained import verdict_sentence

__all__ = [
    "comparison_metrics",
    "flat_metrics",
    "flat_params",
    "review_tags",
    "run_description",
    "run_name",
]

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
    """Flatten `evaluate.json`: the product's metrics under their own names, those of others as `<who>/<metric>`.

    A metric with an interval becomes three; what is null or not a number is left out. MLflow's pages draw metrics with the same
    part before the last slash together; so the short names, by which people sort runs, stand alone, and intervals elsewhere.

    Examples
    --------
    >>> flat_metrics({"rows": 9, "product": {"auc": {"value": 0.7, "low": 0.6, "high": None}},
    ...               "baselines": {"points": {"auc": {"value": 0.5, "low": 0.4, "high": None}}}})
    {'rows': 9.0, 'auc': 0.7, 'intervals/auc_low': 0.6, 'points/auc': 0.5, 'points/intervals/auc_low': 0.4}
    """
    return dict(_flat_metrics("", result))


def _flat_metrics(prefix: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("low", "high"):
                who, slash, name = prefix.rpartition("/")
                yield from _flat_metrics(f"{who}{slash}intervals/{name}_{key}", item)
            elif key in ("value", "product", "baselines"):
                yield from _flat_metrics(prefix, item)
            else:
                yield from _flat_metrics(f"{prefix}/{key}" if prefix else key, item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield prefix, float(value)


def comparison_metrics(comparison: Mapping[str, Any] | None) -> dict[str, float]:
    """Give the gains over the champion as metrics; empty where nothing was compared.

    Examples
    --------
    >>> comparison_metrics({"outcome": "compared", "gain": {"auc": {"value": 0.01, "low": -0.01, "high": None}}})
    {'gain_over_champion/auc': 0.01, 'gain_over_champion/intervals/auc_low': -0.01}
    """
    if comparison is None or comparison["outcome"] != "compared":
        return {}
    return flat_metrics({"gain_over_champion": comparison["gain"]})


def review_tags(
    result: Mapping[str, Any], segments: Mapping[str, Any] | None, comparison: Mapping[str, Any] | None
) -> dict[str, str]:
    """Give what a list of runs should tell in a word: the verdict, segments out of calibration, the champion then."""
    tags = {}
    verdict = result.get("verdict")
    if isinstance(verdict, Mapping) and verdict.get("code"):
        tags["verdict"] = str(verdict["code"])
    if segments is not None:
        tags["segments_out_of_calibration"] = f"{segments['flagged']} of {segments['compared']}"
    if comparison is not None:
        tags["champion_then"] = "none" if comparison["version"] is None else f"version {comparison['version']}"
    return tags


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


def run_description(
    metadata: Mapping[str, Any],
    result: Mapping[str, Any],
    segments: Mapping[str, Any] | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> str:
    """Describe a run in Markdown: the verdict, the champion, the product beside its baselines, what is predicted, segments."""
    words = WORDS[target_of(metadata)]

    def cell(metric: Mapping[str, float | None] | None) -> str:
        if metric is None or metric["value"] is None:
            return "-"
        return f"{metric['value']:.3f}" + (
            "" if metric["low"] is None else f" ({metric['low']:.3f}..{metric['high']:.3f})"
        )

    verdict = verdict_sentence(result, "en")
    rows = [
        (name.replace("_", " "), *(cell(metrics.get(key)) for key in COMPARED))
        for name, metrics in {"product": result["product"], **result["baselines"]}.items()
        if metrics is not None
    ]
    parts = [
        # the pages fold what follows the first lines
        *([f"**Verdict:** {verdict}"] if verdict else []),
        *([comparison_sentence(comparison)] if comparison is not None else []),
        "\n".join(table(("model", *map(metric_name, COMPARED)), rows)),
        f"P({words.chance} within {metadata['label_days']} days of the snapshot), source **{metadata['source']}**, "
        f"{result['rows']:,} test {words.rows}, base rate {result['base_rate']:.1%} "
        f"({result['train_base_rate']:.1%} in training). "
        f"Level error (mean prediction minus observed rate) {result['level_error']:+.3f}. 95 % intervals in brackets.",
        *([segments_sentence(segments)] if segments is not None else []),
        "The model card, the report and interactive figures are under Artifacts, `reports/`.",
    ]
    return "\n\n".join(parts)

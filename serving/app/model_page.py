"""The data scientist's page: which model serves, how good it is, what comes in, and what was set aside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.presentation.catalogues import words
from models.presentation.metric_names import DIGITS, metric_name
from models.presentation.model_names import model_name
from models.presentation.numbers import number
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.open_leads import count_open_leads
from serving.store.rescoring import count_leads

__all__ = ["model_values"]

ROOT = Path(__file__).resolve().parents[2]


def model_values(scorer: Scorer, store: Store, language: str, now: int, root: Path = ROOT) -> dict[str, Any]:
    """Give what the template of the model's page shows.

    Parameters
    ----------
    scorer : Scorer
        The model that serves.
    store : Store
    language : str
        Of the texts.
    now : int
        UTC microseconds.
    root : Path
        The folder where the pipeline writes ``metrics/``; what is not there is not shown.
    """
    metadata, say = scorer.bundle.metadata, words(language)
    with store.read() as connection:
        counts, queue = count_open_leads(connection), count_leads(connection, now)
    evaluation = _json(root / "metrics" / "evaluate.json")
    return {
        "model": {**scorer.model, "features": len(scorer.bundle.catalog)},
        "cutoffs": [scorer.bundle.cutoffs[name] for name in ("A", "B", "C")],
        "metadata": metadata,
        "counts": counts,
        "queue": queue,
        "rows": evaluation.get("rows"),
        "capacity": evaluation.get("capacity"),
        "quality_head": [say.gettext("Model"), *(metric_name(metric, language) for metric in DIGITS)],
        "quality": _quality(evaluation, language),
        "quarantine": _quarantine(_json(root / "metrics" / "ingest.json")),
    }


def _quality(evaluation: Mapping[str, Any], language: str) -> list[list[str]]:
    """Give product and baselines with their metrics."""
    if "product" not in evaluation:
        return []
    contenders = {"product": evaluation["product"], **evaluation.get("baselines", {})}
    return [
        [
            model_name(name, language),
            *(_metric((values or {}).get(key), digits, language) for key, digits in DIGITS.items()),
        ]
        for name, values in contenders.items()
    ]


def _metric(metric: Any, digits: int, language: str) -> str:
    return number(metric.get("value") if isinstance(metric, dict) else metric, digits, language)


def _quarantine(ingest: Mapping[str, Any]) -> list[list[Any]]:
    """Give table, reason and rows, most rows first."""
    rows = [
        [table, reason, count]
        for table, facts in ingest.items()
        if isinstance(facts, dict)
        for reason, count in (facts.get("quarantined") or {}).items()
    ]
    return sorted(rows, key=lambda row: -row[2])


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or being written
        return {}
    return content if isinstance(content, dict) else {}

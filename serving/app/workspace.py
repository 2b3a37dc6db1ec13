"""What the pipeline left in the folder that the service runs from: metrics, the monitor's verdict, quarantine, reports.

A packed service has none of it; what is not there is not shown.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.presentation.catalogues import n_
from serving.contract.routes import APP_REPORTS
from serving.http.answers import Answer

__all__ = ["ROOT", "quarantine", "read_object", "report_answer", "reports"]

ROOT = Path(__file__).resolve().parents[2]
REPORT_NAMES = {
    "report.html": n_("Evaluation report"),
    "model_card.html": n_("Model card"),
    "audit.html": n_("Leakage audit"),
    "figures.html": n_("Figures to explore"),
    "monitor.html": n_("Live quality and drift"),
}
_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data:; "
    b"sandbox allow-scripts; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A report is one file with its script inside, and the one with figures to explore compiles its expressions. The sandbox keeps
that from the pages' cookie and from everything else here; nothing is loaded."""


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty where the file is not there, or is just being written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def reports(root: Path) -> dict[str, str]:
    """Give the reports that are there: file to name."""
    return {file: REPORT_NAMES[file] for file in APP_REPORTS if (root / "reports" / file).is_file()}


def report_answer(root: Path, file: str) -> Answer | None:
    """Give a report as it was written; None: it is not there."""
    try:
        content = (root / "reports" / file).read_bytes()
    except OSError:
        return None
    headers = (
        (b"content-security-policy", _POLICY),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-store"),
    )
    return Answer(content, headers=headers, media_type=b"text/html; charset=utf-8")


def quarantine(root: Path) -> list[dict[str, Any]]:
    """Count the rows that the last ingest set aside, by table, reason and day; most rows first.

    Parameters
    ----------
    root : Path
        With ``data/quarantine``, of which only reasons and days are read, never rows.

    Returns
    -------
    list of dict
        ``table``, ``reason``, ``rows``; ``days``: pairs of ISO day (UTC) and rows, in time order; ``without_day``: rows
        whose day can't be read.
    """
    found = []
    for file in sorted((root / "data" / "quarantine").glob("*.parquet")):
        if not file.name.startswith("values_"):
            found += _of_file(file)
    return sorted(found, key=lambda item: -item["rows"])


def _of_file(file: Path) -> list[dict[str, Any]]:
    try:
        names = pq.read_schema(file).names
        table = pq.read_table(file, columns=[name for name in ("reason", "day") if name in names])
    except (OSError, pa.ArrowException):  # gone, or being written
        return []
    if "day" not in names:
        table = table.append_column("day", pa.nulls(table.num_rows, pa.string()))
    counts = table.group_by(["reason", "day"]).aggregate([([], "count_all")]).to_pylist()
    by_reason: dict[str, dict[str | None, int]] = {}
    for row in counts:
        by_reason.setdefault(row["reason"], {})[row["day"]] = row["count_all"]
    return [
        {
            "table": file.stem,
            "reason": reason,
            "rows": sum(days.values()),
            "without_day": days.get(None, 0),
            "days": sorted((day, rows) for day, rows in days.items() if day is not None),
        }
        for reason, days in by_reason.items()
    ]

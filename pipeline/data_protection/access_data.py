"""What a person who asks for access is given: rows, scores, verdicts, who looked; without the names of employees."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.answers.access_explanation import reasons_of
from models.audit_log.log import AuditLog
from models.audit_log.verification import read_entries
from models.bundle import Bundle
from models.monitoring.score_log_reader import log_tables
from pipeline.tables.contract import CANONICAL

__all__ = ["EMPLOYEES", "accesses_of", "logged_scores", "rows_of", "verdicts_of"]

EMPLOYEES = ("owner", "decided_by")
"""Columns that name employees: they stay inside (CJEU C-579/21)."""

VERDICTS = ("sal", "sales_qualified", "disqualified", "recycled")
"""Stages that a person in sales decides; becoming an MQL may be a rule of marketing's."""

ACTORS = {"key": "access_key", "person": "employee", "command": "operator", "service": "service", "local": "local"}


def rows_of(canonical: Path, lead_ids: Sequence[str], visitors: Sequence[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Read the rows of canonical tables that speak of leads or of their accounts.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    lead_ids : sequence of str
        All ids of one person.
    visitors : sequence of str
        Those that the person was before somebody identified them.

    Returns
    -------
    dict of str to list of dict
        By table, those with rows; moments as ISO 8601, missing values left out, no employee's name.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    leads = _rows(canonical / "leads.parquet", {"lead_id": lead_ids})
    accounts = sorted({row["account_id"] for row in leads if row.get("account_id")})
    for name in CANONICAL:
        path = canonical / f"{name}.parquet"
        rows = (
            leads
            if name == "leads"
            else _rows(path, {"lead_id": lead_ids, "visitor_id": visitors, "account_id": accounts}, name)
        )
        if rows:
            found[name] = rows
    return found


def _rows(path: Path, wanted: Mapping[str, Sequence[str]], name: str = "") -> list[dict[str, Any]]:
    """Read the rows in which one of some columns has one of some values; where a lead is named, by the lead."""
    if not path.exists():
        return []
    columns = pq.read_schema(path).names
    keys = [key for key in wanted if key in columns]
    if "lead_id" in keys and name != "attribute_changes":
        keys = [key for key in keys if key != "account_id"]
    if not keys:
        return []
    rows: list[dict[str, Any]] = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            mask = None
            for key in keys:
                values = pa.array(list(wanted[key]), pa.string())
                hit = pc.fill_null(pc.is_in(batch[key].cast(pa.string()), values), False)
                mask = hit if mask is None else pc.or_(mask, hit)
            rows += [_plain(row) for row in batch.filter(mask).to_pylist()]
    return rows


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, dt.datetime) else value
        for name, value in row.items()
        if name not in EMPLOYEES and value is not None
    }


def logged_scores(
    folder: Path | None, ids: Sequence[str], find: Callable[[str], Bundle | None]
) -> list[dict[str, Any]]:
    """Read every score of a lead in the score log, newest first, with reasons and advice where its bundle is still there.

    Parameters
    ----------
    folder : Path or None
        The log; None: nothing was logged.
    ids : sequence of str
        As the log has them.
    find : callable
        Takes the hash of a bundle; gives it, or None.
    """
    scores: list[dict[str, Any]] = []
    for _, table in () if folder is None else log_tables(folder):
        rows = table.filter(pc.is_in(table["lead_id"], pa.array(list(ids), pa.string())))
        for row in rows.to_pylist():
            bundle = find(row.get("bundle_sha256") or "") if row.get("bundle_sha256") else None
            scores.append(_score(row, bundle))
    return sorted(scores, key=lambda score: score["scored_at"], reverse=True)


def _score(row: Mapping[str, Any], bundle: Bundle | None) -> dict[str, Any]:
    score = {
        "scored_at": row["scored_at"].isoformat(),
        "snapshot_at": row["snapshot_at"].isoformat(),
        "model": row["model_name"],
        "model_version": row["model_version"],
        **{name: row[name] for name in ("probability", "low", "high", "tier", "not_scored")},
        "advice": _advice(row),
        "reasons": None,
    }
    if bundle is not None and row["probability"] is not None:
        (score["reasons"],) = reasons_of(
            bundle, pa.array([row["features"]]).flatten().to_numpy().reshape(1, -1).astype("f4")
        )
    return score


def _advice(row: Mapping[str, Any]) -> str | None:
    """Give the advice as it was answered; of a model without timing, whether capacity reached the lead."""
    advice, within = row.get("advice"), row.get("within_capacity")
    if advice not in (None, "unknown"):
        return str(advice)
    return None if within is None else "hand_over_now" if within else "later"


def verdicts_of(stored: Iterable[Mapping[str, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
    """List the verdicts of people, oldest first: what, when, in which function, and whether it was taken back.

    Parameters
    ----------
    stored : iterable of mapping
        Rows by table, of canonical tables and of the store; the same verdict may stand in several.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for tables in stored:
        for table, column in (("outcomes", "outcome"), ("stage_changes", "stage")):
            for row in tables.get(table, ()):
                if row[column] in VERDICTS:
                    at = dt.datetime.fromisoformat(str(row["occurred_at"])).astimezone(dt.UTC).isoformat()
                    verdict = found.setdefault((at, str(row[column])), {"at": at, "verdict": row[column]})
                    verdict.setdefault("function", row.get("team") or "sales")
                    for name in ("reason", "advice", "retracted_at"):
                        if row.get(name) is not None:
                            verdict.setdefault(name, row[name])
    return [found[key] for key in sorted(found)]


def accesses_of(log: AuditLog | None, lead_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Say when a lead was scored, viewed, decided on, exported or sent, by day and by what kind of actor; never by whom.

    Parameters
    ----------
    log : AuditLog or None
        None: there is none.
    lead_ids : sequence of str
    """
    if log is None:
        return []
    days: dict[tuple[str, str, str], int] = {}
    seen: set[tuple[str, int]] = set()
    for lead_id in lead_ids:
        for entry in read_entries(log, lead_id):
            key = (entry["mac"], entry["number"])
            if key not in seen:
                seen.add(key)
                actor = ACTORS.get(entry["actor"].partition(":")[0], "service")
                day = (entry["at"][:10], entry["action"], actor)
                days[day] = days.get(day, 0) + 1
    return [{"day": day, "action": action, "by": by, "times": n} for (day, action, by), n in sorted(days.items())]

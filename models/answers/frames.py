"""Data frames of leads to data frames of scores: what the model registered in MLflow does."""

import json
from dataclasses import asdict
from typing import Any

import pandas as pd

from features.errors import JourneyError
from features.timeline import from_micros
from models.answers.requests import parse_lead
from models.answers.scoring import score_requests
from models.answers.warnings import warning_entry
from models.bundle import Bundle
from models.data_protection.redactor import Redactor

__all__ = ["ANSWERED", "COLUMNS", "NUMBERS", "example_frame", "lead_of_row", "score_frame"]

COLUMNS = (
    "lead_id",
    "snapshot_at",
    "created_at",
    "attributes",
    "account_attributes",
    "touchpoints",
    "stage_changes",
    "account_touchpoints",
    "account_stage_changes",
    "account_orders",
)
NUMBERS = ("probability", "low", "high", "fit", "engagement", "base_value")
ANSWERED = ("lead_id", "snapshot_at", *NUMBERS, "tier", "not_scored", "reasons", "warnings")
"""Columns of an answer; those of `NUMBERS` are float64, all others text."""
EXAMPLE_AT = "2026-03-02T09:00:00+00:00"


def score_frame(bundle: Bundle, requests: pd.DataFrame, *, n_reasons: int = 3, language: str = "en") -> pd.DataFrame:
    """Score leads; one row per lead, in the order given.

    Parameters
    ----------
    bundle : Bundle
    requests : DataFrame
        Text columns: lead_id, snapshot_at and created_at (ISO 8601 with an offset), and as JSON text attributes,
        account_attributes, touchpoints, stage_changes, account_touchpoints, account_stage_changes, account_orders, shaped as in
        ``POST /score``. Only the first two must be there; a missing or empty value is none.
    n_reasons : int
        Reasons per lead.
    language : {"en", "de"}
        Of reasons and warnings.

    Returns
    -------
    DataFrame
        lead_id, snapshot_at (UTC), probability, low, high, fit, engagement, base_value (float64, missing: not scored), tier,
        not_scored (empty: scored), reasons and warnings as JSON text.

    Raises
    ------
    JourneyError
        With the row and the field that is wrong.
    """
    redactor = Redactor(None, bundle.identifiers)  # a model in MLflow has no keys beside it
    leads = [
        parse_lead(lead_of_row(row, f"row {i}"), f"row {i}", redactor=redactor)
        for i, row in enumerate(requests.to_dict("records"))
    ]
    if not leads:
        return pd.DataFrame([], columns=[*ANSWERED])
    scores = score_requests(bundle, leads, n_reasons=n_reasons, language=language)
    return pd.DataFrame(
        [
            {
                "lead_id": item.lead_id,
                "snapshot_at": from_micros(item.snapshot_at).isoformat(),
                "probability": _number(item.probability),
                "low": _number(item.low),
                "high": _number(item.high),
                "fit": _number(item.fit),
                "engagement": _number(item.engagement),
                "base_value": _number(item.base_value),
                "tier": item.tier or "",
                "not_scored": item.not_scored or "",
                "reasons": json.dumps([asdict(reason) for reason in item.reasons], ensure_ascii=False),
                "warnings": json.dumps([warning_entry(warning) for warning in item.warnings], ensure_ascii=False),
            }
            for item in scores
        ]
    )


def example_frame(bundle: Bundle) -> pd.DataFrame:
    """Make a small valid input for this bundle: one lead with two touchpoints, and one without any."""
    kinds = bundle.catalog.known_kinds or ("page_view",)
    touchpoints: list[dict[str, Any]] = [
        {"occurred_at": f"2026-02-{day:02d}T10:00:00+00:00", "kind": kinds[i % len(kinds)]}
        for i, day in enumerate((20, 27))
    ]
    of_entity: dict[str, dict[str, Any]] = {"lead": {}, "account": {}}
    for spec in bundle.catalog.attributes:
        example = {"number": 1.0, "boolean": True, "category": spec.categories[0] if spec.categories else "other"}
        of_entity[spec.entity][spec.name] = example[spec.type]
    mql = [{"stage": "mql", "occurred_at": "2026-02-28T08:00:00+00:00"}]
    groups = bundle.catalog.params.groups
    colleague = [{**item, "lead_id": "L-1003"} for item in touchpoints[:1] if "account" in groups]
    orders = [{"ordered_at": "2025-11-12T00:00:00+00:00", "amount": 1200.0}] if "orders" in groups else []
    values: list[Any] = [of_entity["lead"], of_entity["account"], touchpoints, mql, colleague, [], orders]
    filled = [json.dumps(value) for value in values]
    none: list[Any] = [{}, {}, [], mql, [], [], []]
    empty = [json.dumps(value) for value in none]
    rows = [
        ("L-1001", EXAMPLE_AT, "2026-02-20T10:00:00+00:00", *filled),
        ("L-1002", EXAMPLE_AT, None, *empty),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def lead_of_row(row: dict[Any, Any], path: str) -> dict[str, Any]:
    """Turn one row of a frame into one entry of the `leads` of ``POST /score``; raises `JourneyError` for unknown columns."""
    unknown = sorted(set(map(str, row)) - set(COLUMNS))
    if unknown:
        raise JourneyError(
            f"{path}: unknown column {unknown[0]!r}; allowed: {', '.join(COLUMNS)}.", unknown[0], "Leave it out."
        )
    return {
        "lead_id": _plain(row.get("lead_id")),
        "snapshot_at": _plain(row.get("snapshot_at")),
        "created_at": _plain(row.get("created_at")),
        "attributes": _json(row, "attributes", path, {}),
        "account": {
            "account_id": "of the lead",
            "attributes": _json(row, "account_attributes", path, {}),
            "touchpoints": _json(row, "account_touchpoints", path, []),
            "stage_changes": _json(row, "account_stage_changes", path, []),
            "orders": _json(row, "account_orders", path, []),
        },
        "touchpoints": _json(row, "touchpoints", path, []),
        "stage_changes": _json(row, "stage_changes", path, []),
    }


def _plain(value: Any) -> Any:
    """Turn what pandas calls missing, and empty text, into None."""
    return None if value is pd.NA or value is pd.NaT or value != value or value == "" else value


def _json(row: dict[Any, Any], name: str, path: str, empty: Any) -> Any:
    text = _plain(row.get(name))
    if text is None:
        return empty
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise JourneyError(f"{path}.{name}: not JSON ({error}).", f"{path}.{name}", "Send JSON text.") from error

"""From canonical tables of some whole accounts to scores: what every engine calls, wherever it got the tables from."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from models.answers.decision import Decision, decision_of, price_warnings
from models.answers.open_questions import OPEN_QUESTIONS
from models.answers.scoring import Score, score
from models.answers.slot_price import SlotPrice
from models.answers.warnings import short_codes
from models.bundle import Bundle
from models.presentation.catalogues import words
from pipeline.matrix.feature_rows import attributes_of, journeys_of, snapshots_of
from pipeline.population.attribute_history import History

__all__ = ["REASONS", "SCORES", "score_rows", "score_table"]

REASONS = 3

SCORES = pa.schema(
    [
        *((name, pa.string()) for name in ("lead_id", "snapshot_at")),
        *((name, pa.float64()) for name in ("probability", "low", "high")),
        ("tier", pa.string()),
        *((name, pa.float64()) for name in ("fit", "engagement")),
        *((name, pa.string()) for name in ("reasons", "not_scored")),
        ("within_capacity", pa.bool_()),
        *((name, pa.string()) for name in ("advice", "advice_until")),
        *((name, pa.float64()) for name in ("if_now", "if_now_low", "if_now_high")),
        ("waiting_days", pa.int64()),
        *((name, pa.float64()) for name in ("if_waiting", "if_waiting_low", "if_waiting_high")),
        ("slot_price", pa.float64()),
        *((name, pa.string()) for name in ("open_questions", "next_content")),
        ("propensity", pa.float64()),
        ("advice_text", pa.string()),
        ("warnings", pa.string()),
    ]
)
"""The columns of the answer; snapshot_at in ISO 8601, reasons joined by "; ", warnings as `answers.warnings.short_codes`."""


def score_rows(
    bundle: Bundle,
    tables: Mapping[str, pa.Table],
    lead_ids: list[str],
    snapshots: pd.DataFrame,
    recorded: History | None = None,
    language: str = "en",
    price: SlotPrice | None = None,
) -> pa.Table:
    """Score leads with tiers and reasons; one row per snapshot, in their order.

    Parameters
    ----------
    bundle : Bundle
        The model.
    tables, lead_ids, snapshots, recorded
        As for `feature_rows`.
    language : {"en", "de"}
        Of the reasons.
    price : SlotPrice or None
        As for `decision_of`.

    Returns
    -------
    Table
        As `SCORES`.
    """
    catalog = bundle.catalog
    journeys = journeys_of(tables, lead_ids, catalog.role_attribute, recorded)
    values = attributes_of(tables, snapshots, catalog, recorded)
    looks = snapshots_of(lead_ids, snapshots)
    scores = score(bundle, journeys, looks, values, n_reasons=REASONS, language=language)
    return score_table(bundle, scores, language, price)


def score_table(bundle: Bundle, scores: Sequence[Score], language: str, price: SlotPrice | None = None) -> pa.Table:
    """Write scores as rows of `SCORES`, each with the decision that the service gives for it.

    Parameters
    ----------
    bundle : Bundle
        The model that made them; its stored cut-off decides about capacity.
    scores : sequence of Score
    language : {"en", "de"}
        Of the advice.
    price : SlotPrice or None
        As for `decision_of`.
    """
    return pa.Table.from_pylist([_row_of(item, bundle, language, price) for item in scores], SCORES)


def _row_of(item: Score, bundle: Bundle, language: str, price: SlotPrice | None) -> dict[str, Any]:
    decision = decision_of(item, bundle, language, price)
    warnings = (*item.warnings, *price_warnings(decision, language))
    now, later = (None, None) if decision is None else (decision.if_now, decision.if_waiting)
    return {
        "lead_id": item.lead_id,
        "snapshot_at": pd.Timestamp(item.snapshot_at, unit="us", tz="UTC").isoformat(),
        "probability": item.probability,
        "low": item.low,
        "high": item.high,
        "tier": item.tier,
        "fit": item.fit,
        "engagement": item.engagement,
        "reasons": "; ".join(reason.text for reason in item.reasons),
        "not_scored": item.not_scored,
        "within_capacity": None if decision is None else decision.within_capacity,
        "advice": None if decision is None else decision.advice,
        "advice_until": None if decision is None else decision.until,
        **_chance("if_now", now),
        "waiting_days": None if later is None else later["days"],
        **_chance("if_waiting", later),
        "slot_price": None if decision is None or decision.price is None else decision.price["probability"],
        **_for_marketing(decision, language),
        "propensity": None if decision is None or decision.trial is None else decision.trial["propensity"],
        "advice_text": None if decision is None else decision.text,
        "warnings": short_codes(warnings),
    }


def _for_marketing(decision: Decision | None, language: str) -> dict[str, str | None]:
    """Write what helps marketing with a lead that is held, joined by "; "; None where it is not."""
    told = None if decision is None else decision.for_marketing
    if told is None:
        return {"open_questions": None, "next_content": None}
    say = words(language)
    questions = "; ".join(say.say(OPEN_QUESTIONS[name]) for name in told["open_questions"])
    return {"open_questions": questions, "next_content": "; ".join(told["next_content"])}


def _chance(name: str, chance: dict[str, Any] | None) -> dict[str, float | None]:
    low, high = (None, None) if chance is None else chance["interval"]
    return {name: None if chance is None else chance["probability"], f"{name}_low": low, f"{name}_high": high}

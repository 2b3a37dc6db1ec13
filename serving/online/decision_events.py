"""The events that tell of changed decisions, as webhooks send them."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from features.timeline import from_micros
from serving.scoring.scorer import Scorer
from serving.store.outbox import DecisionJson, NewDecision, StoredDecision

__all__ = ["decision_json_of", "event_of"]

TYPE, PROPOSED = "decision.changed", "decision.proposed"
"""The second where a person must confirm: what acts on changed decisions by itself does nothing with it."""


def decision_json_of(stored: StoredDecision | None) -> DecisionJson:
    """Give the stored decision of a lead; None: it has none, or was not scored."""
    return None if stored is None else stored.decision


def event_of(
    new: NewDecision, previous: StoredDecision | None, entry: dict[str, Any] | None, scorer: Scorer, now: int
) -> Callable[[int], tuple[str, str]] | None:
    """Give what makes the event of a changed decision."""
    if entry is None:
        return None

    def make(sequence: int) -> tuple[str, str]:
        event_id = f"evt_{uuid.uuid4().hex}"
        data = {
            "lead_id": new.lead_id,
            "sequence": sequence,
            "decision": new.decision,
            "previous": decision_json_of(previous),
            "lead": entry,
            "model": scorer.model,
        }
        moment = from_micros(now).isoformat().replace("+00:00", "Z")
        body = {"type": PROPOSED if scorer.needs_confirmation else TYPE, "timestamp": moment, "data": data}
        return event_id, json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    return make

"""From scores to rows of a list of open leads: which leads are open, and what the list says of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from features.journeys import StageChangeRecord
from features.timeline import DAY_US, before
from features.wording.units import LANGUAGES
from models.answers.decision import decision_json, decision_of
from models.answers.lead_list import ListEntry, list_entries
from models.answers.order_summary import order_summary
from models.answers.reasons import Reason
from models.answers.requests import LeadRequest
from models.answers.risk_set import ENDS
from models.answers.score_changes import Change
from models.bundle import Bundle
from serving.scoring.scorer import Scorer
from serving.store.advices import ShownAdvice, put_advices
from serving.store.open_leads import OpenLead, accounts_of, drop_open_leads, newest_owners, put_open_leads

__all__ = ["CHANGED_US", "REASONS", "entries_of", "is_open", "update_list"]

REASONS = 3
CHANGED_US = 7 * DAY_US
"""The list says what changed since so long ago."""

WITH_SALES = ("mql", "sal")


Pair = tuple[LeadRequest, LeadRequest]
"""A lead now, and as it was known `CHANGED_US` ago."""


def entries_of(bundle: Bundle, leads: Sequence[Pair]) -> tuple[list[ListEntry], dict[str, str]]:
    """Score leads together; where that fails each on its own, so that one which can't be scored is no obstacle to the others.

    Parameters
    ----------
    bundle : Bundle
        The model.
    leads : sequence of Pair
        As `serving.store.reading.read_leads` gives them for both moments.

    Returns
    -------
    entries : list of ListEntry
        Of the leads that were scored, in their order.
    failed : dict of str to str
        The others, to the type of what was raised; never its message, which may be personal.
    """
    if not leads:
        return [], {}
    try:
        return list_entries(bundle, *zip(*leads, strict=True), n_reasons=REASONS), {}
    except Exception as error:  # noqa: BLE001 whatever it is, the other leads are scored
        if len(leads) == 1:
            return [], {leads[0][0].journey.lead_id: type(error).__name__}
    entries, failed = list[ListEntry](), dict[str, str]()
    for lead in leads:
        entry, why = entries_of(bundle, [lead])
        entries += entry
        failed |= why
    return entries, failed


def is_open(entry: ListEntry, lead: LeadRequest, bundle: Bundle) -> bool:
    """Tell whether a lead is one that sales may still work: handed over, not closed, and of the model's population."""
    if entry.score.not_scored not in (None, "too_little_data"):
        return False
    if any(warning.code == "outside_population" for warning in entry.score.warnings):
        return False
    # Older models don't say who is outside of their population
    return bundle.of_customers or _stage(lead, entry.score.snapshot_at) in WITH_SALES


def _stage(lead: LeadRequest, at: int) -> str | None:
    """Give the newest stage that says where a lead stands with sales; at one instant an end holds over a start."""
    changes = [item for item in lead.journey.stage_changes if item.stage in (*WITH_SALES, *ENDS)]

    def moment(item: StageChangeRecord) -> tuple[int, int, bool]:
        return item.occurred_at, item.recorded_at or item.occurred_at, item.stage in ENDS

    seen = [item for item in changes if not before(at, max(moment(item)[:2]))]
    newest = max(seen, key=moment, default=None)
    return None if newest is None else newest.stage


def update_list(
    connection: Any, scorer: Scorer, leads: Mapping[str, LeadRequest], entries: Sequence[ListEntry]
) -> None:
    """Bring a model's list up to date: open leads are written, all others taken off.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.write`.
    scorer : Scorer
        The model that scored, with the price of its last slot.
    leads : mapping of str to LeadRequest
        Of at least the entries.
    entries : sequence of ListEntry
    """
    model = scorer.served_as
    open_entries = [entry for entry in entries if is_open(entry, leads[entry.score.lead_id], scorer.bundle)]
    names = [entry.score.lead_id for entry in open_entries]
    owners, accounts = newest_owners(connection, names), accounts_of(connection, names)
    rows = [
        _open_lead(entry, leads[name], accounts.get(name), owners.get(name), scorer)
        for name, entry in zip(names, open_entries, strict=True)
    ]
    put_open_leads(connection, rows)
    put_advices(connection, model, [_shown(row) for row in rows if row.advice is not None])
    drop_open_leads(connection, sorted({entry.score.lead_id for entry in entries} - {*names}), model)


def _open_lead(
    entry: ListEntry,
    lead: LeadRequest,
    account_id: str | None,
    owner: str | None,
    scorer: Scorer,
) -> OpenLead:
    bundle = scorer.bundle
    score, at = entry.score, entry.score.snapshot_at
    seen = [item for item in lead.journey.touchpoints if before(item.occurred_at, at)]
    last = max(seen, key=lambda item: item.occurred_at, default=None)
    change = next(iter(entry.changes.values()), None)
    decisions = {language: decision_of(score, bundle, language, scorer.price) for language in LANGUAGES}
    decision = decision_json(decisions["en"])
    details: dict[str, Any] = {
        "reasons": {language: [_reason(item) for item in reasons] for language, reasons in entry.reasons.items()},
        "change": {language: _change(item) for language, item in entry.changes.items()},
        "probability_before": None if change is None else change.probability_before,
        "decision": decision,
        "advice": {language: item.text for language, item in decisions.items() if item is not None},
        "warnings": [warning.code for warning in score.warnings],
        "last_touchpoint": None if last is None else {"channel": last.channel, "asset": last.asset},
    }
    if bundle.of_customers:
        bought = order_summary(lead.orders, at)
        details["orders"] = None if bought is None else asdict(bought)
    return OpenLead(
        lead_id=score.lead_id,
        account_id=account_id,
        owner=owner,
        stage=_stage(lead, at),
        probability=score.probability,
        low=score.low,
        high=score.high,
        tier=score.tier,
        not_scored=score.not_scored,
        within_capacity=None if decision is None else decision["within_capacity"],
        advice=None if decision is None else decision["advice"],
        chance_now=None if decision is None or decision["if_now"] is None else decision["if_now"]["probability"],
        probability_before=details["probability_before"],
        last_touchpoint_at=None if last is None else last.occurred_at,
        last_touchpoint=None if last is None else last.kind,
        snapshot_at=at,
        details=details,
        model=scorer.served_as,
    )


def _shown(lead: OpenLead) -> ShownAdvice:
    decision = lead.details["decision"]
    waiting = decision["if_waiting"]
    return ShownAdvice(
        lead.lead_id,
        lead.snapshot_at,
        decision["advice"],
        decision["tier"],
        decision["until"],
        lead.chance_now,
        None if waiting is None else waiting["probability"],
        None if decision["trial"] is None else decision["trial"]["propensity"],
    )


def _reason(reason: Reason) -> dict[str, Any]:
    return asdict(reason)


def _change(change: Change) -> dict[str, Any]:
    return {"not_scored": change.not_scored, "reasons": [_reason(item) for item in change.reasons]}

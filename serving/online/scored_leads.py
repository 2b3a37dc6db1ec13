"""What one model makes of leads that are scored again: decisions, list, qualified leads; made first, then written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.answers.decision import decision_of, gist
from models.answers.lead_list import ListEntry
from models.answers.requests import LeadRequest
from models.answers.scoring import Score
from serving.online.decision_events import decision_json_of, event_of
from serving.online.open_leads import CHANGED_US, entries_of, update_list
from serving.online.qualified_leads import qualified_of, update_qualified
from serving.online.store_score import entry_of
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.outbox import NewDecision, StoredDecision, apply_decision, stored_decisions
from serving.store.qualified_leads import QualifiedLead
from serving.store.reading import account_members, read_leads

__all__ = ["ScoredLeads", "score_leads", "write_scored"]

REASONS = 3
OUTSIDE = "outside_population"
"""Why a model that is not the service's first one decides nothing of a lead: it is one of another model's."""


@dataclass(frozen=True)
class ScoredLeads:
    """What a model made of leads, before anything of it is written.

    Attributes
    ----------
    scorer : Scorer
        The model.
    leads : mapping of str to LeadRequest
        As they are known now.
    entries : sequence of ListEntry
    qualified : sequence of QualifiedLead
    decided : sequence of (NewDecision, dict or None)
        With what a webhook says of the lead, where the decision changed and webhooks are sent.
    failed : dict of str to str
        Leads that could not be scored, to the type of what was raised.
    """

    scorer: Scorer
    leads: Mapping[str, LeadRequest]
    entries: Sequence[ListEntry]
    qualified: Sequence[QualifiedLead]
    decided: Sequence[tuple[NewDecision, dict[str, Any] | None]]
    failed: dict[str, str]


def score_leads(
    store: Store, scorer: Scorer, lead_ids: Sequence[str], now: int, *, is_first: bool, tells: bool
) -> ScoredLeads:
    """Score leads, with their colleagues where the model looks at them.

    Parameters
    ----------
    store : Store
    scorer : Scorer
        The model, with the price of its last slot.
    lead_ids : sequence of str
    now : int
        UTC microseconds.
    is_first : bool
        It is the service's first model, which decides of every lead; others do so of leads of their population alone.
    tells : bool
        Webhooks are sent about changed decisions.
    """
    leads, earlier, stored, failed = _read(store, scorer, lead_ids, now)
    entries, unscored = entries_of(scorer.bundle, [(lead, earlier[lead_id]) for lead_id, lead in leads.items()])
    with store.read() as connection:
        qualified = qualified_of(connection, scorer, leads, entries, now)
    decided, unwritten = _decide(entries, leads, stored, scorer, now, is_first=is_first, tells=tells)
    return ScoredLeads(scorer, leads, entries, qualified, decided, {**failed, **unscored, **unwritten})


def write_scored(connection: Any, scored: ScoredLeads, now: int, *, tells: bool) -> set[str]:
    """Write decisions, with the webhooks about those that changed, and bring the list up to date.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.run`.
    scored : ScoredLeads
        As `score_leads` gave it.
    now, tells
        As for `score_leads`.

    Returns
    -------
    set of str
        Leads whose decision another process changed meanwhile: nothing of them was written, they must be scored again.
    """
    scorer, kept, again = scored.scorer, set[str](), set[str]()
    model = scorer.served_as
    stored = stored_decisions(connection, model, [item.lead_id for item, _ in scored.decided], lock=True)
    for item, entry in scored.decided:
        previous = stored.get(item.lead_id)
        if item.decision != decision_json_of(previous) and entry is None and tells:
            again.add(item.lead_id)
            continue
        apply_decision(connection, model, item, previous, now, event_of(item, previous, entry, scorer, now))
        if previous is None or previous.decided_at <= item.decided_at:
            kept.add(item.lead_id)
    newest = [item for item in scored.entries if item.score.lead_id in kept]
    update_list(connection, scorer, scored.leads, newest)
    update_qualified(connection, scorer, [lead for lead in scored.qualified if lead.lead_id in kept], newest)
    return again


def _read(
    store: Store, scorer: Scorer, lead_ids: Sequence[str], now: int
) -> tuple[dict[str, LeadRequest], dict[str, LeadRequest], dict[str, StoredDecision], dict[str, str]]:
    catalog = scorer.bundle.catalog
    with store.read() as connection:
        everyone = dict.fromkeys(lead_ids)
        if "account" in catalog.params.groups:  # what one does is news of its colleagues, too
            everyone |= {other: None for lead_id in lead_ids for other in account_members(connection, lead_id)}
        leads, failed = read_leads(connection, list(everyone), catalog, now)
        earlier, failed_then = read_leads(connection, list(leads), catalog, now, now - CHANGED_US)
        marked = scorer.marked([lead for lead_id, lead in leads.items() if lead_id in earlier])
        leads = {lead.journey.lead_id: lead for lead in marked}
        stored = stored_decisions(connection, scorer.served_as, list(everyone))
        return leads, earlier, stored, {**failed, **failed_then}


def _decide(
    entries: Sequence[ListEntry],
    leads: Mapping[str, LeadRequest],
    stored: Mapping[str, StoredDecision],
    scorer: Scorer,
    now: int,
    *,
    is_first: bool,
    tells: bool,
) -> tuple[list[tuple[NewDecision, dict[str, Any] | None]], dict[str, str]]:
    """Give the decisions, with what a webhook says of those that changed, and what failed."""
    decided, failed = [], dict[str, str]()
    for score in (entry.score for entry in entries):
        is_ours = is_first or not _is_outside(score)
        decision = gist(decision_of(score, scorer.bundle, stored=scorer.price)) if is_ours else None
        not_scored, entry = (score.not_scored if is_ours else score.not_scored or OUTSIDE), None
        try:
            if tells and decision != decision_json_of(stored.get(score.lead_id)):
                entry = entry_of(scorer, leads[score.lead_id], "en", REASONS, now, shown="webhook")
                # What can't be written as JSON fails here, for this lead alone
                json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()
            decided.append((NewDecision(score.lead_id, decision, not_scored, score.snapshot_at), entry))
        except Exception as error:  # noqa: BLE001 whatever it is, the other leads are scored
            failed[score.lead_id] = type(error).__name__
    return decided, failed


def _is_outside(score: Score) -> bool:
    return any(warning.code == OUTSIDE for warning in score.warnings)

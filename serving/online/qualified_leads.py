"""From leads that became qualified to rows that open leads are compared with: as they were known at several ages before."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.timeline import DAY_US
from models.answers.lead_list import ListEntry
from models.answers.requests import LeadRequest
from models.answers.similar_leads import AGES_DAYS, profiles
from serving.scoring.scorer import Scorer
from serving.store.qualified_leads import QUALIFIED, QualifiedLead, drop_qualified, put_qualified
from serving.store.reading import read_lead

__all__ = ["handed_over_at", "qualified_of", "update_qualified"]

WON = ("sales_qualified", "customer")


def handed_over_at(lead: LeadRequest, until: int) -> int | None:
    """Give the last moment up to `until` at which a lead became marketing-qualified; None: it never did."""
    moments = [item.occurred_at for item in lead.journey.stage_changes if item.stage == "mql"]
    return max((at for at in moments if at <= until), default=None)


def qualified_of(
    connection: Any,
    scorer: Scorer,
    leads: Mapping[str, LeadRequest],
    entries: Sequence[ListEntry],
    now: int,
) -> list[QualifiedLead]:
    """Look back at the leads among `entries` that are qualified.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.read`.
    scorer : Scorer
        The model.
    leads : mapping of str to LeadRequest
        As they are known now, of at least the entries.
    entries : sequence of ListEntry
        As they were just scored.
    now : int
        UTC microseconds.

    Returns
    -------
    list of QualifiedLead
        Without profiles where a lead was never handed over, or nothing was known of it before.
    """
    names = [entry.score.lead_id for entry in entries if entry.score.not_scored == QUALIFIED]
    return [_looked_back(connection, scorer, leads[name], now) for name in names]


def _looked_back(connection: Any, scorer: Scorer, lead: LeadRequest, now: int) -> QualifiedLead:
    lead_id = lead.journey.lead_id
    won = [item.occurred_at for item in lead.journey.stage_changes if item.stage in WON]
    # The first verdict after the last hand-over
    begin = handed_over_at(lead, max(won, default=now))
    end = min((at for at in won if begin is None or at >= begin), default=now)
    moments = []
    for age in AGES_DAYS if begin is not None else ():
        at = (begin or 0) + int(age * DAY_US)
        then = read_lead(connection, lead_id, scorer.bundle.catalog, now, at) if at < end else None
        if then is not None:
            moments.append((float(age), then))
    seen = profiles(scorer.bundle, moments) if moments else ()
    return QualifiedLead(lead_id, scorer.served_as, scorer.model_key, end if begin is None else begin, end, seen)


def update_qualified(
    connection: Any, scorer: Scorer, qualified: Sequence[QualifiedLead], entries: Sequence[ListEntry]
) -> None:
    """Write the leads that are qualified, and take out those that are not, or no more.

    Parameters
    ----------
    connection : Connection
        In a transaction of `Store.run`.
    scorer : Scorer
        The model that scored.
    qualified : sequence of QualifiedLead
        As `qualified_of` gave them.
    entries : sequence of ListEntry
        All that were scored.
    """
    put_qualified(connection, qualified)
    drop_qualified(
        connection,
        scorer.served_as,
        sorted({entry.score.lead_id for entry in entries} - {lead.lead_id for lead in qualified}),
    )

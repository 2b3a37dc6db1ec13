"""Scores from the online store: the same function, of the same request, as when the whole journey is sent."""

from collections.abc import Mapping
from typing import Any

from models.answers.requests import LeadRequest
from models.answers.requests.fields import shown
from models.answers.scoring import score_requests
from serving.contract.errors import RequestError
from serving.contract.events import ScoreQuery
from serving.contract.validation import read_envelope
from serving.scoring.scorer import Scorer, with_future_warning
from serving.store.connect import Store
from serving.store.merging import merged_into
from serving.store.reading import read_lead

__all__ = ["entry_of", "score_lead"]


def score_lead(store: Store, scorer: Scorer, lead_id: str, query: Mapping[str, str], now: int) -> dict[str, Any]:
    """Score one lead from what the store holds of it.

    Parameters
    ----------
    store : Store
        The events so far.
    scorer : Scorer
        The model.
    lead_id : str
        The lead.
    query : mapping of str to str
        ``language``, ``reasons`` and ``snapshot_at``, as in ``POST /score``; ``model`` was read by the caller.
    now : int
        UTC microseconds; the snapshot where none is asked for.

    Returns
    -------
    dict
        As `serving.contract.events.LeadScore`.

    Raises
    ------
    RequestError
        404 for a lead that nothing is known of, or that became part of another one, 422 for a query that is wrong.
    StoreUnavailableError
        The store does not answer.
    """
    language, reasons, snapshot_at = _read_query(query)
    lead = None
    if "\0" not in lead_id:  # such an id was never accepted, and PostgreSQL can't be asked for it
        with store.read() as connection:
            lead = read_lead(connection, lead_id, scorer.bundle.catalog, now, snapshot_at)
            remains = merged_into(connection, lead_id) if lead is None else None
        if remains is not None:
            message = f"this lead became part of {shown(remains)}."
            raise RequestError(404, "merged_lead", message, "lead_id", "Ask for the lead that remains.")
    if lead is None:
        message = "nothing is known of this lead: no touchpoint, stage change, outcome or attribute was accepted."
        hint = "Check the lead_id, or send it by POST /leads or POST /touchpoints first."
        raise RequestError(404, "unknown_lead", message, "lead_id", hint)
    return {"lead": entry_of(scorer, lead, language, reasons, now, answered=True), "model": scorer.model}


def entry_of(
    scorer: Scorer, lead: LeadRequest, language: str, reasons: int, now: int, *, answered: bool = False, shown: str = ""
) -> dict[str, Any]:
    """Score a lead at `now`, or at another moment, and write its entry with the decision.

    Parameters
    ----------
    scorer : Scorer
        The model.
    lead : LeadRequest
        What is known of it, read for this model: nothing that is stored makes scoring fail.
    language, reasons : str, int
        As in ``POST /score``.
    now : int
        UTC microseconds.
    answered : bool
        It answers a request: the score is counted and logged as in ``POST /score``.
    shown : str
        Where else the score is seen, an origin of `models.monitoring.score_log.SHOWN`: it is logged, so that it can be computed
        again.
    """
    (lead,) = scorer.marked([lead])
    (score,) = score_requests(
        scorer.bundle,
        [lead],
        n_reasons=reasons,
        language=language,
        explain=reasons > 0,
        debug=bool(answered or shown) and scorer.log is not None,
    )
    score = with_future_warning(score, "snapshot_at", now, language)
    entry = scorer.entry(score, None, language)
    if answered:
        scorer.record(now, [lead], [score], [entry["decision"]])
    elif shown and scorer.log is not None:
        scorer.log.add(now, [score], [lead.touchpoint_ids], shown, [entry["decision"]])
    return entry


def _read_query(query: Mapping[str, str]) -> tuple[str, int, int | None]:
    reasons = query.get("reasons", "")
    # int() would take "1_0" and other scripts' digits
    number = {"reasons": int(reasons)} if reasons.isascii() and reasons.isdecimal() and len(reasons) < 5 else {}
    if " " in query.get("snapshot_at", ""):
        hint = "In an address, write the + of an offset as %2B, or send UTC with Z."
        raise RequestError(422, "invalid_time", f"snapshot_at holds a blank. {hint}", "snapshot_at", hint)
    options = read_envelope({**query, **number}, ScoreQuery, "language")
    return options.language, options.reasons, options.snapshot_at

"""The price of a slot over the queue that was just scored, and the advice of its leads against it."""

from typing import Any

import numpy as np
import pandas as pd

from features.timeline import to_micros
from models.answers.contact import Contact
from models.answers.decision import decision_of
from models.answers.scoring import Score
from models.answers.slot_price import SlotPrice, price_of_queue
from models.answers.warnings import OLD_SLOT_PRICE
from models.bundle import Bundle

__all__ = ["with_price_of_queue"]

READY, HELD = ("hand_over_now", "later"), "wait_until"


def with_price_of_queue(scores: pd.DataFrame, bundle: Bundle, language: str) -> tuple[pd.DataFrame, SlotPrice | None]:
    """Work out what the last slot of a week goes for, and decide about `later` against it.

    Parameters
    ----------
    scores : DataFrame
        As `pipeline.scoring.rows.SCORES`: the whole queue at one moment.
    bundle : Bundle
        The model that scored.
    language : {"en", "de"}
        Of the advice.

    Returns
    -------
    scores : DataFrame
        With the advice against this price.
    price : SlotPrice or None
        None: the model knows nothing of timing, or nobody waits.
    """
    queue = scores[scores["advice"].isin([*READY, HELD])]
    if queue.empty:
        return scores, None
    at = int(to_micros(pd.Timestamp(queue["snapshot_at"].max()).to_pydatetime(), "snapshot_at"))
    price = price_of_queue(queue["if_now"].tolist(), (queue["advice"] == HELD).tolist(), bundle, at)
    if price is None:
        return scores, None
    anew = scores.copy()
    waits = queue.index[queue["advice"].isin(READY)]
    rows: list[Any] = list(queue.loc[waits].itertuples(index=False))
    decisions = [decision_of(_score_of(row), bundle, language, price) for row in rows]
    told = [(item.advice, item.text) if item is not None else (None, None) for item in decisions]
    anew.loc[waits, ["advice", "advice_text"]] = np.array(told, dtype=object).reshape(-1, 2)
    priced = anew["slot_price"].notna()
    anew.loc[priced, "slot_price"] = price.value
    anew.loc[priced, "warnings"] = [_without_old_price(text) for text in anew.loc[priced, "warnings"]]
    return anew, price


def _score_of(row: Any) -> Score:
    """Read what a decision needs back from a row of a lead that is not held."""
    contact = Contact(
        None,
        (row.if_now, row.if_now_low, row.if_now_high),
        (row.if_waiting, row.if_waiting_low, row.if_waiting_high),
        int(row.waiting_days),
    )
    at = to_micros(pd.Timestamp(row.snapshot_at).to_pydatetime(), "snapshot_at")
    return Score(row.lead_id, at, row.probability, row.low, row.high, row.tier, contact=contact)


def _without_old_price(codes: str) -> str:
    return ";".join(code for code in codes.split(";") if code != OLD_SLOT_PRICE)

"""Rows of journeys from a request's records."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from features.errors import JourneyError
from features.journeys_order import Coded, Membership, Rows
from features.records import (
    CREATED,
    MAX_VALUE,
    MICRO_UNITS,
    MQL,
    ORDER,
    STAGE_PREFIX,
    LeadJourney,
    OrderRecord,
    plain_value_and_by,
    value_error,
)
from features.timeline import ALWAYS, seen_at_once
from features.vocabulary import BY, CODED_FIELDS, optional_text_fields

__all__ = ["code_column", "distinct_ids", "order_rows", "record_rows", "without_accounts"]


_SYSTEM = BY.index("system")
_TEXTS = optional_text_fields()
_texts_of = attrgetter(*_TEXTS)


def record_rows(leads: Sequence[LeadJourney]) -> Rows:
    """Give the rows of leads' touchpoints, stage changes and creations, by lead; `Rows.lead` are positions in `leads`.

    Raises
    ------
    JourneyError
        A value is not finite or too large, or `by` is unknown.
    """
    nothing = (None,) * len(_TEXTS)
    rows: list[tuple[Any, ...]] = []
    for position, lead in enumerate(leads):
        for index, item in enumerate(lead.touchpoints):
            value, by = plain_value_and_by(item, lead.lead_id, index)
            recorded = item.occurred_at if item.recorded_at is None else item.recorded_at
            rows.append(
                (position, item.occurred_at, recorded, item.kind, *_texts_of(item), value, by, item.touchpoint_id)
            )
        for change in lead.stage_changes:
            recorded = change.occurred_at if change.recorded_at is None else change.recorded_at
            moments = (change.occurred_at, recorded)
            if change.stage == MQL:
                moments = (seen_at_once(change.occurred_at), seen_at_once(recorded))
            rows.append((position, *moments, STAGE_PREFIX + change.stage, *nothing, 0, _SYSTEM, None))
        if lead.created_at is not None:
            seen = seen_at_once(lead.created_at)
            rows.append((position, seen, seen, CREATED, *nothing, 0, _SYSTEM, None))
    return _in_columns(rows)


def order_rows(orders: Mapping[str, Sequence[OrderRecord]], account_ids: tuple[str, ...]) -> Rows:
    """Give the rows of accounts' orders as touchpoints; `Rows.lead` are positions in `account_ids`."""
    rows: list[tuple[Any, ...]] = []
    for position, account_id in enumerate(account_ids):
        for index, item in enumerate(orders.get(account_id, ())):
            amount = 0.0 if item.amount is None else float(item.amount)
            if not abs(amount) <= MAX_VALUE:
                raise value_error(amount, f"order {index} of account {account_id!r}", f"orders[{index}].amount")
            micro_units = round(amount * MICRO_UNITS)
            moments = (item.ordered_at, item.ordered_at)
            texts = (item.product if name == "asset" else None for name in _TEXTS)
            rows.append((position, *moments, ORDER, *texts, micro_units, _SYSTEM, None))
    return _in_columns(rows)


def _in_columns(rows: list[tuple[Any, ...]]) -> Rows:
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(CODED_FIELDS) + 6)
    lead, occurred, recorded, *texts, value, by, ids = columns
    return Rows(
        np.array(lead, dtype=np.int64),
        np.array(occurred, dtype=np.int64),
        np.array(recorded, dtype=np.int64),
        {name: code_column(column) for name, column in zip(CODED_FIELDS, texts, strict=True)},
        np.array(value, dtype=np.int64),
        np.array(by, dtype=np.int8),
        code_column(ids).codes.take,
    )


def without_accounts(leads: int) -> Membership:
    """Make the membership of leads without accounts, such as accounts' own journeys."""
    nothing = np.full(leads, -1, dtype=np.int32)
    return Membership(nothing.astype(np.int64), (), Coded(nothing, ()), np.full(leads, ALWAYS, dtype=np.int64))


def distinct_ids(lead_ids: Sequence[str]) -> tuple[str, ...]:
    """Give lead ids as a tuple, and refuse those that are given twice."""
    ids = tuple(lead_ids)
    if len(set(ids)) != len(ids):
        twice = next(lead_id for index, lead_id in enumerate(ids) if lead_id in ids[:index])
        raise JourneyError(
            f"lead {twice!r} is given twice. Give each lead once, with all its touchpoints.", field="lead_id"
        )
    return ids


def code_column(column: Sequence[str | None]) -> Coded:
    """Encode a short column. Sorting text by code points is sorting it by UTF-8 bytes."""
    values = tuple(sorted({value for value in column if value is not None}))
    codes: dict[str | None, int] = {value: code for code, value in enumerate(values)}
    codes[None] = -1
    return Coded(np.array([codes[value] for value in column], dtype=np.int32), values)

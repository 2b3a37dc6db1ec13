"""What leads did, in time order, coded by content and channel: flat arrays that personas, behaviour and channels share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from features.journeys import CREATED, STAGE_PREFIX, Journeys, TouchpointRecord
from features.params import SelectorParams
from features.vocabulary import BY
from models.answers.open_questions import OPEN_QUESTIONS, open_questions
from pipeline.matrix.account_batches import account_batches
from pipeline.matrix.feature_rows import journeys_of
from pipeline.sales_funnel.journey_contents import Contents
from pipeline.tables.parquet import read_table

__all__ = ["JourneyPaths", "Visits", "parts_of_looks", "read_paths", "visits_between"]

QUESTIONS = tuple(OPEN_QUESTIONS)
AT_ONCE = 4_000_000
"""Touchpoints that are looked at together: what bounds memory."""
READ_AT_ONCE = 2_000_000
"""Touchpoints that are read together, with all their fields: about 250 bytes for each."""
ROWS: Mapping[str, type[np.generic]] = {
    "occurred_at": np.int64,
    "known_at": np.int64,
    "content": np.int32,
    "channel": np.int16,
    "question": np.int8,
}
"""What is kept of each touchpoint while reading."""


@dataclass(frozen=True, eq=False)
class JourneyPaths:
    """The touchpoints of leads, and sales' own apart from them; those of lead i are ``offsets[i]:offsets[i + 1]``.

    Attributes
    ----------
    lead_ids : ndarray of object [leads]
        Leads of one account stand together.
    group : ndarray of int64 [leads]
        Ascending from 0: one number per account, or per lead without one.
    offsets : ndarray of int64 [leads + 1]
        Row ranges.
    occurred_at : ndarray of int64 [rows]
        UTC microseconds, in time order within a lead.
    known_at : ndarray of int64 [rows]
        When both the touchpoint and its record lay in the past: a moment sees those known before it.
    content, channel, question : ndarray of int16, int16, int8 [rows]
        Codes into `contents`, `channels`, `OPEN_QUESTIONS`; -1: none.
    contents : tuple of str
        Selectors' names and kinds that no selector but `all` picks, some with a group of pages: `page_view:blog`.
    channels : tuple of str
    campaigns : tuple of str
    drawn_by : ndarray of int16 [leads]
        Campaign of the first touchpoint that names one, code into `campaigns`; -1: none.
    sales_lead, sales_at : ndarray of int64 [sales' touchpoints]
        Lead, and moment in UTC microseconds.
    """

    lead_ids: np.ndarray
    group: np.ndarray
    offsets: np.ndarray
    occurred_at: np.ndarray
    known_at: np.ndarray
    content: np.ndarray
    channel: np.ndarray
    question: np.ndarray
    contents: tuple[str, ...]
    channels: tuple[str, ...]
    campaigns: tuple[str, ...]
    drawn_by: np.ndarray
    sales_lead: np.ndarray
    sales_at: np.ndarray

    def __len__(self) -> int:
        """Count the leads."""
        return len(self.lead_ids)


@dataclass(frozen=True, eq=False)
class Visits:
    """Touchpoints of looks, in the order of looks and of time: each row is one touchpoint that one look sees.

    Attributes
    ----------
    look : ndarray of int64 [rows]
        Position of the look.
    row : ndarray of int64 [rows]
        Position in the arrays of `JourneyPaths`.
    """

    look: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        """Count the touchpoints."""
        return len(self.row)


class _Codes:
    """Numbers for names, in the order in which they are met."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    def many(self, names: tuple[str, ...]) -> np.ndarray:
        """Give the code of each name; the last element is that of a missing one, so that code -1 finds it."""
        return np.array([*(self.of.setdefault(name, len(self.of)) for name in names), -1], dtype=np.int16)


def read_paths(canonical: Path, selectors: Mapping[str, SelectorParams]) -> JourneyPaths:
    """Read all leads' touchpoints, some accounts at a time.

    A touchpoint's content is the narrowest selector that picks it: the one that names the most fields, of several the first.
    One that only `all` picks is called by its kind. Where only the kind says so, frequent groups of pages are contents of their
    own, see `journey_contents`. Memory: about 25 bytes per touchpoint, and one batch. The columns are filled in place: joined
    from parts they would be there twice.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    selectors : mapping of str to SelectorParams
        Those of `features.selectors`.
    """
    leads = read_table(canonical / "leads.parquet", "leads")["lead_id"].combine_chunks()
    path = canonical / "touchpoints.parquet"
    most = pq.read_metadata(path).num_rows if path.exists() else 0
    rows = {name: np.empty(most, dtype=kind) for name, kind in ROWS.items()}
    contents, channels = Contents(selectors), _Codes()
    questions: dict[str, int] = {}
    parts: dict[str, list[np.ndarray]] = {}
    campaigns = _Codes()
    ids: list[str] = []
    groups = read = 0
    for batch in account_batches(canonical, leads, READ_AT_ONCE, beside=()):
        journeys = journeys_of(batch.tables, batch.lead_ids)
        part = _reduced(journeys, (contents, channels, campaigns), questions)
        part["sales_lead"] += len(ids)
        part["group"] += groups
        groups = int(part["group"][-1]) + 1 if len(batch.lead_ids) else groups
        ids.extend(batch.lead_ids)
        until = read + len(part["content"])
        for name, column in rows.items():
            column[read:until] = part.pop(name)
        read = until
        for name, values in part.items():
            parts.setdefault(name, []).append(values)
    if not parts:
        raise ValueError(f"{canonical}: no leads. Run `dvc repro ingest`, which makes them.")
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    joined |= {name: column[:read] for name, column in rows.items()}  # untouched pages of the rest take no memory
    del rows
    sizes = joined.pop("size")
    joined["content"], used = contents.settle(joined["content"])
    return JourneyPaths(
        lead_ids=np.array(ids, dtype=object),
        offsets=np.concatenate(([0], np.cumsum(sizes))),
        contents=used,
        channels=tuple(channels.of),
        campaigns=tuple(campaigns.of),
        **joined,
    )


def _reduced(
    journeys: Journeys, codes: tuple[Contents, _Codes, _Codes], questions: dict[str, int]
) -> dict[str, np.ndarray]:
    contents, channels, campaigns = codes
    lead = np.repeat(np.arange(len(journeys)), np.diff(journeys.offsets))
    by_sales = journeys.by == BY.index("sales")
    system = np.array([kind == CREATED or kind.startswith(STAGE_PREFIX) for kind in journeys.kinds], dtype=np.bool_)
    own = np.flatnonzero((journeys.by == BY.index("lead")) & ~system[journeys.kind])
    sales = np.flatnonzero(by_sales)
    alone = journeys.account < 0
    new = np.ones(len(journeys), dtype=np.bool_)
    new[1:] = alone[1:] | alone[:-1] | (journeys.account[1:] != journeys.account[:-1])
    campaign = campaigns.many(journeys.campaigns)[journeys.campaign[own]]
    named = np.flatnonzero(campaign >= 0)
    drawn, first = np.unique(lead[own][named], return_index=True)
    drawn_by = np.full(len(journeys), -1, dtype=np.int16)
    drawn_by[drawn] = campaign[named[first]]
    return {
        "group": np.cumsum(new) - 1,
        "drawn_by": drawn_by,
        "size": np.bincount(lead[own], minlength=len(journeys)),
        "occurred_at": journeys.occurred_at[own],
        "known_at": np.maximum(journeys.occurred_at[own], journeys.recorded_at[own]),
        "content": contents.of(journeys, own),
        "channel": channels.many(journeys.channels)[journeys.channel[own]],
        "question": _questions(journeys, own, questions),
        "sales_lead": lead[sales],
        "sales_at": journeys.occurred_at[sales],
    }


def _questions(journeys: Journeys, rows: np.ndarray, known: dict[str, int]) -> np.ndarray:
    """Give the open question that each touchpoint's page stands for, by its asset, else its campaign."""

    def codes(texts: tuple[str, ...]) -> np.ndarray:
        for text in texts:
            if text not in known:
                named = open_questions([TouchpointRecord("", 0, asset=text)])
                known[text] = QUESTIONS.index(named[0]) if named else -1
        return np.array([*(known[text] for text in texts), -1], dtype=np.int8)

    asset = journeys.asset[rows]
    campaign = codes(journeys.campaigns)[journeys.campaign[rows]]
    return np.asarray(np.where(asset >= 0, codes(journeys.assets)[asset], campaign))


def parts_of_looks(
    paths: JourneyPaths, lead: np.ndarray, *, whole_account: bool = False, most: int = AT_ONCE
) -> Iterator[slice]:
    """Cut looks into ranges whose leads have at most `most` touchpoints together, or one look.

    Parameters
    ----------
    paths : JourneyPaths
    lead : ndarray of int64 [looks]
        Position of the lead.
    whole_account : bool
        As for `visits_between`.
    most : int
    """
    first, last = _leads_seen(paths, lead, whole_account)
    total = np.concatenate(([0], np.cumsum(paths.offsets[last] - paths.offsets[first])))
    begin = 0
    while begin < len(lead):
        end = max(int(np.searchsorted(total, total[begin] + most, side="right")) - 1, begin + 1)
        yield slice(begin, end)
        begin = end


def _leads_seen(paths: JourneyPaths, lead: np.ndarray, whole_account: bool) -> tuple[np.ndarray, np.ndarray]:
    if not whole_account:
        return lead, lead + 1
    group = paths.group[lead]
    return np.searchsorted(paths.group, group, side="left"), np.searchsorted(paths.group, group, side="right")


def visits_between(
    paths: JourneyPaths, lead: np.ndarray, since: np.ndarray, until: np.ndarray, *, whole_account: bool = False
) -> Visits:
    """List the touchpoints that looks at leads see: those in [since, until) that were also recorded before `until`.

    Parameters
    ----------
    paths : JourneyPaths
    lead : ndarray of int64 [looks]
        Position of the lead.
    since, until : ndarray of int64 [looks]
        UTC microseconds.
    whole_account : bool
        Take the touchpoints of all leads of its account, its own included, instead of its own alone.
    """
    first, last = _leads_seen(paths, lead, whole_account)
    begin, end = paths.offsets[first], paths.offsets[last]
    count = end - begin
    look = np.repeat(np.arange(len(lead)), count)
    row = np.arange(len(look)) + np.repeat(begin - (np.cumsum(count) - count), count)
    seen = (paths.occurred_at[row] >= since[look]) & (paths.known_at[row] < until[look])
    return Visits(look[seen], row[seen])

"""Candidate patterns of behaviour: what was done before a landmark, in which order, what changed, what colleagues did."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from features.timeline import DAY_US
from pipeline.sales_funnel.first_mqls import FirstMqls
from pipeline.sales_funnel.journey_paths import JourneyPaths, parts_of_looks, visits_between

__all__ = ["LANDMARK_DAYS", "Exposure", "Looks", "Pattern", "exposures", "lay_looks", "topics_for_patterns"]

LANDMARK_DAYS = (0, 7, 14, 28, 56)
"""Days since the MQL moment at which leads that nobody has contacted yet are compared."""
WINDOW_DAYS = 28
RECENT_DAYS = 7
PAUSE_DAYS = 14
MORE = 2.0
"""So many times the pace of the weeks before is more."""
MOST_CONTENTS = 24

Kind = Literal["did", "recently", "sequence", "more", "returned", "colleague", "colleagues_active"]


class Pattern(NamedTuple):
    """One pattern in the window before a landmark.

    Attributes
    ----------
    kind : str
        ``did`` a content within 28 days, ``recently``: within 7; ``sequence``: one content and later another within 28 days;
        ``more``: in the last 7 days at least twice the pace of the three weeks before, at least 3 touchpoints; ``returned``: a
        pause of 14 days or more and a touchpoint within the last 7 days; ``colleague``: another lead of the account did it
        within 28 days; ``colleagues_active``: another lead of the account did anything.
    first, then : str
        Contents; empty where the kind has none.
    """

    kind: Kind
    first: str = ""
    then: str = ""

    @property
    def days(self) -> int:
        """The window before the landmark."""
        return RECENT_DAYS if self.kind in ("recently", "more", "returned") else WINDOW_DAYS


class Looks(NamedTuple):
    """Looks at leads that are at risk and that sales has not contacted; sorted by account.

    Attributes
    ----------
    mql : ndarray of int64 [looks]
        Position in `FirstMqls`.
    at : ndarray of int64 [looks]
        UTC microseconds.
    landmark : ndarray of int64 [looks]
        Position in `LANDMARK_DAYS`.
    """

    mql: np.ndarray
    at: np.ndarray
    landmark: np.ndarray


class Exposure(NamedTuple):
    """Which looks show a pattern, and when it was completed.

    Attributes
    ----------
    shows : ndarray of bool [looks]
    completed_at : ndarray of int64 [looks]
        Of those that show it: the touchpoint that completed it.
    """

    shows: np.ndarray
    completed_at: np.ndarray


def lay_looks(paths: JourneyPaths, mqls: FirstMqls) -> Looks:
    """Look at each lead at the landmarks after its MQL moment, as long as nobody contacted it and nothing ended its period."""
    days = np.array(LANDMARK_DAYS, dtype=np.int64) * DAY_US
    at = mqls.mql_at[:, None] + days
    last = np.minimum(np.minimum(mqls.contact_at, mqls.ended_at), mqls.exported_at)
    mql, landmark = np.nonzero(at <= last[:, None])
    order = np.lexsort((landmark, mql, paths.group[mqls.lead[mql]]))
    mql, landmark = mql[order], landmark[order]
    return Looks(mql, at[mql, landmark], landmark)


def topics_for_patterns(paths: JourneyPaths) -> tuple[int, ...]:
    """Choose the most frequent contents: codes."""
    counts = np.bincount(paths.content, minlength=len(paths.contents))
    return tuple(int(code) for code in np.argsort(-counts, kind="stable")[:MOST_CONTENTS] if counts[code])


def exposures(paths: JourneyPaths, lead: np.ndarray, at: np.ndarray) -> Iterator[tuple[Pattern, Exposure]]:
    """Yield every candidate with the looks that show it.

    Only touchpoints of leads count, known before the look; sales' own are not among them, and a look lies before sales' first
    contact.

    Parameters
    ----------
    paths : JourneyPaths
    lead, at : ndarray of int64 [looks]
        Position of the lead, and moment in UTC microseconds.
    """
    topics = topics_for_patterns(paths)
    names = [paths.contents[code] for code in topics]
    first, last = _first_and_last(paths, lead, at, topics, colleagues=False)
    recent = at - RECENT_DAYS * DAY_US
    for place, name in enumerate(names):
        yield Pattern("did", name), Exposure(last[:, place] > 0, last[:, place])
        yield Pattern("recently", name), Exposure(last[:, place] >= recent, last[:, place])
    for one, name in enumerate(names):
        for other, then in enumerate(names):
            if one != other:
                shows = (first[:, one] < last[:, other]) & (last[:, other] > 0)
                yield Pattern("sequence", name, then), Exposure(shows, last[:, other])
    yield from _changes(paths, lead, at)
    _, last = _first_and_last(paths, lead, at, topics, colleagues=True)
    for place, name in enumerate(names):
        yield Pattern("colleague", name), Exposure(last[:, place] > 0, last[:, place])
    newest = last.max(axis=1, initial=0)
    yield Pattern("colleagues_active"), Exposure(newest > 0, newest)


_NONE = np.int64(2**62)


def _first_and_last(
    paths: JourneyPaths, lead: np.ndarray, at: np.ndarray, topics: tuple[int, ...], *, colleagues: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Give the first and the last touchpoint of each topic in the window, in UTC microseconds; 2**62 and 0: none.

    The last column is of all other contents together.
    """
    column = np.full(len(paths.contents), len(topics))
    column[list(topics)] = np.arange(len(topics))
    # A column lies in one piece: each of hundreds of patterns reads two of them
    shape = len(topics) + 1, len(lead)
    first, last = np.full(shape[0] * shape[1], _NONE), np.zeros(shape[0] * shape[1], dtype=np.int64)
    for part in parts_of_looks(paths, lead, whole_account=colleagues):
        visits = visits_between(paths, lead[part], at[part] - WINDOW_DAYS * DAY_US, at[part], whole_account=colleagues)
        look, row = visits.look, visits.row
        if colleagues:
            whose = np.searchsorted(paths.offsets, row, side="right") - 1
            others = whose != lead[part][look]
            look, row = look[others], row[others]
        cell, moment = column[paths.content[row]] * len(lead) + look + part.start, paths.occurred_at[row]
        np.minimum.at(first, cell, moment)
        np.maximum.at(last, cell, moment)
    return first.reshape(shape).T, last.reshape(shape).T


def _changes(paths: JourneyPaths, lead: np.ndarray, at: np.ndarray) -> Iterator[tuple[Pattern, Exposure]]:
    more, returned = np.zeros(len(lead), dtype=np.bool_), np.zeros(len(lead), dtype=np.bool_)
    newest, comeback = np.zeros(len(lead), dtype=np.int64), np.zeros(len(lead), dtype=np.int64)
    back = (WINDOW_DAYS + PAUSE_DAYS) * DAY_US
    for part in parts_of_looks(paths, lead):
        own, moments = lead[part], at[part]
        visits = visits_between(paths, own, moments - back, moments)
        occurred = paths.occurred_at[visits.row]
        age = moments[visits.look] - occurred
        now = np.bincount(visits.look[age <= RECENT_DAYS * DAY_US], minlength=len(own))
        earlier = (age > RECENT_DAYS * DAY_US) & (age <= WINDOW_DAYS * DAY_US)
        pace = np.bincount(visits.look[earlier], minlength=len(own)) * RECENT_DAYS / (WINDOW_DAYS - RECENT_DAYS)
        known = paths.occurred_at[paths.offsets[own]] <= moments - WINDOW_DAYS * DAY_US
        more[part] = known & (now >= 3) & (now >= MORE * pace)
        np.maximum.at(newest, visits.look + part.start, occurred)
        same = np.append(visits.look[1:] == visits.look[:-1], False)
        gap = np.append(np.diff(occurred), 0)
        ends = np.flatnonzero(same & (gap >= PAUSE_DAYS * DAY_US)) + 1
        ends = ends[age[ends] <= RECENT_DAYS * DAY_US]
        returned[visits.look[ends] + part.start] = True
        np.maximum.at(comeback, visits.look[ends] + part.start, occurred[ends])
    yield Pattern("more"), Exposure(more, newest)
    yield Pattern("returned"), Exposure(returned, comeback)

"""Journeys as plain rows, for the analyses of the sales funnel."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from features.timeline import DAY_US
from pipeline.sales_funnel.first_mqls import NEVER, FirstMqls
from pipeline.sales_funnel.journey_paths import JourneyPaths

START = 20_000 * DAY_US


class Step(NamedTuple):
    """One touchpoint: day, content, channel, by how many days it was recorded late."""

    day: float
    content: str
    channel: str | None = "web"
    late: float = 0.0


class Lead(NamedTuple):
    """One lead: its touchpoints, and the days of what became of it; None: never."""

    steps: Sequence[Step]
    account: int
    mql: float | None = None
    contact: float | None = None
    ended: float | None = None
    qualified: float | None = None
    bought: float | None = None


Made = tuple[JourneyPaths, FirstMqls]


def moment(day: float | None) -> int:
    return NEVER if day is None else START + round(day * DAY_US)


def make(leads: Sequence[Lead], exported: float) -> Made:
    """Lay out leads, which must stand by account."""
    accounts = [lead.account for lead in leads]
    assert accounts == sorted(accounts)
    steps = [step for lead in leads for step in sorted(lead.steps)]
    contents = sorted({step.content for step in steps})
    channels = sorted({step.channel for step in steps if step.channel is not None})
    occurred = np.array([moment(step.day) for step in steps], dtype=np.int64)
    paths = JourneyPaths(
        lead_ids=np.array([f"L-{place}" for place in range(len(leads))], dtype=object),
        group=np.unique(accounts, return_inverse=True)[1],
        offsets=np.concatenate(([0], np.cumsum([len(lead.steps) for lead in leads]))),
        occurred_at=occurred,
        known_at=np.array([moment(step.day + step.late) for step in steps], dtype=np.int64),
        content=np.array([contents.index(step.content) for step in steps], dtype=np.int16),
        channel=np.array(
            [-1 if step.channel is None else channels.index(step.channel) for step in steps], dtype=np.int16
        ),
        question=np.full(len(steps), -1, dtype=np.int8),
        contents=tuple(contents),
        channels=tuple(channels),
        campaigns=(),
        drawn_by=np.full(len(leads), -1, dtype=np.int16),
        sales_lead=np.zeros(0, dtype=np.int64),
        sales_at=np.zeros(0, dtype=np.int64),
    )
    mql = [place for place, lead in enumerate(leads) if lead.mql is not None]
    chosen = [leads[place] for place in mql]
    ended = [lead.qualified if lead.ended is None else lead.ended for lead in chosen]
    mqls = FirstMqls(
        lead=np.array(mql, dtype=np.int64),
        mql_at=np.array([moment(lead.mql) for lead in chosen], dtype=np.int64),
        ended_at=np.array([moment(day) for day in ended], dtype=np.int64),
        contact_at=np.array(
            [min(moment(lead.contact), moment(day)) for lead, day in zip(chosen, ended, strict=True)], dtype=np.int64
        ),
        qualified_at=np.array([moment(lead.qualified) for lead in chosen], dtype=np.int64),
        rejected_at=np.full(len(mql), NEVER),
        bought_at=np.array([moment(lead.bought) for lead in chosen], dtype=np.int64),
        bought_by="customer",
        exported_at=moment(exported),
    )
    return paths, mqls


@pytest.fixture(scope="session")
def make_journeys() -> Callable[[Sequence[Lead], float], Made]:
    """Return a function that lays out leads."""
    return make


@pytest.fixture(scope="session")
def step() -> type[Step]:
    """Return the record of a touchpoint."""
    return Step


@pytest.fixture(scope="session")
def lead() -> type[Lead]:
    """Return the record of a lead."""
    return Lead

"""Which stage holds at one instant: the same for the risk periods of training and for what is scored."""

import numpy as np
import pandas as pd
import pytest

from features.compute import Snapshots
from features.journeys import Journeys, LeadJourney, StageChangeRecord
from models.answers.scoring import _not_scored
from pipeline.population.risk_set import mql_periods

DAY = 86_400_000_000
OPEN, QUALIFIED, DISQUALIFIED = "", "already_qualified", "disqualified"

# (stage, occurred on day, recorded on day; None: when it occurred), and what holds afterwards
TIES = [
    ([("mql", 5, None)], OPEN),
    ([("mql", 1, None), ("disqualified", 5, 6), ("mql", 5, 7)], OPEN),
    ([("mql", 1, None), ("disqualified", 5, 7), ("mql", 5, 6)], DISQUALIFIED),
    ([("mql", 1, None), ("disqualified", 5, 6), ("mql", 5, 6)], DISQUALIFIED),  # recorded together: an end holds
    ([("mql", 1, None), ("disqualified", 5, None), ("mql", 5, None)], DISQUALIFIED),
    ([("mql", 5, 6), ("sales_qualified", 5, 7)], QUALIFIED),
    ([("mql", 5, 7), ("sales_qualified", 5, 6)], OPEN),
    ([("mql", 1, None), ("sales_qualified", 5, 6), ("disqualified", 5, 7)], DISQUALIFIED),  # a verdict, corrected
    ([("mql", 1, None), ("disqualified", 5, 6), ("sales_qualified", 5, 7)], QUALIFIED),
    ([("mql", 1, None), ("customer", 5, 8), ("disqualified", 5, 7), ("mql", 5, 6)], QUALIFIED),
    ([("mql", 1, None), ("disqualified", 5, 6), ("sales_qualified", 5, 6)], DISQUALIFIED),  # together: by name
    ([("mql", 1, None), ("disqualified", 5, 9), ("mql", 6, 7)], OPEN),  # another instant: what occurred later
    ([("mql", 1, None), ("sales_qualified", 5, 6), ("mql", 5, 7), ("disqualified", 5, 8)], DISQUALIFIED),
    ([("mql", 1, None), ("disqualified", 5, 5), ("mql", 5, 5.5)], OPEN),
]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("changes", "holds"), TIES)
def test_the_stage_recorded_later_holds(
    changes: list[tuple[str, float, float | None]], holds: str, backwards: bool
) -> None:
    rows = list(reversed(changes)) if backwards else changes
    records = [
        StageChangeRecord(stage, int(occurred * DAY), None if recorded is None else int(recorded * DAY))
        for stage, occurred, recorded in rows
    ]
    journeys = Journeys.from_records([LeadJourney("L", (), records)])
    assert _not_scored(journeys, Snapshots(np.array([0]), np.array([30 * DAY]))) == [holds]

    frame = pd.DataFrame(records).assign(lead_id="L")
    for name in ("occurred_at", "recorded_at"):
        frame[name] = pd.to_datetime(frame[name].astype("Int64"), unit="us", utc=True).astype("datetime64[us, UTC]")
    last = mql_periods(frame, None).iloc[-1]
    ended = "" if last["ended_by"] is None else last["ended_by"]
    assert {"": OPEN, "disqualified": DISQUALIFIED}.get(ended, QUALIFIED) == holds


def test_a_corrected_verdict_is_what_the_period_ended_by() -> None:
    when = pd.to_datetime(["2026-01-01", "2026-01-05", "2026-01-06", "2026-01-07"], utc=True)
    changes = pd.DataFrame({"lead_id": "L", "stage": ["mql", "sales_qualified", "disqualified", "recycled"]})
    changes = changes.assign(occurred_at=when[[0, 1, 1, 1]], recorded_at=when[[0, 1, 3, 2]])
    (row,) = mql_periods(changes, None).to_dict("records")
    assert (row["ended_by"], row["ended_at"]) == ("disqualified", when[1])


def test_periods_without_a_recorded_moment_are_as_they_were() -> None:
    when = pd.to_datetime(["2026-01-01", "2026-01-05", "2026-01-05", "2026-01-05"], utc=True)
    changes = pd.DataFrame(
        {"lead_id": "L", "stage": ["mql", "sales_qualified", "mql", "disqualified"], "occurred_at": when}
    )
    expected = [[0, when[0], when[1], "disqualified"]]
    missing = pd.Series([pd.NaT] * 4, dtype="datetime64[us, UTC]")
    for frame in (changes, changes.assign(recorded_at=missing), changes.assign(recorded_at=when)):
        found = mql_periods(frame, None)[["risk_period", "started_at", "ended_at", "ended_by"]]
        assert found.values.tolist() == expected

"""Visitors at the top of the funnel, and why sales rejects the leads of each group."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sales_funnel.funnel_counts import Horizon, VisitorCount, cut_by
from pipeline.sales_funnel.mql_endings import read_rejections
from pipeline.sales_funnel.visitors import count_visitors

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")
HORIZON = Horizon(10 * DAY, START + 40 * DAY)


def _write(folder: Path, name: str, rows: list[tuple], columns: list[str]) -> None:
    frame = pd.DataFrame(rows, columns=columns)
    times = {name: frame[name].astype("datetime64[us, UTC]") for name in columns if name.endswith("_at")}
    pq.write_table(pa.Table.from_pandas(frame.assign(**times), preserve_index=False), folder / f"{name}.parquet")


def _touchpoints(folder: Path) -> None:
    columns = ["visitor_id", "occurred_at", "kind", "channel", "asset", "campaign"]
    rows = [
        ("V1", START, "page_view", "web", "home", None),
        ("V1", START + DAY, "page_view", "paid", "ebook", "summer"),
        ("V1", START + 2 * DAY, "page_view", "social", "ebook", "winter"),  # the first campaign counts
        ("V2", START + 35 * DAY, "page_view", "paid", "ebook", "summer"),
        ("V3", START + 50 * DAY, "page_view", "social", None, "winter"),  # too late for a rate
        ("V4", START, "page_view", "web", "home", None),
        (None, START, "page_view", "web", "home", "nobody's"),
    ]
    _write(folder, "touchpoints", rows, columns)


def test_visitors_stand_where_their_first_campaign_drew_them(tmp_path: Path) -> None:
    _touchpoints(tmp_path)
    found = count_visitors(tmp_path, HORIZON)
    assert found is not None
    assert found.total == VisitorCount(4, None, 3)  # nobody says who they are
    assert found.by["campaign"] == {
        "summer": VisitorCount(2, None, 2),
        "winter": VisitorCount(1, None, 0),
        None: VisitorCount(1, None, 1),
    }
    assert {name: count.visitors for name, count in found.by["month"].items()} == {"2026-01": 2, "2026-02": 2}
    assert set(found.by) == {"campaign", "channel", "asset", "month"}


def test_a_visitor_counts_as_lead_if_identified_within_the_window(tmp_path: Path) -> None:
    _touchpoints(tmp_path)
    rows = [
        ("V1", START + 10 * DAY, "L1"),  # after exactly ten days: outside of [first visit, first visit + 10 days)
        ("V4", START + 10 * DAY - pd.Timedelta(microseconds=1), "L4"),
        ("V9", START, "L9"),  # whose visits nobody kept
    ]
    _write(tmp_path, "identities", rows, ["visitor_id", "identified_at", "lead_id"])
    found = count_visitors(tmp_path, HORIZON)
    assert found.total == VisitorCount(5, 2, 4)
    assert found.by["campaign"]["summer"] == VisitorCount(2, 0, 2)
    (tmp_path / "touchpoints.parquet").unlink()
    assert count_visitors(tmp_path, HORIZON).total.visitors == 3


@pytest.mark.parametrize("has_column", [True, False])
def test_without_visitors_there_are_none(tmp_path: Path, has_column: bool) -> None:
    columns = ["lead_id", "occurred_at", "campaign"] + (["visitor_id"] if has_column else [])
    _write(tmp_path, "touchpoints", [("L1", START, "summer", None)[: len(columns)]], columns)
    assert count_visitors(tmp_path, HORIZON) is None


def _rows() -> pd.DataFrame:
    never = pd.Series(pd.NaT, range(4), dtype="datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "lead_id": ["L1", "L2", "L3", "L4"],
            "created_at": pd.Series(START, range(4)),
            **dict.fromkeys(("mql", "sal", "sales_qualified", "customer"), never),
            "campaign": ["summer", "summer", "winter", None],
        }
    )


def test_a_campaign_that_drew_visitors_only_is_shown() -> None:
    came = {"autumn": VisitorCount(900, 0, 800), "summer": VisitorCount(50, 2, 40), None: VisitorCount(7, 1, 7)}
    cut = cut_by(_rows(), "campaign", HORIZON, 9, visitors=came)
    steps = {group.value: group.steps for group in cut.groups}
    assert {value: (step.visitors, step.leads) for value, step in steps.items()} == {
        "summer": (50, 2),
        "winter": (0, 1),
        "autumn": (900, 0),
        None: (7, 1),
    }
    assert (steps["summer"].visitor_to_lead.count, steps["summer"].visitor_to_lead.of) == (2, 40)
    small = cut_by(_rows(), "campaign", HORIZON, 1, visitors=came).groups
    assert [(group.value, group.is_rest, group.steps.visitors) for group in small] == [
        ("summer", False, 50),
        (None, True, 900),
        (None, False, 7),
    ]
    assert cut_by(_rows(), "campaign", HORIZON, 9).groups[0].steps.visitors is None


def test_reasons_for_rejection_are_counted_by_group(tmp_path: Path) -> None:
    rows = [
        ("L1", "disqualified", START, "no budget"),
        ("L2", "recycled", START, "no budget"),
        ("L2", "disqualified", START, None),
        ("L3", "disqualified", START, "student"),
        ("L3", "mql", START, "asked for a call"),
        ("L9", "disqualified", START, "student"),  # of nobody's
    ]
    columns = ["lead_id", "stage", "occurred_at", "reason"]
    frame = pd.DataFrame(rows, columns=columns).assign(recorded_at=START, owner=None, team=None)
    schema = pa.schema(
        [
            ("lead_id", pa.string()),
            ("stage", pa.string()),
            ("occurred_at", pa.timestamp("us", "UTC")),
            ("recorded_at", pa.timestamp("us", "UTC")),
            *((name, pa.string()) for name in ("reason", "owner", "team")),
        ]
    )
    pq.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False), tmp_path / "stage_changes.parquet")
    cut = cut_by(_rows(), "campaign", HORIZON, 9, rejections=read_rejections(tmp_path))
    reasons = {group.value: [(why.reason, why.leads) for why in group.reasons] for group in cut.groups}
    assert reasons == {"summer": [("no budget", 2), (None, 1)], "winter": [("student", 1)], None: []}
    assert np.isclose(sum(why.share for why in cut.groups[0].reasons), 1.0)

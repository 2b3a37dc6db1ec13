"""What journeys of the sales funnel see: the narrowest content, the time rule, sales apart."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.journeys import Journeys, LeadJourney, TouchpointRecord
from features.params import SelectorParams
from features.timeline import to_micros
from pipeline.matrix.account_batches import account_batches
from pipeline.sales_funnel import journey_paths
from pipeline.sales_funnel.journey_contents import Contents
from pipeline.sales_funnel.journey_paths import JourneyPaths, read_paths, visits_between
from pipeline.tables.parquet import write_table

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SELECTORS = {
    "all": SelectorParams(),
    "page": SelectorParams(kind=("page_view",)),
    "pricing": SelectorParams(kind=("page_view",), asset=("pricing*",)),
    "calls": SelectorParams(kind=("call",), by=("sales",)),
}


def day(number: float) -> dt.datetime:
    return START + dt.timedelta(days=number)


def micros(number: float) -> int:
    return to_micros(day(number))


@pytest.fixture(scope="module")
def canonical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three leads, two of them of one account."""
    canonical = tmp_path_factory.mktemp("canonical")
    leads = {"lead_id": ["c", "a", "b"], "account_id": [None, "X", "X"], "created_at": [day(0)] * 3}
    write_table(canonical / "leads.parquet", "leads", pa.table(leads))
    rows: list[tuple[Any, ...]] = [
        ("a", 3, 3, "page_view", "web", "pricing/eu", None, "lead"),
        ("a", 1, 1, "page_view", "search", "home", "spring", "lead"),
        ("a", 2, 6, "fax", None, None, None, "lead"),
        ("a", 4, 4, "call", "phone", None, None, "sales"),
        ("b", 2, 2, "page_view", "web", "docs/api", "autumn", "lead"),
        ("c", 5, 5, "call", "phone", None, None, "sales"),
    ]
    lead, occurred, recorded, kind, channel, asset, campaign, by = zip(*rows, strict=True)
    table = {
        "touchpoint_id": [str(place) for place in range(len(rows))],
        "lead_id": lead,
        "occurred_at": [day(number) for number in occurred],
        "recorded_at": [day(number) for number in recorded],
        "kind": kind,
        "channel": channel,
        "asset": asset,
        "campaign": campaign,
        "by": by,
    }
    write_table(canonical / "touchpoints.parquet", "touchpoints", pa.table({k: pa.array(v) for k, v in table.items()}))
    return canonical


@pytest.fixture(scope="module")
def paths(canonical: Path) -> JourneyPaths:
    """Read them."""
    return read_paths(canonical, SELECTORS)


def contents(paths: JourneyPaths, rows: np.ndarray) -> list[str]:
    return [paths.contents[code] for code in paths.content[rows]]


def test_the_narrowest_selector_names_the_content_and_a_kind_that_none_picks_is_itself(paths: JourneyPaths) -> None:
    assert paths.lead_ids.tolist() == ["a", "b", "c"]
    assert paths.group.tolist() == [0, 0, 1]
    assert paths.offsets.tolist() == [0, 3, 4, 4]
    assert contents(paths, np.arange(4)) == ["page:home", "fax", "pricing", "page:docs"]
    assert set(paths.contents) == {"page:home", "page:docs", "pricing", "fax"}, (
        "what sales did, created and stages are no contents"
    )
    assert [None if code < 0 else paths.channels[code] for code in paths.channel] == ["search", None, "web", "web"]


def test_sales_touchpoints_stand_apart(paths: JourneyPaths) -> None:
    assert paths.sales_lead.tolist() == [0, 2]
    assert paths.sales_at.tolist() == [micros(4), micros(5)]


def test_many_parts_give_what_one_gives(canonical: Path, paths: JourneyPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def counted(*arguments: Any, **options: Any) -> Any:
        for batch in account_batches(*arguments, **options):
            read.append(batch.lead_ids)
            yield batch

    monkeypatch.setattr(journey_paths, "account_batches", counted)
    monkeypatch.setattr(journey_paths, "READ_AT_ONCE", 1)
    again = read_paths(canonical, SELECTORS)
    assert read == [["a", "b"], ["c"]]
    for field in dataclasses.fields(JourneyPaths):
        assert list(getattr(again, field.name)) == list(getattr(paths, field.name)), field.name


def test_the_campaign_of_the_first_touchpoint_that_names_one(paths: JourneyPaths) -> None:
    assert [None if code < 0 else paths.campaigns[code] for code in paths.drawn_by] == ["spring", "autumn", None]


def test_open_questions_come_from_pages(paths: JourneyPaths) -> None:
    assert paths.question.tolist() == [-1, -1, 0, 1], "prices: cost; an api: compatibility"


@pytest.mark.parametrize(
    ("since", "until", "seen"),
    [
        (1, 3, ["page:home"]),
        (1, 3.001, ["page:home", "pricing"]),
        (1.001, 6, ["pricing"]),
        (1.001, 6.001, ["fax", "pricing"]),
    ],
)
def test_a_look_sees_what_occurred_since_and_was_recorded_before(
    paths: JourneyPaths, since: float, until: float, seen: list[str]
) -> None:
    visits = visits_between(paths, np.array([0]), np.array([micros(since)]), np.array([micros(until)]))
    assert contents(paths, visits.row) == seen


def test_a_look_at_the_account_sees_colleagues(paths: JourneyPaths) -> None:
    moments = np.array([micros(0), micros(0)]), np.array([micros(2.5), micros(2.5)])
    visits = visits_between(paths, np.array([1, 2]), *moments, whole_account=True)
    assert visits.look.tolist() == [0, 0]
    assert contents(paths, visits.row) == ["page:home", "page:docs"]


def test_rare_groups_of_pages_go_under_their_kind() -> None:
    contents = Contents(SELECTORS)
    journeys = Journeys.from_records(
        [
            LeadJourney("a", [TouchpointRecord("page_view", at, asset=f"blog/{at}") for at in range(900)], []),
            LeadJourney("b", [TouchpointRecord("page_view", at, asset=f"page-{at}") for at in range(100)], []),
            LeadJourney("c", [TouchpointRecord("download", at, asset=f"file-{at}") for at in range(100)], []),
        ]
    )
    codes, names = contents.settle(contents.of(journeys, np.arange(1100)))
    assert {name: int((codes == code).sum()) for code, name in enumerate(names)} == {
        "page:blog": 900,
        "page": 100,
        "download": 100,
    }

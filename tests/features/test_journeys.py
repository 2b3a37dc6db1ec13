"""Journeys from Arrow tables and from records: the same arrays, whatever the layout and order of the input."""

import dataclasses
import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import JourneyError
from features.journeys import Journeys, LeadJourney, StageChangeRecord, TouchpointRecord
from features.timeline import from_micros
from tests.features.journey_strategies import ORIGIN, lead_journeys

TIME = pa.timestamp("us", tz="UTC")
DAY = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def tables_of(leads: list[LeadJourney], text: pa.DataType = None) -> tuple[pa.Table, pa.Table, pa.Table]:
    text = text or pa.string()

    def moment(micros: int | None) -> dt.datetime | None:
        return None if micros is None else from_micros(micros)

    touchpoints = [
        {
            **item._asdict(),
            "lead_id": lead.lead_id,
            "occurred_at": moment(item.occurred_at),
            "recorded_at": moment(item.recorded_at),
        }
        for lead in leads
        for item in lead.touchpoints
    ]
    names = ("lead_id", "kind", "channel", "asset", "campaign", "by", "touchpoint_id")
    fields = [(name, text) for name in names] + [("occurred_at", TIME), ("recorded_at", TIME), ("value", pa.float64())]
    changes = [
        {
            "lead_id": lead.lead_id,
            "stage": c.stage,
            "occurred_at": moment(c.occurred_at),
            "recorded_at": moment(c.recorded_at),
        }
        for lead in leads
        for c in lead.stage_changes
    ]
    created = [
        {"lead_id": lead.lead_id, "created_at": moment(lead.created_at)}
        for lead in leads
        if lead.created_at is not None
    ]

    def table(rows: list[dict], fields: list[tuple[str, pa.DataType]]) -> pa.Table:
        plain = pa.schema([(name, pa.string() if pa.types.is_dictionary(kind) else kind) for name, kind in fields])
        columns = pa.Table.from_pylist(rows, schema=plain)
        for index, (name, kind) in enumerate(fields):
            if pa.types.is_dictionary(kind):
                columns = columns.set_column(index, name, columns.column(name).dictionary_encode())
        return columns

    return (
        table(touchpoints, fields),
        table(changes, [("lead_id", text), ("stage", text), ("occurred_at", TIME), ("recorded_at", TIME)]),
        table(created, [("lead_id", text), ("created_at", TIME)]),
    )


def assert_equal(a: Journeys, b: Journeys) -> None:
    for field in dataclasses.fields(Journeys):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            np.testing.assert_array_equal(left, right, err_msg=field.name)
            assert left.flags.c_contiguous
            assert left.flags.writeable
        else:
            assert left == right, field.name


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(lead_journeys(most=6), max_size=3), st.sampled_from(["plain", "dictionary", "large"]), st.randoms())
def test_from_arrow_is_from_records(leads: list[LeadJourney], text: str, random) -> None:
    leads = [lead._replace(lead_id=f"L-{index}") for index, lead in enumerate(leads)]
    kind = {"plain": pa.string(), "dictionary": pa.dictionary(pa.int32(), pa.string()), "large": pa.large_string()}[
        text
    ]

    def shuffled(table: pa.Table) -> pa.Table:
        order = list(range(len(table)))
        random.shuffle(order)
        halves = [table.take(pa.array(order[:2], pa.int64())), table.take(pa.array(order[2:], pa.int64()))]
        return pa.concat_tables(halves)

    touchpoints, changes, created = (shuffled(table) for table in tables_of(leads, kind))
    from_arrow = Journeys.from_arrow(touchpoints, changes, created, [lead.lead_id for lead in leads])
    assert_equal(from_arrow, Journeys.from_records(leads))


def test_total_order_compares_values_not_codes() -> None:
    def item(**fields) -> TouchpointRecord:
        return TouchpointRecord(**{"kind": "b", "occurred_at": 5, **fields})

    ordered = [
        item(occurred_at=4, kind="z"),
        item(recorded_at=4),
        item(kind="Z", channel="z"),
        item(kind="a", channel="z"),
        item(channel=None, asset="z"),
        item(channel="", asset="z"),
        item(channel="A", value=9.0),
        item(channel="A", asset="a", value=-1.0, touchpoint_id="z"),
        item(channel="A", asset="a", touchpoint_id=None, campaign="z"),
        item(channel="A", asset="a", touchpoint_id="10"),
        item(channel="A", asset="a", touchpoint_id="9", campaign=None, by="system"),
        item(channel="A", asset="a", touchpoint_id="9", campaign="c", by="lead"),
        item(channel="A", asset="a", touchpoint_id="9", campaign="c", by="sales"),
        item(channel="a"),
        item(channel="é"),
        item(channel="\uffff"),
        item(channel="😀"),  # after U+FFFF by UTF-8 bytes, before it by UTF-16
        item(recorded_at=6, kind="a"),
    ]
    values = [
        (i.kind, i.channel, i.asset, i.campaign, i.value or 0.0, i.by or "lead", i.recorded_at or i.occurred_at)
        for i in ordered
    ]
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(ordered))
        j = Journeys.from_records([LeadJourney("L-1", [ordered[k] for k in order])])

        def text(codes: np.ndarray, names: tuple[str, ...]) -> list[str | None]:
            return [names[code] if code >= 0 else None for code in codes]

        got = zip(
            text(j.kind, j.kinds),
            text(j.channel, j.channels),
            text(j.asset, j.assets),
            text(j.campaign, j.campaigns),
            (j.value / 1e6).tolist(),
            [("lead", "sales", "system")[code] for code in j.by],
            j.recorded_at.tolist(),
            strict=True,
        )
        assert list(got) == values


def test_sorted_input_is_left_as_it_is() -> None:
    table = pa.table({"lead_id": ["A", "A", "B"], "occurred_at": pa.array([1, 2, 1], TIME), "kind": ["x", "y", "x"]})
    journeys = Journeys.from_arrow(table, None, None, ["A", "B", "C"])
    assert journeys.offsets.tolist() == [0, 2, 3, 3]
    assert journeys.occurred_at.tolist() == [1, 2, 1]
    assert journeys.recorded_at.tolist() == [1, 2, 1]
    assert not journeys.late.any()


def test_times_far_apart_sort_without_packing() -> None:
    lead_ids = [f"L-{index}" for index in range(5)]
    occurred = [250_000_000_000_000_000, -60_000_000_000_000_000, 0, 5, 4]
    table = pa.table({"lead_id": lead_ids[::-1] * 3, "occurred_at": pa.array(occurred * 3, TIME), "kind": ["k"] * 15})
    order = Journeys.from_arrow(table, None, None, lead_ids).occurred_at
    assert order.reshape(5, 3)[:, 0].tolist() == occurred[::-1]


def test_stage_changes_and_creation_are_touchpoints_by_the_system() -> None:
    lead = LeadJourney("L", [TouchpointRecord("webinar", 5)], [StageChangeRecord("mql", 7, 9)], created_at=1)
    journeys = Journeys.from_records([lead])
    assert [journeys.kinds[code] for code in journeys.kind] == ["created", "webinar", "stage:mql"]
    assert journeys.by.tolist() == [2, 0, 2]
    assert journeys.recorded_at.tolist() == [0, 5, 8], "an MQL and a creation are seen at their own moment"
    assert journeys.late.tolist() == [True]


def test_value_is_rounded_half_to_even() -> None:
    values = [0.0000005, 0.0000015, -0.0000025, 1e12, -1e12, None, 0.29]
    items = [TouchpointRecord("k", index, value=value) for index, value in enumerate(values)]
    micros = [0, 2, -2, 10**18, -(10**18), 0, 290_000]
    lead = LeadJourney("L", items)
    assert Journeys.from_records([lead]).value.tolist() == micros
    assert Journeys.from_arrow(tables_of([lead])[0], None, None, ["L"]).value.tolist() == micros


def test_other_leads_are_dropped_when_asked_to() -> None:
    table = pa.table({"lead_id": ["A", None, "B"], "occurred_at": pa.array([1, 2, 3], TIME), "kind": ["x", "y", "z"]})
    journeys = Journeys.from_arrow(table, None, None, ["B"], unknown_leads="ignore")
    assert journeys.occurred_at.tolist() == [3]
    assert journeys.kinds == ("z",)


def test_repeated_touchpoints_are_kept() -> None:
    item = TouchpointRecord("webinar", 5, touchpoint_id="T-1")
    assert Journeys.from_records([LeadJourney("L", [item, item])]).offsets.tolist() == [0, 2]


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_other_units_and_zones_are_the_same_moments(unit: str) -> None:
    column = pa.array([DAY], pa.timestamp(unit, tz="Europe/Berlin"))
    journeys = Journeys.from_arrow(
        pa.table({"lead_id": ["A"], "occurred_at": column, "kind": ["x"]}), None, None, ["A"]
    )
    assert from_micros(journeys.occurred_at[0]) == DAY


def test_empty_and_all_null_columns() -> None:
    table = pa.table(
        {
            "lead_id": ["A"],
            "occurred_at": pa.array([ORIGIN], TIME),
            "kind": ["x"],
            "channel": pa.nulls(1),
            "value": pa.nulls(1),
            "recorded_at": pa.nulls(1),
            "by": pa.nulls(1),
        }
    )
    full = Journeys.from_arrow(table, None, None, ["A"])
    assert_equal(full, Journeys.from_records([LeadJourney("A", [TouchpointRecord("x", ORIGIN)])]))
    assert_equal(Journeys.from_arrow(table.slice(0, 0), None, None, ["A"]), Journeys.from_records([LeadJourney("A")]))
    empty = table.select(["lead_id", "occurred_at", "kind"]).schema.empty_table()
    assert len(Journeys.from_arrow(empty, None, None, [])) == 0


def test_ids_given_twice_are_an_error_on_both_ways() -> None:
    for build in (
        lambda: Journeys.from_arrow(None, None, None, ["A", "B", "A"]),
        lambda: Journeys.from_records([LeadJourney("A"), LeadJourney("A")]),
    ):
        with pytest.raises(JourneyError, match="lead 'A' is given twice"):
            build()

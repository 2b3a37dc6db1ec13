"""Each message of the journeys, attributes and snapshots once, in full: what, where, got, allowed, next step."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from features import journeys as journeys_module
from features.attributes import AttributeSpec, encode
from features.catalog import build_catalog
from features.compute import Snapshots, compute_features
from features.errors import JourneyError, ParameterError
from features.journeys import Journeys, LeadJourney, TouchpointRecord
from features.params import FeaturesParams

TIME = pa.timestamp("us", tz="UTC")
TABLE = pa.table({"lead_id": ["L-1", "L-2"], "occurred_at": pa.array([1, 2], TIME), "kind": ["webinar", "ebook"]})
EMPLOYEES = AttributeSpec("account", "employees", "number", "creation")
PARAMS = FeaturesParams(
    observation_days=30, windows_days=(7,), half_lives_days=(), groups=("engagement", "attributes"), selectors={}
)


def with_column(name: str, values: pa.Array) -> pa.Table:
    table = TABLE.drop_columns([name]) if name in TABLE.column_names else TABLE
    return table.append_column(name, values)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            with_column("lead_id", pa.array(["L-1", "L-9"])),
            "touchpoints, row 1: lead_id 'L-9' is not among the 2 leads asked for. "
            "Drop such rows, or pass unknown_leads='ignore'.",
        ),
        (
            TABLE.drop_columns(["kind"]),
            "touchpoints: column 'kind' is missing; there are lead_id, occurred_at. Add it.",
        ),
        (
            with_column("kind", pa.array(["webinar", None])),
            "touchpoints, row 1: kind is missing. Every row needs it; send bad rows to quarantine.",
        ),
        (
            with_column("kind", pa.array([1, 2])),
            "touchpoints: kind has type int64; expected text. Cast it to string.",
        ),
        (
            with_column("occurred_at", pa.array([None, 2], TIME)),
            "touchpoints, row 0: occurred_at is missing. Every row needs it; send bad rows to quarantine.",
        ),
        (
            with_column("occurred_at", pa.array([dt.datetime(2026, 1, 5)] * 2)),  # noqa: DTZ001
            "touchpoints: occurred_at has type timestamp[us]; expected a timestamp with a time zone. "
            "Cast it to timestamp[us, tz=UTC].",
        ),
        (
            with_column("recorded_at", pa.array([5, 2**62], TIME)),
            "lead 'L-2': recorded_at is 4611686018427387904 microseconds since 1970, outside the years 1 to 9999. "
            "Check its unit.",
        ),
        (
            with_column("by", pa.array(["lead", "robot"])),
            "touchpoints, row 1: by is 'robot'; allowed: lead, sales, system, or null.",
        ),
        (
            with_column("value", pa.array(["1", "2"])),
            "touchpoints: value has type string; expected a number. Cast it to float64.",
        ),
        (
            with_column("value", pa.array([1.0, float("nan")])),
            "touchpoints, row 1: value is nan; allowed are finite numbers within +-1e+12. Correct it or leave it out.",
        ),
        (
            with_column("kind", pa.array(["stage:mql", "created"])).append_column("by", pa.array(["lead", "system"])),
            "touchpoints, row 1: kind 'created' by system is reserved for stage changes and the lead's creation. "
            "Send stage changes as such, or rename the kind.",
        ),
    ],
)
def test_tables(table: pa.Table, message: str) -> None:
    with pytest.raises(JourneyError) as caught:
        Journeys.from_arrow(table, None, None, ["L-1", "L-2"])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("item", "message", "field"),
    [
        (
            TouchpointRecord("order", 5, value=float("inf")),
            "touchpoint 1 of lead 'L-17': value is inf; allowed are finite numbers within +-1e+12. Correct it or leave it out.",
            "touchpoints[1].value",
        ),
        (
            TouchpointRecord("order", 5, value=-1.1e12),
            "touchpoint 1 of lead 'L-17': value is -1100000000000.0; allowed are finite numbers within +-1e+12. "
            "Correct it or leave it out.",
            "touchpoints[1].value",
        ),
        (
            TouchpointRecord("order", 5, by="Lead"),
            "touchpoint 1 of lead 'L-17': by is 'Lead'; allowed: lead, sales, system, or leave it out.",
            "touchpoints[1].by",
        ),
        (
            TouchpointRecord("stage:mql", 5, by="system"),
            "touchpoint 1 of lead 'L-17': kind 'stage:mql' by system is reserved for stage changes and the lead's creation. "
            "Send stage changes as such, or rename the kind.",
            "touchpoints[1].kind",
        ),
        (
            TouchpointRecord("order", 10**18),
            "lead 'L-17': occurred_at is 1000000000000000000 microseconds since 1970, outside the years 1 to 9999. "
            "Check its unit.",
            "occurred_at",
        ),
    ],
)
def test_records(item: TouchpointRecord, message: str, field: str) -> None:
    with pytest.raises(JourneyError) as caught:
        Journeys.from_records([LeadJourney("L-17", [TouchpointRecord("order", 5), item])])
    assert str(caught.value) == message
    assert caught.value.field == field


def test_values_that_can_not_be_summed() -> None:
    many = [TouchpointRecord("order", index, value=1e12) for index in range(9)]
    assert Journeys.from_records([LeadJourney("L-1", many)]).value.sum() == 9 * 10**18
    with pytest.raises(JourneyError) as caught:
        Journeys.from_records([LeadJourney("L-1", [*many, TouchpointRecord("order", 9, value=-1e12)])])
    assert str(caught.value) == (
        "lead 'L-1': the values of its touchpoints add up to 1e+13; allowed is 9.2e+12. Send values in a larger unit."
    )


def test_too_many_touchpoints_for_a_person(monkeypatch) -> None:
    monkeypatch.setattr(journeys_module, "MAX_TOUCHPOINTS", 2)
    with pytest.raises(JourneyError, match="lead 'L-1' has 3 touchpoints; allowed are 2. No person does that"):
        Journeys.from_records([LeadJourney("L-1", [TouchpointRecord("order", 1)] * 3)])


@pytest.mark.parametrize(
    ("lead_index", "snapshot_at", "message"),
    [
        ([0, 1], [5], "snapshots: 2 values of lead_index, 1 of snapshot_at. Give one of each per snapshot."),
        (
            [0],
            [5.5],
            "snapshots: snapshot_at has type float64 and 1 dimension(s); expected whole numbers in one dimension. "
            "Convert moments with features.timeline.to_micros.",
        ),
        (
            [0],
            [10**18],
            "snapshot 0: snapshot_at is 1000000000000000000 microseconds since 1970, outside the years 1 to 9999. "
            "Check its unit.",
        ),
        (
            [1],
            [5],
            "snapshot 0: lead_index is 1; there are 1 leads, counted from 0. Index the journeys handed in.",
        ),
        (
            [-1],
            [5],
            "snapshot 0: lead_index is -1; there are 1 leads, counted from 0. Index the journeys handed in.",
        ),
    ],
)
def test_snapshots(lead_index: list, snapshot_at: list, message: str) -> None:
    with pytest.raises(JourneyError) as caught:
        compute_features(
            Journeys.from_records([LeadJourney("L-1")]),
            Snapshots(np.array(lead_index), np.array(snapshot_at)),
            build_catalog(PARAMS, []),
        )
    assert str(caught.value) == message


def test_attributes_name_the_lead() -> None:
    journeys = Journeys.from_records([LeadJourney("L-16"), LeadJourney("L-17")])
    snapshots = Snapshots(np.array([1, 0]), np.array([5, 5]))
    catalog = build_catalog(PARAMS, [EMPLOYEES])
    with pytest.raises(JourneyError) as caught:
        compute_features(journeys, snapshots, catalog, {"employees": ["many", 5]})
    assert str(caught.value) == (
        "attribute 'employees' of lead 'L-17': expected a number, got 'many'. "
        "Send the right type, or leave it out if it is not known."
    )
    assert caught.value.field == "attributes.employees"
    with pytest.raises(JourneyError) as caught:
        compute_features(journeys, snapshots, catalog, {"employees": [1.0, float("inf")]})
    assert str(caught.value) == (
        "attribute 'employees' of lead 'L-16': inf is not finite in single precision. Allowed are numbers within +-3.4e38. "
        "Leave it out if it is not known."
    )
    with pytest.raises(JourneyError) as caught:
        encode({"employees": [1, 2]}, [EMPLOYEES], rows=3)
    assert str(caught.value) == "attribute 'employees': 2 values for 3 rows. Give one value per snapshot."


def test_attribute_declarations() -> None:
    with pytest.raises(ParameterError) as caught:
        AttributeSpec("account", "employees", "integer", "creation")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "attribute 'employees': type is 'integer'; allowed: number, category, boolean. Correct the source's table `attributes`."
    )
    with pytest.raises(ParameterError) as caught:
        AttributeSpec("account", "employees", "number", "creation", ("few",))
    assert str(caught.value) == "attribute 'employees': a number has no categories; remove them."


def test_choices_of_the_caller() -> None:
    with pytest.raises(ValueError, match="unknown_leads: got 'drop'; allowed are 'error' and 'ignore'"):
        Journeys.from_arrow(TABLE, None, None, ["L-1"], unknown_leads="drop")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="language: got 'fr'; allowed are 'en' and 'de'"):
        build_catalog(PARAMS, []).features[0].text(1.0, "fr")

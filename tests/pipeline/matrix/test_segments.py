"""By what the test is cut: what a source offers, and values as they were known at the snapshot."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.errors import ParameterError
from models.quality.segments import cut_points, number_bands
from pipeline.matrix.segments import allowed_dimensions, first_touch, segment_values
from pipeline.tables.parquet import write_table


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def table(rows: list[dict[str, Any]]) -> pa.Table:
    frame = pd.DataFrame(rows)
    times = {name: "datetime64[us, UTC]" for name in frame if name.endswith("_at") and name != "known_at"}
    return pa.Table.from_pandas(frame.astype(times), preserve_index=False)


@pytest.fixture
def canonical(tmp_path: Path) -> Path:
    """Return three leads of two accounts, with touchpoints in a muddled order."""
    folder = tmp_path / "canonical"
    write_table(folder / "export.parquet", "export", table([{"exported_at": at("2024-12-01"), "clock": "real"}]))
    declared = [
        ("lead", "role", "category", "creation"),
        ("lead", "free_mail", "boolean", "creation"),
        ("lead", "sales_rating", "category", "after"),
        ("account", "employees", "number", "creation"),
    ]
    names = ("entity", "attribute", "type", "known_at")
    attributes = [dict(zip(names, row, strict=True)) for row in declared]
    write_table(folder / "attributes.parquet", "attributes", table(attributes))
    leads = [
        {"lead_id": "L1", "account_id": "A1", "role": "it", "free_mail": True},
        {"lead_id": "L2", "account_id": "A2", "role": "it", "free_mail": False},
        {"lead_id": "L3", "account_id": None, "role": None, "free_mail": False},
    ]
    leads = [{**lead, "created_at": at("2024-01-01"), "sales_rating": "hot"} for lead in leads]
    write_table(folder / "leads.parquet", "leads", table(leads))
    accounts = [{"account_id": "A1", "employees": 10.0}, {"account_id": "A2", "employees": 400.0}]
    write_table(folder / "accounts.parquet", "accounts", table(accounts))
    touchpoints = [
        ("L1", "2024-02-03", "2024-02-03", "paid_search", "brand"),
        ("L1", "2024-02-01", "2024-02-09", "event", None),  # came first, but nobody knew before the snapshot
        ("L1", "2024-02-02", "2024-02-02", None, "trends"),  # names no channel
        ("L2", "2024-03-05", "2024-03-05", "email", None),  # at the snapshot: future
        ("L2", "2024-03-04", "2024-03-04", "social", None),
    ]
    rows = [
        {
            "touchpoint_id": f"T{i}",
            "lead_id": lead,
            "occurred_at": at(occurred),
            "recorded_at": at(recorded),
            "kind": "page_view",
            "channel": channel,
            "campaign": campaign,
        }
        for i, (lead, occurred, recorded, channel, campaign) in enumerate(touchpoints)
    ]
    write_table(folder / "touchpoints.parquet", "touchpoints", table(rows))
    return folder


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": ["L2", "L1", "L3"],
            "account_id": ["A2", "A1", None],
            "snapshot_at": [at("2024-03-05"), at("2024-02-05"), at("2024-03-20")],
        }
    )


def test_dimensions_are_what_the_source_offers_and_nothing_known_after_the_outcome(canonical: Path) -> None:
    assert allowed_dimensions(canonical) == ["month", "channel", "campaign", "role", "free_mail", "employees"]
    write_table(canonical / "export.parquet", "export", table([{"exported_at": at("2024-12-01"), "clock": "ordinal"}]))
    (canonical / "touchpoints.parquet").unlink()
    assert allowed_dimensions(canonical) == ["role", "free_mail", "employees"]


@pytest.mark.parametrize("name", ["sales_rating", "planet"])
def test_a_dimension_that_the_source_lacks_is_named_with_those_it_has(
    canonical: Path, rows: pd.DataFrame, name: str
) -> None:
    with pytest.raises(
        ParameterError, match=rf"segments\.by: this source has no dimension '{name}'\. Allowed: month, "
    ):
        segment_values(canonical, rows, rows, ["month", name])


def test_values_are_those_at_the_snapshot(canonical: Path, rows: pd.DataFrame) -> None:
    by = segment_values(canonical, rows, rows, ["month", "channel", "campaign", "role", "free_mail", "employees"])
    shown = {name: [None if pd.isna(value) else value for value in values] for name, values in by.items()}
    assert shown == {
        "month": ["2024-03", "2024-02", "2024-03"],
        "channel": ["social", "paid_search", None],
        "campaign": [None, "trends", None],
        "role": ["it", "it", None],
        "free_mail": ["false", "true", "false"],
        "employees": ["≥ 400", "< 400", None],
    }
    assert list(by["month"].categories) == ["2024-02", "2024-03"]
    assert list(by["free_mail"].categories) == ["false", "true"]  # the more frequent first


def test_the_first_touch_does_not_depend_on_the_order_of_rows(canonical: Path, rows: pd.DataFrame) -> None:
    turned = first_touch(canonical, rows[::-1], ["channel"])["channel"].tolist()
    assert turned[::-1] == first_touch(canonical, rows, ["channel"])["channel"].tolist()


def test_numbers_are_cut_where_training_was(canonical: Path, rows: pd.DataFrame) -> None:
    assert cut_points(np.arange(1.0, 9.0)) == [3.0, 5.0, 7.0]
    assert number_bands(np.array([2.0, 3.0]), [3.0]).tolist() == ["< 3", "≥ 3"]
    only_large = rows[rows["lead_id"] == "L2"]
    by = segment_values(canonical, rows, only_large, ["employees"])
    assert by["employees"].tolist()[:2] == ["≥ 400", "< 400"]

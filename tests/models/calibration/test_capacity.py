import pandas as pd
import pytest

from models.calibration.capacity import capacity_rows
from models.params import CapacityParams


def rows(count: int, days: float) -> pd.DataFrame:
    start = pd.Timestamp("2026-01-01", tz="UTC")
    return pd.DataFrame({"snapshot_at": [start + pd.Timedelta(days=days * i / (count - 1)) for i in range(count)]})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"share": 0.1}, 10),
        ({"share": 0.001}, 1),
        ({"leads_per_week": 3}, 12),
        ({"leads_per_week": 1000}, 100),
    ],
)
def test_capacity_in_rows(settings, expected) -> None:
    assert capacity_rows(rows(100, 28), CapacityParams(**settings)) == expected


def test_a_span_shorter_than_a_week_counts_as_one() -> None:
    assert capacity_rows(rows(100, 2), CapacityParams(leads_per_week=5)) == 5

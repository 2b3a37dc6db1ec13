"""The boundary rule, and moments."""

import datetime as dt

import pytest

from features.errors import JourneyError
from features.timeline import DAY_US, EARLIEST, LATEST, from_micros, to_micros, visible, window_start

AT = 1_000 * DAY_US


@pytest.mark.parametrize(
    ("occurred_at", "recorded_at", "seen"),
    [
        (AT - 1, AT - 1, True),
        (AT, AT, False),
        (AT + 1, AT + 1, False),
        (AT - 1, AT, False),
        (AT - 5, AT - 1, True),
        (AT - 7 * DAY_US, AT - 1, True),
        (AT - 7 * DAY_US - 1, AT - 1, False),
        (AT, AT - 1, False),
    ],
)
def test_visible(occurred_at: int, recorded_at: int, seen: bool) -> None:
    assert visible(occurred_at, recorded_at, AT, window_start(AT, 7 * DAY_US)) is seen


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00+00:00", 0),
        ("1970-01-01T00:00:00.000001+00:00", 1),
        ("1969-12-31T23:59:59.999999+00:00", -1),
        ("2026-03-29T03:30:00+02:00", 1_774_747_800_000_000),
        ("0001-01-01T00:00:00+00:00", EARLIEST),
        ("9999-12-31T23:59:59.999999+00:00", LATEST),
    ],
)
def test_micros_are_exact_both_ways(text: str, micros: int) -> None:
    moment = dt.datetime.fromisoformat(text)
    assert to_micros(moment) == micros
    assert from_micros(micros) == moment


def test_naive_moment_is_refused() -> None:
    with pytest.raises(JourneyError) as caught:
        to_micros(dt.datetime(2026, 1, 5, 10), "touchpoint 3 of lead 'L-17': occurred_at")  # noqa: DTZ001
    assert str(caught.value) == (
        "touchpoint 3 of lead 'L-17': occurred_at has no time zone: '2026-01-05T10:00:00'. "
        "Send an offset, e.g. '2026-01-05T10:00:00+01:00'."
    )

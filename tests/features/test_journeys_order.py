"""The order of journeys against the plainest sort there is: a tuple of values per row."""

import numpy as np
import pyarrow as pa
import pytest

from features.journeys import Journeys
from features.threads import WORTH_A_THREAD

MOMENT = pa.timestamp("us", tz="UTC")


def _rows(seed: int, n: int, leads: int, instants: int) -> dict[str, list[object]]:
    """Draw rows with many ties, down to touchpoint_id, campaign and by."""
    random = np.random.default_rng(seed)

    def text(*values: str | None) -> list[str | None]:
        return [values[i] for i in random.integers(0, len(values), n)]

    occurred = random.integers(0, instants, n)
    return {
        "lead_id": [f"L-{i}" for i in random.integers(0, leads, n)],
        "occurred_at": occurred.tolist(),
        "recorded_at": (occurred + random.integers(0, 2, n)).tolist(),
        "kind": text("a", "b"),
        "channel": text(None, "web"),
        "asset": text(None, "x"),
        "value": random.integers(0, 2, n).astype(float).tolist(),
        "touchpoint_id": text(None, "é", "z", "t"),
        "campaign": text(None, "c", "d"),
        "by": text("lead", "sales", "system"),
    }


def _sorted(rows: dict[str, list[object]]) -> list[tuple[object, ...]]:
    def key(text: object) -> tuple[bool, bytes]:
        return text is not None, str(text or "").encode()

    order = (
        "lead_id",
        "occurred_at",
        "recorded_at",
        "kind",
        "channel",
        "asset",
        "value",
        "touchpoint_id",
        "campaign",
        "by",
    )
    made = zip(*(rows[name] for name in order), strict=True)
    numbers = (1, 2, 6)
    ranks = {"lead": 0, "sales": 1, "system": 2}
    return sorted(
        made,
        key=lambda row: tuple(
            value if i in numbers else ranks[str(value)] if i == 9 else key(value) for i, value in enumerate(row)
        ),
    )


def _table(rows: dict[str, list[object]]) -> pa.Table:
    table = pa.table({name: values for name, values in rows.items() if not name.endswith("_at")})
    for name in ("occurred_at", "recorded_at"):
        table = table.append_column(name, pa.array(rows[name], pa.int64()).cast(MOMENT))
    return table


@pytest.mark.parametrize(
    ("n", "leads", "instants"), [(1, 1, 1), (300, 4, 3), (300, 1, 2), (300, 1, 100_000), (1_000, 900, 2), (64, 2, 40)]
)
@pytest.mark.parametrize("by_lead", [False, True])
def test_rows_stand_in_the_total_order(n: int, leads: int, instants: int, by_lead: bool) -> None:
    rows = _rows(n + leads + instants, n, leads, instants)
    if by_lead:
        order = sorted(range(n), key=lambda i: str(rows["lead_id"][i]))
        rows = {name: [values[i] for i in order] for name, values in rows.items()}
    lead_ids = sorted(set(map(str, rows["lead_id"])))
    journeys = Journeys.from_arrow(_table(rows), None, None, lead_ids)
    expected = _sorted(rows)
    lead = np.repeat(np.arange(len(lead_ids)), np.diff(journeys.offsets))
    found = [
        (
            lead_ids[lead[i]],
            int(journeys.occurred_at[i]),
            int(journeys.recorded_at[i]),
            journeys.kinds[journeys.kind[i]],
            journeys.channels[journeys.channel[i]] if journeys.channel[i] >= 0 else None,
            journeys.assets[journeys.asset[i]] if journeys.asset[i] >= 0 else None,
            journeys.value[i] / 1e6,
            journeys.campaigns[journeys.campaign[i]] if journeys.campaign[i] >= 0 else None,
            ("lead", "sales", "system")[journeys.by[i]],
        )
        for i in range(n)
    ]
    assert found == [row[:7] + row[8:] for row in expected]
    late = {row[0] for row in expected if row[2] > row[1]}  # type: ignore[operator]
    assert journeys.late.tolist() == [lead_id in late for lead_id in lead_ids]


def test_many_rows_in_chunks_and_threads_are_those_of_few() -> None:
    n = WORTH_A_THREAD + 5_000
    rows = _rows(1, n, 3_000, 500)
    table = _table(rows)
    lead_ids = [f"L-{i}" for i in range(3_000)]
    whole = Journeys.from_arrow(table, None, None, lead_ids)
    coded = table.set_column(0, "lead_id", table["lead_id"].dictionary_encode())
    pieces = pa.concat_tables([coded.slice(begin, 60_000) for begin in range(0, n, 60_000)])
    again = Journeys.from_arrow(pieces, None, None, lead_ids)
    for one, other in zip(whole.columns, again.columns, strict=True):
        assert one.tobytes() == other.tobytes()
    few = lead_ids[:100]
    part = Journeys.from_arrow(table, None, None, few, unknown_leads="ignore")
    end = whole.offsets[100]
    assert part.offsets.tolist() == whole.offsets[:101].tolist()
    assert part.occurred_at.tobytes() == whole.occurred_at[:end].tobytes()
    assert part.by.tobytes() == whole.by[:end].tobytes()

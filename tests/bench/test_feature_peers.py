"""The contenders of bench.feature_peers that run in the project's own environment; and a comparison that can fail."""

import datetime as dt
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import feature_peers
from bench.peers import rounds, worker
from bench.peers.compare import DifferentValuesError, check_equal
from bench.peers.data import draw_snapshots, draw_touchpoints
from bench.peers.definition import FEATURES

AT = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)
DAY, TICK = dt.timedelta(days=1), dt.timedelta(microseconds=1)
MOMENT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("lead_id", pa.string()),
        ("occurred_at", MOMENT),
        ("recorded_at", MOMENT),
        ("kind", pa.string()),
        ("channel", pa.string()),
        ("asset", pa.string()),
        ("value", pa.float64()),
    ]
)


def touchpoint(lead, occurred, recorded=None, kind="page_view", channel="web", asset="pricing/01", value=None):
    return dict(zip(SCHEMA.names, (f"L-{lead:07d}", occurred, recorded, kind, channel, asset, value), strict=True))


# lead 0: the bounds of every window; lead 1: what was recorded when; lead 2: ties and missing fields; lead 3: nothing
BOUNDS = [touchpoint(0, AT - days * DAY + shift) for days in (0, 7, 30, 90, 365) for shift in (-TICK, TICK * 0)]
RECORDED = [
    touchpoint(1, AT - 2 * DAY, recorded=AT - TICK),
    touchpoint(1, AT - 3 * DAY, recorded=AT, channel="social"),
    touchpoint(1, AT - 4 * DAY, recorded=AT + DAY, channel="mail"),
    touchpoint(1, AT - 5 * DAY, recorded=AT - 6 * DAY, channel="fair"),
]
TIED = [
    touchpoint(2, AT - DAY, asset=None, value=1.25),
    touchpoint(2, AT - DAY, asset="pricing/02", channel=None, value=2.5),
    touchpoint(2, AT - DAY, asset="documentation/01", kind="webinar"),
    touchpoint(2, AT - DAY, asset="documentation/01", kind="quote_request", value=100.0),
    touchpoint(2, AT - 20 * DAY, asset="documentation/01", kind="quote_request"),
]
SNAPSHOTS = [(lead, AT) for lead in range(4)] + [(1, AT + 2 * DAY), (2, AT - 10 * DAY), (0, AT - 400 * DAY)]


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    paths = tmp_path / "touchpoints.parquet", tmp_path / "snapshots.parquet"
    pq.write_table(pa.Table.from_pylist([*TIED, *BOUNDS[::-1], *RECORDED], schema=SCHEMA), paths[0])
    lead_ids = pa.array([f"L-{lead:07d}" for lead, _ in SNAPSHOTS])
    moments = pa.array([at for _, at in SNAPSHOTS], MOMENT)
    pq.write_table(pa.table({"lead_id": lead_ids, "snapshot_at": moments}), paths[1])
    return paths


def rows_of(path: Path) -> dict[tuple[int, dt.datetime], dict[str, float]]:
    return {(int(row["lead_id"][2:]), row["snapshot_at"]): row for row in pq.read_table(path).to_pylist()}


@pytest.mark.parametrize("contender", ["engine", "pandas", "duckdb"])
def test_bounds_late_records_and_ties(contender, files, tmp_path) -> None:
    worker.run(contender, *files, tmp_path)
    rows = rows_of(tmp_path / f"{contender}.parquet")
    assert set(rows) == {(lead, at) for lead, at in SNAPSHOTS}
    first = rows[0, AT]
    # starts are included and ends are not; the microsecond before a start belongs to the next longer window
    assert [first[f"count__all__{days}d"] for days in (7, 30, 90, 365)] == [2, 4, 6, 8]
    assert first["days_since_first__all"] == 365.0
    assert first["days_since_last__all"] == pytest.approx(1 / 86_400e6)
    late = rows[1, AT]
    assert [late["count__all__7d"], late["distinct_channels__all__7d"], late["count__social__365d"]] == [2, 2, 0]
    assert rows[1, AT + 2 * DAY]["count__all__7d"] == 4
    tied = rows[2, AT]
    assert [tied["count__all__7d"], tied["count__all__30d"], tied["distinct_days__all__30d"]] == [4, 5, 2]
    assert [tied["distinct_assets__all__30d"], tied["distinct_channels__all__30d"]] == [2, 1]
    assert [tied["sum_value__all__7d"], tied["sum_value__requests__30d"], tied["count__events__7d"]] == [
        103.75,
        100.0,
        1,
    ]
    assert tied["count__pricing__365d"] == 1
    assert tied["decayed_count__documentation__7d"] == pytest.approx(2 * 2 ** (-1 / 7) + 2 ** (-20 / 7), rel=1e-6)
    assert rows[2, AT - 10 * DAY]["count__all__365d"] == 1
    for nothing in (rows[3, AT], rows[0, AT - 400 * DAY]):
        for feature in FEATURES:
            value = nothing[feature.name]
            missing = value is None or math.isnan(value)
            assert missing if feature.operation.startswith("days_since") else value == 0


@pytest.mark.parametrize("contender", ["pandas", "duckdb"])
@pytest.mark.parametrize("per_lead", [1, 26])
def test_equal_on_drawn_data(contender, per_lead, tmp_path, monkeypatch) -> None:
    paths = tmp_path / "touchpoints.parquet", tmp_path / "snapshots.parquet"
    pq.write_table(draw_touchpoints(150, 6_000), paths[0])
    pq.write_table(draw_snapshots(150, per_lead), paths[1])
    module = __import__(f"bench.peers.with_{contender}", fromlist=["CHUNK_ROWS"])
    monkeypatch.setattr(module, "CHUNK_ROWS", 1_000)  # with weekly snapshots: several ranges of leads
    for name in ("engine", contender):
        worker.run(name, *paths, tmp_path)
    assert check_equal(tmp_path / "engine.parquet", tmp_path / f"{contender}.parquet") == 150 * per_lead


def test_the_comparison_finds_a_changed_value_and_a_missing_row(files, tmp_path) -> None:
    worker.run("engine", *files, tmp_path)
    expected, got = tmp_path / "engine.parquet", tmp_path / "other.parquet"
    table = pq.read_table(expected)
    pq.write_table(table.slice(1), got)
    with pytest.raises(DifferentValuesError, match="rows"):
        check_equal(expected, got)
    column = table.column_names.index("count__web__90d")
    changed = pa.compute.add(table.column(column), 1.0).cast(pa.float32())
    pq.write_table(table.set_column(column, table.field(column), changed), got)
    with pytest.raises(DifferentValuesError, match="count__web__90d"):
        check_equal(expected, got)


def test_quick_run_says_who_is_missing_and_what_missed(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setitem(rounds.CONTENDERS, "pandas", rounds.Contender("pandas", ""))
    monkeypatch.setattr(rounds, "ENVIRONMENTS", tmp_path / "nowhere")
    chosen = ["engine", "pandas", "polars", "limit"]
    monkeypatch.setattr(
        "sys.argv", ["feature_peers", "--quick", "--data", str(tmp_path), "--settings", "one", "--contenders", *chosen]
    )
    feature_peers.main()
    assert "Polars. `make bench-peers`" in " ".join(capsys.readouterr().out.split())
    (out,) = tmp_path.glob("*/feature_peers.json")
    figures = json.loads(out.read_text())
    one = figures["settings"]["one"]
    assert one["not_installed"] == ["polars"]
    assert one["compared"] == {"pandas": 2_000}
    assert set(one["summary"]) == {"engine", "pandas", "limit"}
    assert len(one["verdicts"]) == 3
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_contender_that_fails_says_why(files, tmp_path) -> None:
    files[0].write_bytes(b"not Parquet")
    with pytest.raises(rounds.ContenderError, match="this engine failed with code 1"):
        list(rounds.measure(["engine"], tmp_path, "one", 4, 1, print))


def test_verdicts_say_what_was_missed() -> None:
    row = {"end_to_end_ratio": 4.0, "compute_ratio": 7.9}
    table = {"engine": {}, "polars": row, "pandas": {"end_to_end_ratio": 9.0, "compute_ratio": 9.0}}
    met, missed = feature_peers.verdicts("one", table)
    assert met.startswith("met")
    assert missed.startswith("MISSED")
    assert "Polars: 7.90, wanted 8" in missed

"""A verdict on the wrong lead, told over HTTP and taken back there: the lead is open again on pages, in scores and exports."""

import datetime as dt
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from serving.export_store import export_store
from serving.store.connect import Store
from tests.serving.running import Client
from tests.serving.stores import Serve


def _ago(days: float) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).isoformat()


def _told(client: Client, kind: str, **item: Any) -> tuple[int, Any]:
    answer = client.post({kind: [{"lead_id": "U1", **item}]}, path=f"/{kind}")
    return answer[0], answer[-1]


def _is_listed(client: Client) -> bool:
    return b'href="/app/leads/U1"' in client.get("/app?show=all")[1]


def _wait(client: Client, listed: bool) -> None:
    deadline = time.monotonic() + 60
    while _is_listed(client) != listed and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _is_listed(client) == listed


def test_the_case_over_http(serve_store: Serve, new_url: Any, tmp_path: Path) -> None:
    url = new_url("sqlite")
    with serve_store(url, LEAD_WORKERS="1") as client:
        assert _told(client, "stage_changes", stage="mql", occurred_at=_ago(8), recorded_at=_ago(8))[0] == 200
        _wait(client, True)
        verdict = {"outcome": "sales_qualified", "occurred_at": _ago(0.01), "outcome_id": "O-1"}
        assert _told(client, "outcomes", **verdict)[0] == 200
        _wait(client, False)
        assert b'"not_scored":"already_qualified"' in client.get("/leads/U1/score")[1]
        # The same id with other content is refused, and the hint of it works
        other = {"outcome": "disqualified", "reason": "wrong lead", "occurred_at": _ago(0.005), "outcome_id": "O-1"}
        status, answer = _told(client, "outcomes", **other)
        assert status == 409
        assert "retracts" in str(answer)
        for again in ("new", "duplicate"):
            status, answer = _told(client, "outcomes", retracts="O-1")
            assert status == 200
            assert answer[again] == 1
        _wait(client, True)
        assert b'"not_scored":null' in client.get("/leads/U1/score")[1]
        page = client.get("/app/leads/U1?lang=en")[1].decode()
        assert "taken back" in page
        assert _told(client, "outcomes", retracts="O-9")[0] == 422
    store = Store(url)
    export_store(store, tmp_path, int(dt.datetime.now(dt.UTC).timestamp() * 1e6))
    store.close()
    stages = [row["stage"] for row in pq.read_table(tmp_path / "stage_changes.parquet").to_pylist()]
    assert stages == ["mql"]

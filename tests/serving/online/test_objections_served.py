"""Objections and erasure through a running service: what callers and pages see of such a lead, in both workers."""

import datetime as dt
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from models.data_protection.suppression import Entry, remember
from pipeline.data_protection.keys import make_keys
from serving.store.migrate import migrate
from tests.serving.running import settled

AT = "2026-02-01T10:00:00Z"


def delete(client: Any, lead_id: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"{client.address}/leads/{lead_id}", method="DELETE")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, json.load(answer)


def told(client: Any, kind: str, **item: Any) -> Any:
    status, answer = client.post({kind: [item]}, path=f"/{kind}")
    assert status == 200, answer
    return answer


def objected(client: Any, lead_id: str, *, wanted: bool) -> None:
    """Wait until both workers say of a lead that it objected, or that it did not; then look at it in all ways to ask."""

    def sent_one() -> Any:
        return client.scores([{"lead_id": lead_id, "snapshot_at": AT}])[0]

    settled(sent_one, lambda entry: (entry["not_scored"] == "objected") == wanted)
    sent = [sent_one() for _ in range(6)]
    asked = [json.loads(client.get(f"/leads/{lead_id}/score")[1])["lead"] for _ in range(6)]
    for entry in (*sent, *asked):
        assert (entry["probability"] is None) == (entry["not_scored"] is not None)
        assert entry["not_scored"] != "objected" or (entry["reasons"], entry["interval"], entry["tier"]) == (
            [],
            None,
            None,
        )
        assert (entry["not_scored"] == "objected") == wanted


def test_a_lead_objects_takes_it_back_and_is_erased(
    new_url: Any, serve_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    make_keys(tmp_path / "keys.json", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    url = new_url("sqlite")
    migrate(url)
    with serve_store(url, LEAD_PRIVACY_DIR=str(tmp_path)) as client:
        for lead_id in ("O-1", "O-2"):
            told(client, "stage_changes", lead_id=lead_id, stage="mql", occurred_at=AT)
        told(client, "objections", lead_id="O-1", occurred_at="2026-02-02T10:00:00Z")
        objected(client, "O-1", wanted=True)
        assert client.get("/app/leads/O-1")[0] == 404
        assert b"O-1" not in client.get("/app?show=all")[1]
        objected(client, "O-2", wanted=False)
        told(client, "objections", lead_id="O-1", occurred_at="2026-02-03T10:00:00Z", state="withdrawn")
        objected(client, "O-1", wanted=False)
        remember(tmp_path, [Entry("O-1", "objection", dt.datetime(2026, 2, 4, tzinfo=dt.UTC))])  # by the command
        objected(client, "O-1", wanted=True)
        status, erased = delete(client, "O-2")
        assert (status, erased["found"]) == (202, {})
        assert erased["rows"]["stage_changes"] == 1
        assert delete(client, "O-2")[1]["receipt"] == erased["receipt"]
        assert client.get("/leads/O-2/score")[0] == 404
        settled(
            lambda: client.scores([{"lead_id": "O-2", "snapshot_at": AT}])[0]["not_scored"],
            lambda why: why == "objected",
        )
        again = told(client, "stage_changes", lead_id="O-2", stage="mql", occurred_at=AT)
        assert (again["new"], again["warnings"][0]["code"]) == (0, "erased_lead")
        assert client.get("/leads/O-2/score")[0] == 404

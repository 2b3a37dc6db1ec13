"""A service with pseudonyms: callers and people use the CRM's ids, and nothing that it keeps or logs holds one."""

import datetime as dt
import json
import sqlite3
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.errors import LeadQualificationError
from models.data_protection.crm_ids import crm_ids
from models.data_protection.names import write_names
from models.data_protection.pseudonyms import PSEUDONYM
from models.data_protection.suppression import suppression_list
from pipeline.data_protection.keys import make_keys
from serving import export_store, import_store
from serving.online import routes
from serving.online.id_edge import edge_of
from serving.store.connect import Store
from serving.store.migrate import migrate
from serving.store.names import add_names
from tests.serving.running import log_lines, settled
from tests.serving.webhook_receiver import WebhookReceiver, received

NOW = dt.datetime.now(dt.UTC)
AT = (NOW - dt.timedelta(days=3)).isoformat()
ERIKA, OLD, KARL = "Erika.Mustermann-4711", "Erika.Mustermann-1", 'Karl "K" Muster<mann>&/ü'
OWNER = "Max Weber"
CANARIES = ("Mustermann", "Muster", "Weber")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "privacy"))
    monkeypatch.delenv("LEAD_PRIVACY_KEYS", raising=False)
    make_keys(tmp_path / "privacy" / "keys.json", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    return tmp_path


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with received() as opened:
        yield opened


def told(client: Any, kind: str, /, **item: Any) -> Any:
    status, answer = client.post({kind: [item]}, path=f"/{kind}")
    assert status == 200, answer
    return answer


def address(lead_id: str) -> str:
    return urllib.parse.quote(lead_id, safe="")


def page(client: Any, path: str) -> str:
    status, body = client.get(path)
    assert status == 200, body
    return body.decode()


def wait_for(what: Any) -> Any:
    for _ in range(1200):  # on a busy machine for minutes
        if found := what():
            return found
        time.sleep(0.25)
    pytest.fail("it did not come")


def test_callers_and_people_use_the_crm_s_ids_and_nothing_that_is_kept_does(
    new_url: Any, serve_store: Any, place: Path, receiver: WebhookReceiver
) -> None:
    url = new_url("sqlite")
    store = Path(url.removeprefix("sqlite:///"))
    migrate(url)
    settings = {
        "LEAD_PRIVACY_DIR": str(place / "privacy"),
        "LEAD_PRIVACY_IDS": "pseudonyms",
        "LEAD_WORKERS": "1",
        "LEAD_SCORE_LOG": str(place / "score_log"),
        "LEAD_SCORE_LOG_SECONDS": "1",
        "LEAD_WEBHOOK_URL": receiver.url,
        "LEAD_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
        "LEAD_CRM_LINK": "https://crm.example/leads/{lead_id}",
    }
    ids = crm_ids(place, "pseudonyms")
    with serve_store(url, **settings) as client:
        for lead_id in (ERIKA, KARL, OLD):
            told(client, "stage_changes", lead_id=lead_id, stage="mql", occurred_at=AT, owner=OWNER)
            told(client, "touchpoints", lead_id=lead_id, kind="page_view", occurred_at=AT)
        told(client, "identities", lead_id=ERIKA, visitor_id="erika@mustermann.example", identified_at=AT)
        status, answer = client.post({"lead_id": ERIKA}, path=f"/leads/{address(OLD)}/merged_into")
        assert status == 200, answer
        assert json.loads(client.get(f"/leads/{address(OLD)}/score")[1])["error"]["message"] == (
            f"this lead became part of '{ERIKA}'."
        )
        for lead_id in (ERIKA, KARL):
            asked = json.loads(client.get(f"/leads/{address(lead_id)}/score")[1])["lead"]
            assert asked["lead_id"] == lead_id
            assert client.scores([{"lead_id": lead_id, "snapshot_at": AT}])[0]["lead_id"] == lead_id
        assert client.post({"leads": [{"lead_id": ERIKA, "snapshot_at": "x"}]})[0] == 422
        listed = wait_for(lambda: ERIKA in (text := page(client, "/app?show=all")) and "Karl" in text and text)
        assert "Karl &#34;K&#34; Muster&lt;mann&gt;&amp;/ü" in listed or "Karl &quot;K&quot;" in listed
        assert OWNER in listed
        assert ids.inward(ERIKA) in listed  # in addresses of pages, which others may log
        assert PSEUDONYM.search(page(client, "/app?show=all&search=" + address(ERIKA)))
        assert "Karl" not in page(client, "/app?show=all&search=" + address(ERIKA))
        assert ERIKA in page(client, f"/app/leads/{address(ERIKA)}")
        assert ERIKA in page(client, f"/app/leads/{ids.inward(ERIKA)}")
        export = client.get("/app/export?show=all&format=csv")[1].decode("utf-8-sig", "replace")
        assert ERIKA in export
        assert OWNER in export
        assert not PSEUDONYM.search(export)
        hooks = wait_for(lambda: {data["lead_id"] for data in receiver.data} >= {ERIKA, KARL} and receiver.data)
        assert not PSEUDONYM.search(json.dumps(hooks))
        time.sleep(2)

        # What is kept
        with closing(sqlite3.connect(store)) as connection:
            dump = "\n".join(connection.iterdump())
            sealed = connection.execute("SELECT count(*) FROM names").fetchone()[0]
        assert not any(canary in dump for canary in CANARIES)
        assert "erika@" not in dump
        assert sealed == 5  # three leads, one owner, one visitor
        logs = wait_for(lambda: list((place / "score_log").rglob("*.parquet")))
        assert {ids.inward(ERIKA), ids.inward(KARL)} <= {
            one for path in logs for one in pd.read_parquet(path)["lead_id"]
        }
        kept = [path for folder in (place, store.parent) for path in folder.rglob("*") if path.is_file()]
        for path in [*kept, client.log]:
            content = path.read_bytes()
            text = pd.read_parquet(path).to_csv() if content.startswith(b"PAR1") else content.decode("utf-8", "replace")
            assert not any(canary in text for canary in CANARIES), path
        assert log_lines(client.log)

        # And gone
        request = urllib.request.Request(f"{client.address}/leads/{address(ERIKA)}", method="DELETE")
        with urllib.request.urlopen(request, timeout=60) as answered:
            erased = json.load(answered)
        assert erased["found"] == {}
        assert erased["rows"]["names"] == 3  # the lead, its old id, the visitor
        assert client.get(f"/leads/{address(ERIKA)}/score")[0] == 404
        settled(
            lambda: client.scores([{"lead_id": ERIKA, "snapshot_at": AT}])[0]["not_scored"],
            lambda why: why == "objected",
        )
        assert told(client, "touchpoints", lead_id=ERIKA, kind="page_view", occurred_at=AT)["new"] == 0
    listed_out = suppression_list(place)
    assert listed_out.erased([ERIKA, OLD, ids.inward(ERIKA), KARL]) == {ERIKA, OLD, ids.inward(ERIKA)}


def test_without_keys_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAD_PRIVACY_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("LEAD_PRIVACY_IDS", "pseudonyms")
    with pytest.raises(LeadQualificationError, match="there are no keys"):
        routes.prepare(tmp_path)
    monkeypatch.setenv("LEAD_PRIVACY_IDS", "on")
    with pytest.raises(LeadQualificationError, match="allowed are as_given and pseudonyms"):
        routes.prepare(tmp_path)


@pytest.mark.parametrize("served", ["as_given", "pseudonyms"])
def test_tables_fill_the_store_with_names_that_it_can_give_back(
    store: Store, place: Path, monkeypatch: pytest.MonkeyPatch, served: str
) -> None:
    ids = crm_ids(place, "pseudonyms")
    write_names(place, ids.pseudonyms.ring, "crm", {ids.inward(ERIKA): ERIKA, ids.inward(KARL): KARL})
    monkeypatch.setattr(import_store, "ROOT", place)
    monkeypatch.setenv("LEAD_PRIVACY_IDS", served)
    pd.DataFrame({"lead_id": [ids.inward(ERIKA)]}).to_parquet(place / "leads.parquet")
    if served == "as_given":
        with pytest.raises(LeadQualificationError, match="holds pseudonyms, and the service would show them"):
            import_store.names_for(store, place)
        return
    with store.write() as connection:
        add_names(connection, import_store.names_for(store, place))
        add_names(connection, import_store.names_for(store, place))
    edge = edge_of(store, place)
    assert edge.names_of([ids.inward(ERIKA), ids.inward(KARL)]) == {ids.inward(ERIKA): ERIKA}
    monkeypatch.setattr(export_store, "ROOT", place)
    write_names(place, ids.pseudonyms.ring, "crm", {})
    export_store._name_pseudonyms(store)
    assert crm_ids(place, "pseudonyms").outward(ids.inward(ERIKA)) == ERIKA
    pd.DataFrame({"lead_id": [ERIKA]}).to_parquet(place / "leads.parquet")
    with pytest.raises(LeadQualificationError, match="holds ids of the CRM, and LEAD_PRIVACY_IDS asks for pseudonyms"):
        import_store.names_for(store, place)

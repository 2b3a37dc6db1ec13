"""Several services over one PostgreSQL store: each decision is told once, by one of them."""

import time
from typing import Any

from serving.store.connect import Store
from serving.store.outbox import count_events
from serving.store.rescoring import leads_wait
from tests.serving.online.test_webhooks import SECRETS

# Found as fixtures here, too
from tests.serving.online.test_webhooks import crm as crm
from tests.serving.webhook_receiver import WebhookReceiver

LEADS = 120
FAR = 2**62


def _is_done(store: Store, crm: WebhookReceiver) -> bool:
    with store.read() as connection:
        counts = count_events(connection)
        return not leads_wait(connection, FAR) and set(counts) == {"sent"} and len(crm.got) >= counts["sent"]


def test_two_services_tell_each_decision_once(crm: WebhookReceiver, new_url: Any, serve_store: Any) -> None:
    url = new_url("postgresql")
    settings = {"LEAD_WEBHOOK_URL": crm.url, "LEAD_WEBHOOK_SECRET": SECRETS}
    with serve_store(url, **settings) as one, serve_store(url, **settings) as other:
        for number in range(LEADS):
            item = {"lead_id": f"L-{number}", "occurred_at": "2026-01-05T10:00:00Z", "kind": "webinar"}
            client = (one, other)[number % 2]
            assert client.post({"touchpoints": [item]}, path="/touchpoints")[0] == 200
        store = Store(url)
        for _ in range(600):
            if _is_done(store, crm):
                break
            time.sleep(0.1)
        assert _is_done(store, crm)
        store.close()
    ids = [headers["webhook-id"] for headers, _ in crm.got]
    assert len(ids) == len(set(ids)) == LEADS
    assert {told["lead_id"] for told in crm.data} == {f"L-{number}" for number in range(LEADS)}

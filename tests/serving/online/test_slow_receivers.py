"""Receivers of webhooks that never get to the end of an answer: nobody else sends the same, and nobody waits for them."""

import math
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from serving.online import webhooks
from serving.online.dispatcher import CONNECTIONS, EVENTS_AT_ONCE, LEASE_US, Dispatcher
from serving.online.webhooks import WebhookSettings
from serving.store import schema
from serving.store.connect import Store
from tests.serving.online.test_webhooks import KEYS, SECOND, Clock, _rows, _visit, _work

# Found as fixtures here, too
from tests.serving.online.test_webhooks import clock as clock
from tests.serving.online.test_webhooks import crm as crm
from tests.serving.online.test_webhooks import dispatcher as dispatcher


class _Trickle(ThreadingHTTPServer):
    """A receiver that answers byte by byte and never gets to the end, until the caller gives up."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked, self.given_up = threading.Event(), threading.Event()
        asked, given_up = self.asked, self.given_up

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.set()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
                try:
                    while True:
                        self.wfile.write(b"z")
                        time.sleep(0.05)
                except OSError:
                    given_up.set()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


def test_a_receiver_that_never_ends_its_answer_is_given_up_within_the_lease(
    dispatcher: Dispatcher, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert math.ceil(EVENTS_AT_ONCE / CONNECTIONS) * webhooks.DEADLINE * SECOND < LEASE_US
    monkeypatch.setattr(webhooks, "DEADLINE", 0.5)
    with _Trickle() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        dispatcher.sender.settings = replace(
            dispatcher.settings, url=f"http://127.0.0.1:{receiver.server_address[1]}/hook"
        )
        _visit(store, "L-1", clock.now)
        _work(dispatcher, clock)
        assert receiver.given_up.wait(600)
        receiver.shutdown()
    (event,) = _rows(store, schema.outbox)
    assert (event["state"], event["attempts"], event["last_error"]) == ("pending", 1, "TimeoutError")


def test_closing_gives_up_what_is_being_sent() -> None:
    with _Trickle() as receiver, ThreadPoolExecutor(1) as pool:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        sender = webhooks.Sender(WebhookSettings(f"http://127.0.0.1:{receiver.server_address[1]}/hook", KEYS))
        sending = pool.submit(sender.send, "evt_1", b"{}", 0)
        assert receiver.asked.wait(600)
        sender.close()
        with pytest.raises(CancelledError):
            sending.result(600)
        assert receiver.given_up.wait(600)
        receiver.shutdown()

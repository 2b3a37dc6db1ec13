"""Pages wait while a program is being answered, and not for ever."""

import asyncio
import threading

import pytest

from serving.contract.routes import MATCH, ROUTES
from serving.http import priority
from serving.http.answers import Answer, Receive, Scope
from serving.http.middleware import Middleware


def _waiting_page() -> threading.Event:
    done = threading.Event()

    def make() -> None:
        priority.give_way()
        done.set()

    threading.Thread(target=make, daemon=True).start()
    return done


def test_a_page_waits_until_the_program_has_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "MOST_SECONDS", 600.0)
    with priority.answering(), priority.answering():
        done = _waiting_page()
        assert not done.wait(0.05)
    assert done.wait(300.0)


def test_a_page_is_made_even_where_programs_never_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "MOST_SECONDS", 0.0)
    with priority.answering():
        assert _waiting_page().wait(300.0)


@pytest.mark.parametrize(("path", "counted"), [("/score", 1), ("/app", 0), ("/health", 1)])
def test_only_requests_of_programs_count(path: str, counted: int) -> None:
    seen = []

    async def handle(scope: Scope, receive: Receive) -> Answer:
        seen.append(priority.programs())
        if path == "/score":
            raise RuntimeError("a failure is over, too")
        return Answer(b"")

    async def ask() -> None:
        handlers = {route.name: handle for route in ROUTES if not route.is_upstream}
        method = "POST" if path == "/score" else "GET"
        scope: Scope = {"type": "http", "path": path, "method": method, "headers": [], MATCH: None}

        async def send(message: object) -> None:
            """Nobody reads it."""

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        await Middleware(None, handlers)(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert seen == [counted]
    assert priority.programs() == 0

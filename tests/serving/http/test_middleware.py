"""A failure within reach of a browser is a page, in its language; everyone else gets the one shape of errors."""

import asyncio
import json
import logging
from collections.abc import Callable

import pytest

from serving.app.refusals import error_page
from serving.contract.routes import MATCH, ROUTES
from serving.http.answers import Answer, Message, Receive, Scope
from serving.http.middleware import Middleware


async def _fail(scope: Scope, receive: Receive) -> Answer:
    raise RuntimeError("a handler's own fault, with a secret")


async def _answered(
    path: str, accept: str, error_page: Callable[[Scope, int, str], Answer] = error_page
) -> tuple[int, dict[str, str], str]:
    headers = [(b"accept", accept.encode()), (b"accept-language", b"de"), (b"host", b"127.0.0.1")]
    scope: Scope = {"type": "http", "path": path, "method": "GET", "headers": headers, MATCH: None}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    handlers = {route.name: _fail for route in ROUTES if not route.is_upstream}
    await Middleware(_never, handlers, error_page=error_page)(scope, receive, send)
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"].decode()


async def _never(scope: Scope, receive: Receive, send: object) -> None:
    pytest.fail("no route of these tests goes there")


def test_a_page_that_fails_says_so_on_a_page(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "bentoml.lead_qualification"):
        status, headers, text = asyncio.run(_answered("/app/model", "text/html,*/*;q=0.8"))
    assert (status, headers["x-error-code"]) == (500, "internal_error")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert int(headers["content-length"]) == len(text.encode())
    assert "Der Dienst hatte einen Fehler" in text
    assert "secret" not in text


def test_where_the_page_of_an_error_fails_the_error_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    def fails(scope: Scope, status: int, code: str) -> Answer:
        raise RuntimeError("no page, with a secret")

    with caplog.at_level(logging.CRITICAL, "bentoml.lead_qualification"):
        status, headers, text = asyncio.run(_answered("/app/model", "text/html", fails))
    assert (status, headers["content-type"]) == (500, "application/json")
    assert json.loads(text)["error"]["code"] == "internal_error"
    assert "secret" not in text


@pytest.mark.parametrize(("path", "accept"), [("/app/model", "*/*"), ("/health", "text/html")])
def test_a_program_reads_the_failure_as_json(path: str, accept: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "bentoml.lead_qualification"):
        status, headers, text = asyncio.run(_answered(path, accept))
    assert (status, headers["content-type"]) == (500, "application/json")
    assert json.loads(text)["error"]["code"] == "internal_error"

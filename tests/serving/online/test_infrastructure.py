"""What the service says of itself."""

import asyncio
from collections.abc import Mapping
from typing import Any

from serving.online.infrastructure import handlers


def test_the_document_is_written_once_however_often_it_is_asked_for() -> None:
    asked = []

    def described() -> Mapping[str, Any]:
        asked.append(1)
        return {"openapi": "3.0.2", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {}}}

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    docs = handlers(lambda: None, described)["docs"]  # type: ignore[arg-type, return-value]
    first, second = (asyncio.run(docs({}, receive)) for _ in range(2))
    assert first.body == second.body
    assert b"/score" in first.body
    assert asked == [1]

"""Handlers of the routes that say what the service is and how it is: its page, its document, health, readiness, metrics."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from serving.http.answers import Answer, Handler, Receive, Scope
from serving.online import routes
from serving.openapi.document import openapi_document
from serving.scoring import metrics
from serving.scoring.scorer import Scorer
from serving.scoring.served_scorers import ServedScorers

__all__ = ["handlers"]

_PAGE = Path(__file__).parents[1] / "pages" / "index.html"


def handlers(models: Callable[[], ServedScorers], described: Callable[[], Mapping[str, Any]]) -> dict[str, Handler]:
    """Make them, by the names of `serving.contract.routes.ROUTES`.

    Parameters
    ----------
    models : callable
        Gives the scorers of the moment.
    described : callable
        Gives the server's own OpenAPI document.
    """

    async def index(scope: Scope, receive: Receive) -> Answer:
        # The server's own page loads a tracker from the network
        return Answer(_PAGE.read_bytes(), media_type=b"text/html; charset=utf-8")

    @cache
    def document() -> Answer:
        # Open to everyone and a tenth of a second to write, which would be a way to hold up the scores of others
        return _json(openapi_document(described()))

    async def docs(scope: Scope, receive: Receive) -> Answer:
        return document()

    async def health(scope: Scope, receive: Receive) -> Answer:
        return _json({"status": "alive"})

    async def ready(scope: Scope, receive: Receive) -> Answer:
        # A store that takes no writes is reported, and no reason to take the service out: /score works without it. Nor is one
        # of several models that can't be served: the others answer
        served = models()
        states = {name: _state(served.find(name)) for name in served.names}
        model = {key: value for key, value in states[served.names[0]].items() if key != "status"} or None
        return _json({"status": "ready", "model": model, "models": states, "store": await routes.store_state()})

    async def figures(scope: Scope, receive: Receive) -> Answer:
        return Answer(metrics.exposition(), media_type=metrics.CONTENT_TYPE_LATEST.encode("ascii"))

    return {"index": index, "docs": docs, "health": health, "ready": ready, "metrics": figures}


def _state(scorer: Scorer | None) -> dict[str, str]:
    """Say how a model is; why one is not served the log says, since anybody may ask this."""
    if scorer is None:
        return {"status": "unavailable"}
    return {"status": "serving", "name": scorer.name, "version": scorer.version}


def _json(content: Any) -> Answer:
    return Answer(json.dumps(content, separators=(",", ":")).encode("ascii"))

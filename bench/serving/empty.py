"""An empty BentoML service: the request schema of `POST /score`, checked as BentoML does by default, and a constant answer.

What it leaves out is everything but the framework: no strict JSON, no journey, no model, no log line per request.
"""

import os
from typing import Any

import bentoml

from serving.contract.score import ScoreRequest

__all__ = ["Empty", "EmptyAsync"]

WORKERS = int(os.environ.get("LEAD_WORKERS", "2"))


class _Empty:
    """A plain method, which BentoML runs in a thread, as in its documentation."""

    @bentoml.api(route="/score")
    def score(self, request: ScoreRequest, /) -> dict[str, str]:
        """Answer at once."""
        return {"status": "ok"}


class _EmptyAsync:
    """An async method, which BentoML runs on the event loop: the least it can cost."""

    @bentoml.api(route="/score")
    async def score(self, request: ScoreRequest, /) -> dict[str, str]:
        """Answer at once."""
        return {"status": "ok"}


# BentoML's log line per request is off: the service measured against this one writes its own
_SETTINGS: dict[str, Any] = {"workers": WORKERS, "threads": 2, "logging": {"access": {"enabled": False}}}
Empty = bentoml.service(_Empty, name="empty", **_SETTINGS)
EmptyAsync = bentoml.service(_EmptyAsync, name="empty_async", **_SETTINGS)

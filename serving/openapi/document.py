"""The OpenAPI document of the service, from the schemas that check the requests."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.contract import examples
from serving.contract.event_kinds import EVENT_KINDS
from serving.contract.events import Accepted, Erased, LeadScore
from serving.contract.score import ErrorAnswer, ScoreAnswer, ScoreRequest
from serving.openapi.events import event_paths
from serving.openapi.security import SCHEMES, secured

__all__ = ["openapi_document"]

REF = "#/components/schemas/{model}"
ERRORS = {
    "400": "The body is not JSON, or JSON that takes liberties: a key twice, NaN, no request's structure.",
    "403": "The key lacks the scope, or may not use the model; or `debug`, which needs `admin`, or no key where none is needed "
    "on the same machine.",
    "408": "The body took too long to arrive.",
    "413": "The body is too large.",
    "415": "The content type is not application/json.",
    "422": "A field is missing, unknown, of the wrong type or out of range; `field` names it.",
    "500": "The service failed; its log says why.",
    "503": "The service has too much to do, holds too many bytes, or can't serve the model at the moment. Send it again after "
    "`Retry-After` seconds.",
}
DESCRIPTION = """Scores leads from their journeys: how likely is each to become sales-qualified, and why.

Either send the whole journey to `/score`, which stores nothing; or send events as they happen, and ask for the lead's
score. What lies at or after `snapshot_at` changes nothing but `warnings`."""

_STATES = {
    f"/{name}": {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["Infrastructure"],
            "responses": {
                "200": {"description": answer, "content": {"application/json": {"schema": {"type": "object"}}}}
            },
        }
    }
    for name, summary, answer in (
        ("health", "Whether the process lives.", "It does."),
        ("ready", "Whether it can score.", "It can; with its models, and whether the store is up, read_only or down."),
    )
}


def openapi_document(base: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the server's own document by the schemas, examples and errors of `/score`.

    Parameters
    ----------
    base : mapping
        What the server generates; its infrastructure routes are kept.

    Returns
    -------
    dict
        An OpenAPI 3.1 document.
    """
    answers = (ScoreAnswer, Accepted, LeadScore, Erased, ErrorAnswer)
    requests: list[type[BaseModel]] = [ScoreRequest, *(kind.body for kind in EVENT_KINDS.values())]
    _, defined = models_json_schema(
        [*((body, "validation") for body in requests), *((answer, "serialization") for answer in answers)],
        ref_template=REF,
    )
    paths = {path: item for path, item in base.get("paths", {}).items() if path != "/score"}
    paths = {"/score": {"post": _score()}, **event_paths(_content), **_STATES, **paths}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lead qualification", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": "."}],
        "tags": list(base.get("tags", [])),
        "paths": {path: secured(path, item, _content) for path, item in paths.items()},
        "components": {"schemas": {**_of_infrastructure(base), **defined["$defs"]}, "securitySchemes": SCHEMES},
    }


def _score() -> dict[str, Any]:
    return {
        "operationId": "score",
        "summary": "Score one or many leads.",
        "description": "Stateless: each lead comes with its whole journey, and is scored as if it came alone.",
        "tags": ["Service APIs"],
        "requestBody": {"required": True, "content": _content("ScoreRequest", examples.REQUEST)},
        "responses": {
            "200": {"description": "One entry per lead.", "content": _content("ScoreAnswer", examples.ANSWER)},
            **{
                status: {"description": text, "content": _content("ErrorAnswer", examples.ERROR)}
                for status, text in ERRORS.items()
            },
        },
    }


def _content(schema: str, example: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": REF.format(model=schema)}
    return {"application/json": {"schema": reference, "examples": {"typical": {"value": example}}}}


def _of_infrastructure(base: Mapping[str, Any]) -> dict[str, Any]:
    """Keep only those of the server's schemas that its infrastructure routes refer to: none but its exceptions."""
    schemas = base.get("components", {}).get("schemas", {})
    used = str({path: item for path, item in base.get("paths", {}).items() if path != "/score"})
    return {name: schema for name, schema in schemas.items() if f"/{name}'" in used}

"""The part of the OpenAPI document about the event routes, and about the score of a stored lead."""

from collections.abc import Callable
from typing import Any

from serving.contract import examples
from serving.contract.event_kinds import EVENT_KINDS, EventKind
from serving.contract.events import ScoreQuery

__all__ = ["event_paths"]

WRITE_ERRORS = {
    "400": "The body is not JSON, or JSON that takes liberties.",
    "408": "The body took too long to arrive.",
    "409": "An id was accepted with other content before; nothing of the body was written.",
    "413": "The body is too large.",
    "415": "The content type is not application/json.",
    "422": "A field is missing, unknown, of the wrong type or out of range; `field` names it.",
    "500": "The service failed; its log says why.",
    "503": "The store does not answer, or bodies are too many; nothing was accepted. Send it after `Retry-After` seconds.",
}
SCORE_ERRORS = {
    "400": "A parameter stands twice, or the path holds a control character.",
    "404": "Nothing is known of this lead.",
    "422": "A parameter is wrong, or what is stored is not what the model takes.",
    "500": "The service failed; its log says why.",
    "503": "The store does not answer. Try again after `Retry-After` seconds.",
}
ERASE_ERRORS = {
    "400": "The path holds a control character.",
    "409": "There are no keys for the suppression list.",
    "500": "The service failed; its log says why.",
    "503": "The store does not answer. Try again after `Retry-After` seconds.",
}
_LEAD_ID = {"name": "lead_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}

Content = Callable[[str, dict[str, Any]], dict[str, Any]]


def event_paths(content: Content) -> dict[str, Any]:
    """Describe the routes of `serving.online.routes`.

    Parameters
    ----------
    content : callable
        Gives the content of a body from its schema's name and an example.
    """
    paths: dict[str, Any] = {kind.template: {"post": _event_operation(kind, content)} for kind in EVENT_KINDS.values()}
    paths["/leads/{lead_id}/score"] = {"get": _score(content)}
    paths["/leads/{lead_id}"] = {"delete": _erase(content)}
    return paths


def _event_operation(kind: EventKind, content: Content) -> dict[str, Any]:
    body = content(kind.body.__name__, kind.example_body)
    return {
        **({"parameters": [_LEAD_ID]} if kind.single is not None else {}),
        "operationId": f"tell_{kind.name}",
        "summary": kind.summary,
        "description": "All of a body is accepted, or nothing of it. Sent again, it changes nothing.",
        "tags": ["Service APIs"],
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "Accepted, and durable.", "content": content("Accepted", examples.ACCEPTED)},
            **_errors(WRITE_ERRORS, content),
        },
    }


def _score(content: Content) -> dict[str, Any]:
    properties = ScoreQuery.model_json_schema()["properties"]
    query = [
        {"name": name, "in": "query", "description": schema.get("description", ""), "schema": schema}
        for name, schema in properties.items()
    ]
    return {
        "operationId": "score_lead",
        "summary": "Score one lead as the store knows it.",
        "description": "The same entry as in `POST /score`, and the decision.",
        "tags": ["Service APIs"],
        "parameters": [_LEAD_ID, *query],
        "responses": {
            "200": {"description": "The score.", "content": content("LeadScore", examples.LEAD_SCORE)},
            **_errors(SCORE_ERRORS, content),
        },
    }


def _erase(content: Content) -> dict[str, Any]:
    return {
        "operationId": "erase_lead",
        "summary": "Erase a person from the store, for good.",
        "description": "Also of the leads that it was merged with. Sent again, it gives the same receipt.",
        "tags": ["Service APIs"],
        "parameters": [_LEAD_ID],
        "responses": {
            "202": {
                "description": "Erased here; `left` says where not.",
                "content": content("Erased", examples.ERASED),
            },
            **_errors(ERASE_ERRORS, content),
        },
    }


def _errors(descriptions: dict[str, str], content: Content) -> dict[str, Any]:
    return {
        status: {"description": text, "content": content("ErrorAnswer", examples.ERROR)}
        for status, text in descriptions.items()
    }

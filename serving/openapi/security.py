"""The part of the OpenAPI document about keys: which routes need one, and what is answered without."""

from collections.abc import Callable
from typing import Any

from serving.contract import examples
from serving.contract.routes import match

__all__ = ["SCHEMES", "secured"]

SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, `lq_<id>_<secret>`. Needed wherever the service listens beyond its own machine.",
    }
}
_CHALLENGE = {"WWW-Authenticate": {"description": "What kind of key is needed.", "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}

Content = Callable[[str, dict[str, Any]], dict[str, Any]]


def secured(path: str, item: dict[str, Any], content: Content) -> dict[str, Any]:
    """Add to the operations of a path which key they need.

    Parameters
    ----------
    path : str
        As in the document.
    item : dict
        Method to operation.
    content : callable
        Gives the content of a body from its schema's name and an example.
    """
    matched = match(path)
    scope = "any" if matched is None else matched.route.needs
    if scope == "open":
        return item
    example = content("ErrorAnswer", examples.ERROR)
    answers: dict[str, Any] = {
        "401": {"description": "No key, or one that is not valid.", "headers": _CHALLENGE, "content": example},
        "429": {"description": "The key has used up what it may do.", "headers": _RETRY, "content": example},
    }
    text = "Any key may." if scope == "any" else f"Needs a key with the scope `{scope}`, or `admin`."
    if scope != "any":
        answers["403"] = {"description": text, "headers": _CHALLENGE, "content": example}
    return {method: _operation(operation, answers, text) for method, operation in item.items()}


def _operation(operation: dict[str, Any], answers: dict[str, Any], text: str) -> dict[str, Any]:
    responses_given = operation.get("responses", {})
    merged = {status: {**answer, **responses_given.get(status, {})} for status, answer in answers.items()}
    described = " ".join(filter(None, (operation.get("description"), text)))
    responses = dict(sorted({**responses_given, **merged}.items()))
    return {**operation, "description": described, "security": [{"key": []}], "responses": responses}

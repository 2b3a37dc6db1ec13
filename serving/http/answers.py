"""The types of ASGI, and the answer that a handler returns, with what the access log may hold of it."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from serving.contract.errors import RequestError, error_body

__all__ = [
    "CODE_HEADER",
    "ID_HEADER",
    "JSON",
    "Answer",
    "App",
    "Handler",
    "Message",
    "Receive",
    "ResponseRecord",
    "Scope",
    "Send",
    "error_answer",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CODE_HEADER = b"x-error-code"
ID_HEADER = b"x-request-id"
JSON = b"application/json"
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and what the access log may hold of it.

    Attributes
    ----------
    body : bytes
        JSON, unless `media_type` says otherwise.
    status : int
        HTTP status.
    code : str or None
        Of an error.
    leads : int or None
        How many were scored.
    version, model : str or None
        Of the model that scored, and what it is called here.
    headers : tuple of (bytes, bytes)
        Beyond those that every answer has.
    media_type : bytes
        Of the body.
    """

    body: bytes
    status: int = 200
    code: str | None = None
    leads: int | None = None
    version: str | None = None
    headers: Headers = ()
    media_type: bytes = JSON
    model: str | None = None

    def all_headers(self, request_id: bytes) -> list[tuple[bytes, bytes]]:
        """Write the headers of this answer to one request."""
        headers = [
            (b"content-type", self.media_type),
            (b"content-length", str(len(self.body)).encode("ascii")),
            (ID_HEADER, request_id),
            *self.headers,
        ]
        if self.code is not None:
            headers.append((CODE_HEADER, self.code.encode("ascii")))
        return headers


Handler = Callable[[Scope, Receive], Awaitable[Answer]]


@dataclass(slots=True)
class ResponseRecord:
    """How one request was answered, for the access log."""

    status: int = 0
    bytes: int = 0
    code: str | None = None
    leads: int | None = None
    version: str | None = None
    model: str | None = None


def error_answer(error: RequestError, *headers: tuple[bytes, bytes]) -> Answer:
    """Answer with an error."""
    return Answer(error_body(error), error.status, error.code, headers=headers)

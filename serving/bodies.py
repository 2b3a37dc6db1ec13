"""Reading the body of a request, within the limits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request

from serving.errors import RequestError
from serving.limits import MAX_BODY_BYTES, READ_SECONDS
from serving.strict_json import too_large

__all__ = ["read_body", "skip_body"]


async def read_body(request: Request) -> bytes:
    """Read a JSON body.

    Raises
    ------
    RequestError
        415 where it is not plain JSON, 413 where it is too large, 408 where it takes too long, 400 where the caller hung up.
    """
    content_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if content_type != "application/json":
        message = f"the content type is {content_type[:60]!r}; application/json is expected."
        raise RequestError(415, "unsupported_media_type", message, hint="Send Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(415, "unsupported_media_type", "the body is compressed; only plain JSON is taken.")
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise too_large()
    except TimeoutError:
        hint = "Send less at once, or over a faster line."
        raise RequestError(408, "too_slow", f"the body took longer than {READ_SECONDS} s.", hint=hint) from None
    except ClientDisconnect:
        raise RequestError(400, "disconnected", "the caller hung up.") from None
    return bytes(body)


async def skip_body(receive: Callable[[], Awaitable[Any]]) -> None:
    """Take in a body that nobody will look at, within the limits: a caller that is still sending would not see the answer."""
    size, is_more = 0, True
    try:
        async with asyncio.timeout(READ_SECONDS):
            while is_more and size <= MAX_BODY_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                is_more = message.get("more_body", False)
    except TimeoutError:
        return  # then it won't see it

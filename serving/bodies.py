"""Reading the body of a request, within the limits."""

from starlette.requests import ClientDisconnect, Request

from serving.errors import RequestError
from serving.limits import MAX_BODY_BYTES
from serving.strict_json import too_large

__all__ = ["read_body"]


async def read_body(request: Request) -> bytes:
    """Read a JSON body.

    Raises
    ------
    RequestError
        415 where it is not plain JSON, 413 where it is too large, 400 where the caller hung up.
    """
    content_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if content_type != "application/json":
        message = f"the content type is {content_type[:60]!r}; application/json is expected."
        raise RequestError(415, "unsupported_media_type", message, hint="Send Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(415, "unsupported_media_type", "the body is compressed; only plain JSON is taken.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise too_large()
    except ClientDisconnect:
        raise RequestError(400, "disconnected", "the caller hung up.") from None
    return bytes(body)

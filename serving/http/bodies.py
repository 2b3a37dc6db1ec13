"""Reading the body of a request, within the limits, and counting what a worker holds of all of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from starlette.requests import Request

from serving.contract.errors import RequestError
from serving.contract.limits import LARGE_BYTES_AT_ONCE, MAX_BODY_BYTES, READ_SECONDS, SMALL_BYTES, SMALL_BYTES_AT_ONCE
from serving.contract.strict_json import too_large
from serving.http.memory import MemoryTrimmer

__all__ = ["BytesHeld", "bytes_held", "read_body", "skip_body"]

Receive = Callable[[], Awaitable[Any]]
JSON = "application/json"


class BytesHeld:
    """The bytes of bodies that one worker holds: being read, waiting, or worked on.

    Small bodies are counted apart, and as they arrive: callers of large ones, also slow ones, never keep them out. Large ones
    are counted as announced, before they arrive, so that those under way find their room.
    """

    def __init__(self, large: int = LARGE_BYTES_AT_ONCE, small: int = SMALL_BYTES_AT_ONCE) -> None:
        self.large = self.small = 0
        self._most_large, self._most_small = large, small
        self._trimmer = MemoryTrimmer()

    @contextlib.contextmanager
    def share(self) -> Iterator["_Share"]:
        """Open an account for the bytes of one body; they count until the block ends."""
        share = _Share(self)
        try:
            yield share
        finally:
            if share.is_large:
                self._trimmer.trim_soon()
            share.end()

    def change(self, large: int, small: int) -> None:
        """Count more, or fewer.

        Raises
        ------
        RequestError
            503, when it would be more than the worker may hold; then nothing is counted.
        """
        is_too_much = large > 0 and self.large + large > self._most_large
        if is_too_much or (small > 0 and self.small + small > self._most_small):
            message = "the service holds as many bytes of requests as it may."
            raise RequestError(503, "too_busy", message, hint="Send it again later, or less at once.")
        self.large += large
        self.small += small


class _Share:
    """The bytes that one body counts for."""

    def __init__(self, held: BytesHeld) -> None:
        self._held, self._large, self._small, self._announced = held, 0, 0, 0

    @property
    def is_large(self) -> bool:
        """Tell whether it counts among the large ones."""
        return self._large > 0

    def announce(self, size: int) -> None:
        """Count what is yet to come, unless it is small."""
        if size > SMALL_BYTES:
            self.grow(size)
            self._announced = size

    def grow(self, size: int) -> None:
        """Count so many bytes from now on, or as many as were announced."""
        if size > MAX_BODY_BYTES:
            raise too_large()
        size = max(size, self._announced)
        large, small = (size, 0) if size > SMALL_BYTES else (0, size)
        self._held.change(large - self._large, small - self._small)
        self._large, self._small = large, small

    def end(self) -> None:
        """Count nothing any more."""
        self._held.change(-self._large, -self._small)
        self._large = self._small = self._announced = 0


bytes_held = BytesHeld()
"""Of this process."""


@contextlib.asynccontextmanager
async def read_body(request: Request, expected: str = JSON) -> AsyncIterator[bytes]:
    """Read a body of the expected media type; it counts among the bytes that the worker holds until the block ends.

    Raises
    ------
    RequestError
        415 where it is of another type or compressed, 413 where it is too large, 408 where it takes too long, 400 where the
        caller hung up, 503 where the worker holds too much already. Whoever is still sending is heard to the end, or would not
        see the error.
    """
    with bytes_held.share() as share:
        refusal = _refusal(request, share, expected)
        if refusal is not None:
            await skip_body(request.receive)
            raise refusal
        yield await _read(request.receive, share)


def _refusal(request: Request, share: "_Share", expected: str) -> RequestError | None:
    """Find what the head says against the body; what it announces counts from here on."""
    content_type = request.headers.get("content-type", expected).split(";")[0].strip().lower()
    if content_type != expected:
        message = f"the content type is {content_type[:60]!r}; {expected} is expected."
        return RequestError(415, "unsupported_media_type", message, hint=f"Send Content-Type: {expected}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        return RequestError(415, "unsupported_media_type", "the body is compressed; only a plain one is taken.")
    announced = request.headers.get("content-length", "")  # the server has seen to it that it is a number, and kept
    try:
        share.announce(int(announced) if announced else 0)
    except RequestError as error:
        return error
    return None


async def _read(receive: Receive, share: "_Share") -> bytes:
    body, is_more = bytearray(), True
    try:
        async with asyncio.timeout(READ_SECONDS):
            while is_more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestError(400, "disconnected", "the caller hung up.")
                chunk, is_more = message.get("body", b""), message.get("more_body", False)
                share.grow(len(body) + len(chunk))
                body += chunk
    except TimeoutError:
        hint = "Send less at once, or over a faster line."
        raise RequestError(408, "too_slow", f"the body took longer than {READ_SECONDS} s.", hint=hint) from None
    except RequestError as error:
        share.end()
        body.clear()
        if is_more and error.status != 400:
            await skip_body(receive)
        raise
    return bytes(body)


async def skip_body(receive: Receive) -> None:
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

"""What a worker holds of bodies: counted from the first byte on, never beyond the cap, and never longer than the request."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from serving.contract.errors import RequestError
from serving.contract.limits import MAX_BODY_BYTES, SMALL_BYTES
from serving.http import bodies
from serving.http.bodies import BytesHeld, read_body

LARGE = SMALL_BYTES + 1


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> BytesHeld:
    """Count anew, with room for two large bodies and two small ones."""
    counted = BytesHeld(large=2 * LARGE, small=2 * SMALL_BYTES)
    monkeypatch.setattr(bodies, "bytes_held", counted)
    return counted


class Caller:
    """Sends chunks, then hangs up, or waits forever; `sent` is how many were taken from it."""

    def __init__(
        self, *chunks: bytes, length: int | None = None, then: str = "end", content_type: str = "application/json"
    ) -> None:
        headers = [(b"content-type", content_type.encode())]
        headers += [] if length is None else [(b"content-length", str(length).encode())]
        self.chunks, self.then, self.sent = chunks, then, 0
        self.request = Request({"type": "http", "method": "POST", "path": "/score", "headers": headers}, self.receive)

    async def receive(self) -> Any:
        if self.sent < len(self.chunks):
            self.sent += 1
            is_last = self.sent == len(self.chunks)
            more = not is_last or self.then != "end"
            return {"type": "http.request", "body": self.chunks[self.sent - 1], "more_body": more}
        if self.then == "hang up":
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()


async def read(caller: Caller, within: Callable[[bytes], Any] = len) -> Any:
    async with read_body(caller.request) as body:
        return within(body)


def refusal(caller: Caller) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        asyncio.run(read(caller))
    return caught.value.status, caught.value.code


def held(counted: BytesHeld) -> tuple[int, int]:
    return counted.large, counted.small


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, LARGE])
@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_counts_until_the_request_ends(counted: BytesHeld, size: int, is_announced: bool) -> None:
    caller = Caller(b" " * (size // 2), b" " * (size - size // 2), length=size if is_announced else None)
    seen = asyncio.run(read(caller, lambda body: (len(body), held(counted))))
    assert seen == (size, (size, 0) if size > SMALL_BYTES else (0, size))
    assert held(counted) == (0, 0)


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("sent", [1, LARGE])
def test_nothing_counts_after_whoever_hung_up(counted: BytesHeld, sent: int, is_announced: bool) -> None:
    assert refusal(Caller(b" " * sent, length=2 * LARGE if is_announced else None, then="hang up")) == (
        400,
        "disconnected",
    )
    assert held(counted) == (0, 0)


@pytest.mark.parametrize("sent", [1, LARGE])
def test_nothing_counts_after_who_was_too_slow(counted: BytesHeld, sent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.05)
    assert refusal(Caller(b" " * sent, then="wait")) == (408, "too_slow")
    assert held(counted) == (0, 0)


@pytest.mark.parametrize("size", [1, LARGE])
def test_nothing_counts_after_a_failure_within(counted: BytesHeld, size: int) -> None:
    def fails(body: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(read(Caller(b" " * size), fails))
    assert held(counted) == (0, 0)


def test_nothing_counts_after_a_request_was_cancelled(counted: BytesHeld) -> None:
    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await read(Caller(b" " * LARGE, then="wait"))

    asyncio.run(cancelled())
    assert held(counted) == (0, 0)


def test_a_large_body_beyond_the_cap_is_refused_and_small_ones_are_not(counted: BytesHeld) -> None:
    async def beside() -> None:
        async with read_body(Caller(b" " * LARGE).request), read_body(Caller(b" " * LARGE).request):
            assert held(counted) == (2 * LARGE, 0)
            for caller in (Caller(b" " * LARGE, length=LARGE), Caller(b" " * SMALL_BYTES, b" ", b" ", b" ")):
                with pytest.raises(RequestError) as caught:
                    await read(caller)
                assert (caught.value.status, caught.value.code) == (503, "too_busy")
                assert caller.sent == len(caller.chunks)  # else the caller, still sending, would not see the answer
            assert await read(Caller(b" " * SMALL_BYTES, length=SMALL_BYTES)) == SMALL_BYTES
            assert held(counted) == (2 * LARGE, 0)
        assert await read(Caller(b" " * LARGE)) == LARGE

    asyncio.run(beside())
    assert held(counted) == (0, 0)


def test_slow_callers_of_large_bodies_take_the_room_that_they_announced_and_no_other(counted: BytesHeld) -> None:
    async def beside() -> None:
        slow = [asyncio.create_task(read(Caller(b" ", length=LARGE, then="wait"))) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert held(counted) == (2 * LARGE, 0)
        with pytest.raises(RequestError) as caught:
            await read(Caller(b" " * LARGE, length=LARGE))
        assert caught.value.code == "too_busy"
        assert await read(Caller(b" " * SMALL_BYTES, length=SMALL_BYTES)) == SMALL_BYTES
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    asyncio.run(beside())
    assert held(counted) == (0, 0)


def test_small_bodies_have_a_cap_of_their_own_and_count_as_they_arrive(counted: BytesHeld) -> None:
    async def beside() -> None:
        slow = [asyncio.create_task(read(Caller(b" ", length=SMALL_BYTES, then="wait"))) for _ in range(4)]
        await asyncio.sleep(0.01)
        assert held(counted) == (0, 4)
        async with read_body(Caller(b" " * SMALL_BYTES).request):
            with pytest.raises(RequestError) as caught:
                await read(Caller(b" " * SMALL_BYTES))
            assert caught.value.code == "too_busy"
            assert await read(Caller(b" " * LARGE)) == LARGE
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    asyncio.run(beside())
    assert held(counted) == (0, 0)


@pytest.mark.parametrize("is_announced", [True, False])
def test_what_is_too_large_is_told_to_whoever_is_still_sending(counted: BytesHeld, is_announced: bool) -> None:
    room = BytesHeld()
    counted.__dict__.update(room.__dict__)
    chunks = [b" " * (MAX_BODY_BYTES // 4)] * 4 + [b" "]
    caller = Caller(*chunks, length=MAX_BODY_BYTES + 1 if is_announced else None)
    assert refusal(caller) == (413, "too_large")
    assert caller.sent == len(chunks)
    assert held(counted) == (0, 0)


def test_what_is_no_json_is_refused_by_its_head(counted: BytesHeld) -> None:
    caller = Caller(b" " * LARGE, b" ", length=LARGE + 1, content_type="text/plain")
    assert refusal(caller) == (415, "unsupported_media_type")
    assert caller.sent == 2
    assert held(counted) == (0, 0)

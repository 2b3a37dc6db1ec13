"""Limits of keys: what a bucket lets through, that all workers share it, and what a caller beyond it is told."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.access.key_file import key_id_of
from serving.access.rate_limits import RateLimits
from tests.serving.keyed import Keyed, error_of

ID = "0123456789ab"


def take(limits: RateLimits, now: float, requests: int = 1, leads: int = 0, key_id: str = ID, **most: int) -> float:
    allowed = {"requests_per_minute": 60, "leads_per_minute": 600, **most}
    return limits.take(key_id, requests, leads, now, **allowed)


def test_a_minute_s_worth_at_once_then_as_it_fills_up() -> None:
    limits = RateLimits()
    assert [take(limits, 100.0) for _ in range(60)] == [0.0] * 60
    assert take(limits, 100.0) == pytest.approx(1.0)
    assert take(limits, 100.5) == pytest.approx(0.5)  # what was refused did not count
    assert take(limits, 101.0) == 0.0
    assert take(limits, 101.0) > 0.0


def test_leads_beyond_the_limit_are_made_up_for_afterwards() -> None:
    limits = RateLimits()
    assert take(limits, 0.0, leads=1) == 0.0
    assert take(limits, 0.0, requests=0, leads=899) == 0.0  # of the same request; its body is read by now
    assert take(limits, 0.0, leads=1) == pytest.approx(30.1)
    assert take(limits, 0.0, leads=0) == 0.0  # what scores nothing does not wait for it
    assert take(limits, 30.2, leads=1) == 0.0


def test_keys_do_not_share_and_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    limits = RateLimits()
    for _ in range(60):
        take(limits, 50.0)
    assert take(limits, 50.0, key_id="0123456789ac") == 0.0
    assert take(limits, 40.0) > 0.0


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=200), st.integers(1, 200))
def test_never_more_than_a_bucket_and_what_flowed_in(steps: list[float], most: int) -> None:
    limits, now, admitted = RateLimits(), 0.0, 0
    for step in steps:
        now += step
        admitted += take(limits, now, requests_per_minute=most) == 0.0
    assert admitted <= most + now * most / 60.0 + 1e-6


def test_more_keys_than_neighbours_push_out_the_one_used_longest_ago() -> None:
    limits = RateLimits()
    same_slot = [f"{number * 4_096:012x}" for number in range(9)]
    for now, key_id in enumerate(same_slot):
        take(limits, float(now), requests=1, key_id=key_id, requests_per_minute=1)
    assert take(limits, 9.0, key_id=same_slot[8], requests_per_minute=1) > 0.0
    assert take(limits, 9.0, key_id=same_slot[0], requests_per_minute=1) == 0.0


COUNT = """
import sys
from pathlib import Path
from serving.access.rate_limits import RateLimits
limits = RateLimits(Path(sys.argv[1]))
taken = [limits.take("0123456789ab", 1, 0, 7.0, requests_per_minute=3000, leads_per_minute=1) for _ in range(2000)]
print(taken.count(0.0))
"""


def test_processes_count_together(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNT, str(tmp_path / "limits")]
    started = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    admitted = sum(int(process.communicate(timeout=120)[0]) for process in started)
    # A lock that can't be had lets a request through at once, and counts it later: as many at most as a process ever owes
    assert 3_000 <= admitted <= 3_000 + 30


def test_a_lock_that_is_never_given_back_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "limits"
    limits = RateLimits(path)
    with path.open("r+b") as stuck:
        fcntl.flock(stuck, fcntl.LOCK_EX)
        assert [take(limits, 0.0) for _ in range(100)] == [0.0] * 100
    assert take(limits, 0.0) == pytest.approx(41.0)  # they count as soon as it is there
    assert take(limits, 42.0) == 0.0


def _admitted(keyed: Keyed, key: str) -> None:
    """Wait until both workers know a new key; asking where it may not costs it nothing."""
    in_a_row = 0
    for _ in range(2_000):
        in_a_row = in_a_row + 1 if keyed.error("/touchpoints", b"{}", key) == (403, "missing_scope") else 0
        if in_a_row == 40:
            return
    pytest.fail("the key is not taken up")


def test_workers_share_a_limit_of_requests(keyed: Keyed) -> None:
    key = keyed.keys.create("--scope", "score", "--requests-per-minute", "20")
    _admitted(keyed, key)
    answers: list[Any] = [keyed.ask("/score", {"leads": [{"lead_id": "L-1"}]}, key) for _ in range(60)]
    statuses = [status for status, _, _ in answers]
    assert set(statuses) == {200, 429}
    assert statuses[:20] == [200] * 20  # each on a connection of its own, so of both workers
    _, headers, answer = next(one for one in answers if one[0] == 429)
    assert 1 <= int(headers["retry-after"]) <= 60
    error = error_of(answer)
    assert error["code"] == "too_many_requests"
    assert f"the key {key_id_of(key)} may send 20 requests" in error["message"]
    assert keyed.ask("/score", {"leads": [{"lead_id": "L-1"}]}, keyed.score)[0] == 200  # others don't wait


def test_a_large_request_is_answered_and_the_next_one_waits(keyed: Keyed) -> None:
    key = keyed.keys.create("--scope", "score", "--leads-per-minute", "100")
    _admitted(keyed, key)
    body = {"leads": [{"lead_id": f"L-{number}"} for number in range(500)], "reasons": 0}
    status, _, answer = keyed.ask("/score", body, key)
    assert (status, len(json.loads(answer)["leads"])) == (200, 500)
    status, headers, _ = keyed.ask("/score", body, key)
    assert status == 429
    assert int(headers["retry-after"]) > 60
    assert keyed.ask("/leads/L-1/score", key=key)[0] == 429


def test_a_request_that_fails_counts_too(keyed: Keyed) -> None:
    key = keyed.keys.create("--scope", "score", "--requests-per-minute", "5")
    _admitted(keyed, key)
    statuses = [keyed.ask("/score", b"{", key)[0] for _ in range(20)]
    assert statuses[:5] == [400] * 5
    assert 429 in statuses


def test_nothing_waits_for_open_addresses(keyed: Keyed) -> None:
    key = keyed.keys.create("--scope", "score", "--requests-per-minute", "1")
    _admitted(keyed, key)
    assert 429 in [keyed.ask("/metrics", key=key)[0] for _ in range(5)]
    assert {keyed.ask("/health", key=key)[0] for _ in range(20)} == {200}

"""Where a request is worked on: decided by what it asks for, however it is spelled."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from serving.contract.limits import SMALL_BYTES, SMALL_LEADS, SMALL_RECORDS
from serving.scoring.champion import Champion
from serving.scoring.registry_watch import ChampionNotice
from serving.scoring.worker import Worker

AT = "2026-01-05T10:00Z"
VISIT = {"kind": "page_view", "occurred_at": AT}
CHANGE = {"stage": "mql", "occurred_at": AT}
ORDER = {"ordered_at": AT}
ONE = {"lead_id": "L", "account": {"account_id": "A"}}
LOOP, BESIDE = True, False


def _attributes(count: int) -> dict[str, int]:
    return {f"a{number}": number for number in range(count)}


def _account(**fields: Any) -> dict[str, Any]:
    return {"lead_id": "L", "account": {"account_id": "A", **fields}}


def _plain(*leads: Any) -> bytes:
    return json.dumps({"leads": leads}, separators=(",", ":")).encode()


MANY = SMALL_RECORDS + 1
CASES = {
    "one": (_plain(ONE), LOOP),
    "as many leads as are few": (_plain(*[ONE] * SMALL_LEADS), LOOP),
    "more": (_plain(*[ONE] * (SMALL_LEADS + 1)), BESIDE),
    "more, the key escaped": (_plain(*[ONE] * (SMALL_LEADS + 1)).replace(b"lead_id", b"lead_i\\u0064"), BESIDE),
    "a key that is only text": (_plain({"lead_id": '"lead_id"' * 20, "attributes": _attributes(99)}), LOOP),
    "few touchpoints": (_plain({"lead_id": "L", "touchpoints": [VISIT] * (SMALL_RECORDS // 2)}), LOOP),
    "touchpoints": (_plain({"lead_id": "L", "touchpoints": [VISIT] * MANY}), BESIDE),
    "stage changes": (_plain({"lead_id": "L", "stage_changes": [CHANGE] * MANY}), BESIDE),
    "attributes": (_plain({"lead_id": "L", "attributes": _attributes(MANY)}), BESIDE),
    "of colleagues": (_plain(_account(touchpoints=[VISIT] * MANY)), BESIDE),
    "stage changes of colleagues": (_plain(_account(stage_changes=[CHANGE] * MANY)), BESIDE),
    "orders": (_plain(_account(orders=[ORDER] * MANY)), BESIDE),
    "attributes of the account": (_plain(_account(attributes=_attributes(MANY))), BESIDE),
    "in sum": (_plain(*[{"lead_id": "L", "touchpoints": [VISIT] * (MANY // 4)} for _ in range(5)]), BESIDE),
    "large, and little in it": (_plain(ONE)[:-1] + b" " * SMALL_BYTES + b"}", BESIDE),
    "no request": (b'{"leads": 1}', LOOP),
    "no object": (b"[]", LOOP),
}


@pytest.fixture(scope="module")
def worker(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    notice = tmp_path_factory.mktemp("notice") / "champion.json"
    ChampionNotice(Champion(bundle_folder, "m", "1")).write(notice)
    worker = Worker({"leads": notice}, 1)
    yield worker
    worker.close()


def ask(worker: Worker, body: bytes) -> tuple[int, list[bool]]:
    """Post a body; return the status, and for each time that was scored whether it was on the event loop."""
    scorer, seen = worker.models.choose(None), []
    was = type(scorer).answer_parsed

    def looked_at(*arguments: Any) -> Any:
        seen.append(threading.current_thread() is threading.main_thread())
        return was(scorer, *arguments)

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/score", "headers": [], "client": None}
    scorer.answer_parsed = looked_at  # type: ignore[method-assign]
    try:
        answer = asyncio.run(worker.score(scope, receive))
    finally:
        del scorer.answer_parsed
    return answer.status, seen


@pytest.mark.parametrize("case", CASES)
def test_leads_and_records_decide_whether_the_event_loop_answers(worker: Worker, case: str) -> None:
    body, is_on_loop = CASES[case]
    status, seen = ask(worker, body)
    assert status == (422 if case.startswith("no ") else 200)
    assert seen == [is_on_loop]


def test_a_large_body_that_is_wrong_is_refused_beside_the_event_loop(worker: Worker) -> None:
    assert ask(worker, b'{"leads":' + b" " * SMALL_BYTES + b"]") == (400, [])
    assert ask(worker, b"]") == (400, [])

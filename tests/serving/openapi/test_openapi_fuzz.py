"""Requests drawn from the OpenAPI document, right ones and wrong ones: what the document says is what the service does."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.checks import load_all_checks

from tests.serving.keyed import Keyed, error_of

load_all_checks()
CHECKS = checks.CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "negative_data_rejection",
        "ignored_auth",
    ]
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
TOLD_TO_BE_WRONG = {400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 422}


def fuzz(keyed: Keyed, examples: int) -> dict[str, set[int]]:
    """Send so many requests per operation and mode; return the statuses of each operation."""
    schema = schemathesis.openapi.from_dict(json.loads(keyed.ask("/docs.json")[2]))
    seen: dict[str, set[int]] = {}
    failures = []
    for found in schema.get_all_operations():
        operation = found.ok()
        name = f"{operation.method.upper()} {operation.path}"
        for mode in MODES:
            try:
                _send_all(keyed, operation, mode, examples, seen.setdefault(name, set()))
            except Unsatisfiable:  # nothing can be wrong about a request that holds nothing
                assert mode is GenerationMode.NEGATIVE
            except Exception as failure:  # noqa: BLE001 the other operations have their turn first
                failures.append(ValueError(name, mode, failure))
    if failures:
        raise ExceptionGroup("the document or the service is wrong", failures)
    return seen


def _send_all(keyed: Keyed, operation: Any, mode: GenerationMode, examples: int, statuses: set[int]) -> None:
    few = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    @few
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        response = case.call(base_url=keyed.client.address, headers={"Authorization": f"Bearer {keyed.admin}"})
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert response.status_code in TOLD_TO_BE_WRONG
            error_of(response.content)

    send()


def assert_well(keyed: Keyed) -> None:
    """Both workers answer, and score; nothing failed so far."""
    for _ in range(8):
        assert keyed.ask("/health")[0] == 200
        status, _, answer = keyed.ask("/score", {"leads": [{"lead_id": "L-1"}]}, keyed.score)
        assert (status, json.loads(answer)["leads"][0]["lead_id"]) == (200, "L-1")
    assert json.loads(keyed.ask("/ready")[2])["store"] == "up"
    assert "Traceback" not in keyed.client.log.read_text(encoding="utf-8")


def test_the_service_does_what_its_document_says(keyed: Keyed) -> None:
    seen = fuzz(keyed, 30)
    assert {"POST /score", "POST /touchpoints", "GET /leads/{lead_id}/score", "GET /metrics"} <= set(seen)
    assert {200, 422} <= seen["POST /score"]
    assert_well(keyed)


@pytest.mark.soak
def test_the_service_does_what_its_document_says_at_length(keyed: Keyed) -> None:
    fuzz(keyed, 2_000)
    assert_well(keyed)

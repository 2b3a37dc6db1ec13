"""Journeys that keep to the document, and are odd in everything that it leaves open: each is scored, or told what is wrong.

The same journey is sent whole, and told bit by bit and asked for.
"""

import datetime as dt
import json
import math
import urllib.parse
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.vocabulary import STAGES
from serving.contract.limits import MAX_LEADS, MAX_ORDERS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from serving.contract.routes import is_clean
from tests.serving.keyed import Keyed, error_of
from tests.serving.openapi.test_openapi_fuzz import assert_well

EDGES = [
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00.000001Z",
    "2200-12-31T23:59:59.999999Z",
    "2026-03-29T02:30:00+01:00",  # an hour that Berlin's clocks leave out
    "2026-03-29T03:00:00+02:00",
    "2026-10-25T02:30:00+02:00",  # and one that they show twice
    "2026-10-25T02:30:00+01:00",
    "2024-02-29T12:00:00+14:00",
    "2026-03-02T09:00:00Z",
    "2026-03-02T08:59:59.999999Z",
]
OFFSETS = [dt.timezone(dt.timedelta(minutes=minutes)) for minutes in (-720, -1, 0, 60, 330, 840)]
MOMENTS = st.one_of(
    st.sampled_from(EDGES),
    st.datetimes(*map(dt.datetime.fromisoformat, ("1970-01-02", "2200-12-30")), timezones=st.sampled_from(OFFSETS)).map(
        dt.datetime.isoformat
    ),
)
ODD_TEXT = [
    "\u0000",
    "\ufeff",
    "\u202e",
    "e\u0301",
    "x" * 500,
    "𐍈" * 500,
    "__other__",
    "nan",
    "None",
    "null",
    " ",
    "*",
    "%",
]
TEXTS = st.one_of(
    st.sampled_from(
        ["page_view", "mail_click", "webinar", "web", "mail", "pricing", "purchasing", "energy", *ODD_TEXT]
    ),
    st.text(min_size=1, max_size=12),
)
NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 5e-324, 1e12, -1e12, 1e308, -1e308, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**300]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
)
VALUES = st.one_of(NUMBERS, st.booleans(), st.none(), TEXTS)


def _some(needed: dict[str, Any], **others: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(needed, optional=others)


def _many(entries: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw few, and these again and again: ties, and nothing but ties."""
    return st.tuples(st.lists(entries, max_size=6), st.sampled_from([1, 1, 1, 2, 40])).map(
        lambda drawn: drawn[0] * drawn[1]
    )


TOUCHPOINT = {"channel": TEXTS, "asset": TEXTS, "campaign": TEXTS, "value": NUMBERS, "recorded_at": MOMENTS}
TOUCHPOINT |= {"touchpoint_id": TEXTS, "by": st.sampled_from(["lead", "sales", ""])}
TOUCHPOINTS = _some({"occurred_at": MOMENTS, "kind": TEXTS}, **TOUCHPOINT)
STAGE = {"occurred_at": MOMENTS, "stage": st.sampled_from(STAGES)}
CHANGE = {"recorded_at": MOMENTS, "reason": TEXTS, "owner": TEXTS, "team": TEXTS}
ATTRIBUTES = st.dictionaries(st.one_of(st.sampled_from(["newsletter", "employees", "industry", "role"]), TEXTS), VALUES)
ORDERS = _some({"ordered_at": MOMENTS}, amount=NUMBERS, product=TEXTS)
ACCOUNTS = _some(
    {"account_id": TEXTS},
    attributes=ATTRIBUTES,
    touchpoints=_many(_some({"occurred_at": MOMENTS, "kind": TEXTS}, **TOUCHPOINT, lead_id=TEXTS, role=TEXTS)),
    stage_changes=_many(_some(STAGE, **CHANGE, lead_id=TEXTS)),
    orders=_many(ORDERS),
)
LEADS = _some(
    {"lead_id": TEXTS},
    snapshot_at=MOMENTS,
    changed_since=MOMENTS,
    created_at=MOMENTS,
    attributes=ATTRIBUTES,
    account=ACCOUNTS,
    touchpoints=_many(TOUCHPOINTS),
    stage_changes=_many(_some(STAGE, **CHANGE)),
)
OPTIONS = _some({}, language=st.sampled_from(["en", "de"]), reasons=st.integers(0, 10), debug=st.booleans())


def _ask(keyed: Keyed, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask; fails unless the answer is one that such a journey may get."""
    status, _, answer = keyed.ask(path, body, keyed.admin)
    if status == 200:
        return status, json.loads(answer, parse_constant=pytest.fail)
    assert status in ((422,) if path == "/score" else (404, 409, 422)), (body, answer)
    return status, error_of(answer)


def _assert_sound(lead: dict[str, Any]) -> None:
    probability = lead["probability"]
    assert (probability is None) == (lead["not_scored"] is not None)
    if probability is not None:
        low, high = lead["interval"]
        assert 0.0 <= low <= probability <= high <= 1.0
    assert all(math.isfinite(reason["contribution"]) for reason in lead["reasons"])


def _told(lead: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Take a lead apart into what may be told of it."""
    whose = {"lead_id": lead["lead_id"]}
    account = {
        name: value for name, value in lead.get("account", {}).items() if name in ("account_id", "attributes", "orders")
    }
    known = {name: lead[name] for name in ("created_at", "attributes") if name in lead}
    return {
        "leads": [{**whose, **known, **({"account": account} if account else {})}],
        "touchpoints": [{**whose, **entry} for entry in lead.get("touchpoints", [])],
        "stage_changes": [{**whose, **entry} for entry in lead.get("stage_changes", [])],
    }


def fuzz(keyed: Keyed, count: int) -> set[str]:
    """Send so many journeys; return which answers there were, as address and status."""
    seen = set()

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(leads=st.lists(LEADS, min_size=1, max_size=3), options=OPTIONS)
    def send(leads: list[dict[str, Any]], options: dict[str, Any]) -> None:
        status, answer = _ask(keyed, "/score", {"leads": leads, **options})
        seen.add(f"/score {status}")
        if status == 200:
            assert [lead["lead_id"] for lead in answer["leads"]] == [lead["lead_id"] for lead in leads]
            for lead in answer["leads"]:
                _assert_sound(lead)
        else:
            assert answer["field"].startswith("leads[")
        for kind, entries in _told(leads[0]).items():
            if entries:
                status, answer = _ask(keyed, f"/{kind}", {kind: entries})
                seen.add(f"/{kind} {status}")
        at = {"snapshot_at": leads[0]["snapshot_at"]} if "snapshot_at" in leads[0] else {}
        path = f"/leads/{urllib.parse.quote(leads[0]['lead_id'], safe='')}/score?{urllib.parse.urlencode(at)}"
        if not is_clean(leads[0]["lead_id"]):  # may be told, but not asked for
            assert keyed.error(path, key=keyed.admin) == (400, "invalid_path")
            return
        status, answer = _ask(keyed, path)
        seen.add(f"score of a stored lead {status}")
        if status == 200:
            _assert_sound(answer["lead"])

    send()
    return seen


def test_no_journey_makes_the_service_fail(keyed: Keyed) -> None:
    seen = fuzz(keyed, 150)
    assert seen >= {f"/{kind} {status}" for kind in ("score", "leads", "touchpoints") for status in (200, 422)}
    assert seen >= {"score of a stored lead 200", "/stage_changes 200"}
    assert_well(keyed)


@pytest.mark.soak
def test_no_journey_makes_the_service_fail_at_length(keyed: Keyed) -> None:
    fuzz(keyed, 10_000)
    assert_well(keyed)


def _lead(**journey: Any) -> dict[str, Any]:
    return {"lead_id": "L-1", "snapshot_at": "2026-03-02T09:00:00Z", **journey}


TOUCHED = {"occurred_at": "2026-03-01T09:00:00Z", "kind": "page_view"}
MOVED = {"occurred_at": "2026-03-01T09:00:00Z", "stage": "mql"}
ORDERED = {"ordered_at": "2026-03-01T09:00:00Z", "amount": 1.0}
FULL: dict[str, tuple[Any, int]] = {
    "touchpoints": (lambda count: [_lead(touchpoints=[TOUCHED] * count)], MAX_TOUCHPOINTS),
    "stage_changes": (lambda count: [_lead(stage_changes=[MOVED] * count)], MAX_STAGE_CHANGES),
    "account.touchpoints": (
        lambda count: [_lead(account={"account_id": "A", "touchpoints": [{**TOUCHED, "lead_id": "C"}] * count})],
        MAX_TOUCHPOINTS,
    ),
    "orders": (
        lambda count: [_lead(account={"account_id": "A", "orders": [ORDERED] * count})],
        MAX_ORDERS,
    ),
    "leads": (lambda count: [_lead()] * count, MAX_LEADS),
}


@pytest.mark.parametrize("what", FULL)
def test_as_many_as_allowed_are_scored_and_one_more_is_refused(keyed: Keyed, what: str) -> None:
    make, most = FULL[what]
    status, answer = _ask(keyed, "/score", {"leads": make(most), "reasons": 0})
    assert status == 200
    for lead in answer["leads"]:
        _assert_sound(lead)
    status, answer = _ask(keyed, "/score", {"leads": make(most + 1), "reasons": 0})
    assert (status, answer["code"]) == (422, "too_many")
    assert answer["field"].split(".")[-1] == what.split(".")[-1]


def test_a_body_full_of_entries_of_a_lead_is_taken_and_scored(keyed: Keyed) -> None:
    entries = [
        {"lead_id": "full", "occurred_at": f"2026-02-{1 + number % 28:02}T00:00:00Z", "kind": f"k{number}"}
        for number in range(MAX_TOUCHPOINTS)
    ]
    assert _ask(keyed, "/touchpoints", {"touchpoints": entries})[1]["new"] == MAX_TOUCHPOINTS
    assert _ask(keyed, "/touchpoints", {"touchpoints": [*entries, entries[0]]})[0] == 422
    status, answer = _ask(keyed, "/leads/full/score?snapshot_at=2026-03-02T09:00:00Z")
    assert status == 200
    _assert_sound(answer["lead"])

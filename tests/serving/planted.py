"""Direct identifiers planted in all texts that a service is sent, and where they must not be found afterwards."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.pipeline.tables.test_redaction import CANARIES
from tests.serving.app.pages import Browser
from tests.serving.keyed import Keyed

__all__ = ["CANARIES", "LEAD", "found_in", "send_planted"]

LEAD = "L-9c"
TEXT = " ".join(CANARIES)
_SHAPES = {canary: [canary.encode(), json.dumps(canary)[1:-1].encode()] for canary in CANARIES}


def send_planted(keyed: Keyed, browser: Browser) -> Iterator[str]:
    """Send them by each route, in requests that are right and in some that are wrong; give all that is answered."""
    now = dt.datetime.now(dt.UTC)
    at, later = (now - dt.timedelta(days=days) for days in (20, 2))
    moment = {"occurred_at": at.isoformat(), "recorded_at": at.isoformat()}
    touchpoint = {"kind": f"call {TEXT}", "channel": TEXT, "asset": f"pricing?to={TEXT}", "campaign": TEXT, **moment}
    attributes = {"role": TEXT, "note": TEXT, "e-mail": CANARIES[0], "industry": TEXT}
    change = {"stage": "mql", "reason": TEXT, "team": TEXT, "occurred_at": later.isoformat()}
    orders = [{"ordered_at": at.isoformat(), "amount": 1.0, "product": TEXT}]
    account = {"account_id": "A-9c", "attributes": attributes, "orders": orders}
    lead = {"lead_id": LEAD, "attributes": attributes, "account": account}
    events: dict[str, dict[str, Any]] = {
        "leads": {**lead, "created_at": at.isoformat()},
        "touchpoints": {"lead_id": LEAD, **touchpoint},
        "stage_changes": {"lead_id": LEAD, **change},
        "outcomes": {"lead_id": LEAD, "outcome": "sal", "reason": TEXT, "advice": TEXT, "team": TEXT, **moment},
    }
    colleagues = [{**touchpoint, "lead_id": "L-8c", "role": TEXT}]
    asked = {
        **lead,
        "snapshot_at": now.isoformat(),
        "touchpoints": [touchpoint],
        "stage_changes": [change],
        "account": {**account, "touchpoints": colleagues, "stage_changes": [{**change, "lead_id": "L-8c"}]},
    }
    for kind, event in events.items():
        status, _, answer = keyed.ask(f"/{kind}", {kind: [event]}, keyed.write)
        assert status == 200, answer
        yield str(answer)
        for wrong in ({"by": TEXT}, {"occurred_at": TEXT}, {TEXT: 1}):
            status, _, answer = keyed.ask(f"/{kind}", {kind: [{**event, **wrong}]}, keyed.write)
            assert 400 <= status < 500
            yield str(answer)
    status, _, answer = keyed.ask("/score", {"leads": [asked], "reasons": 10, "debug": True}, keyed.admin)
    assert status == 200, answer
    yield str(answer)
    status, _, answer = keyed.ask("/score", {"leads": [{**asked, "snapshot_at": TEXT}], TEXT: TEXT}, keyed.score)
    assert 400 <= status < 500
    yield str(answer)
    form = {
        "token": browser.token("/app/leads/L-1"),
        "lead_id": LEAD,
        "do": "verdict",
        "outcome": "disqualified",
        "other": TEXT,
        "to": "/app",
    }
    status, _, answer = browser.ask("/app/decide", form)
    assert status == 303, answer
    yield answer
    yield browser.ask(f"/app/leads/{LEAD}")[2]


def found_in(content: bytes) -> list[str]:
    """List the identifiers that bytes hold, as they are or as JSON writes them."""
    return [canary for canary, shapes in _SHAPES.items() if any(shape in content for shape in shapes)]


def files_of(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    """Give the files of folders and what they hold; those of Parquet as text."""
    import pyarrow.parquet as pq

    files = (file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("*")))
    for path in sorted(file for file in files if file.is_file()):
        content = path.read_bytes()
        yield path, pq.read_table(path).to_pandas().to_csv().encode() if content[:4] == b"PAR1" else content

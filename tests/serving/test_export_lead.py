"""The command that tells `python -m pipeline.privacy export` what the store holds of a lead, and how it is scored."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.online.intake import accept_parsed
from serving.store.connect import Store
from serving.store.migrate import migrate
from tests.serving.app.pages import open_lead_events


@pytest.fixture
def answer(root: Path, bundle_folder: Path, new_url: Callable[[str], str], tmp_path: Path) -> dict[str, Any]:
    """Export one of two people of an account, who objected."""
    address = new_url("sqlite")
    migrate(address)
    store = Store(address)
    for kind, items in open_lead_events(("L-1", "L-2")).items():
        accept_parsed(store, kind, {kind: items}, 1_900_000_000_000_000)
    objected = [{"lead_id": "L-2", "occurred_at": "2026-03-01T17:00:00Z"}]
    accept_parsed(store, "objections", {"objections": objected}, 1_900_000_000_000_000)
    store.close()
    environment = {
        **os.environ,
        "LEAD_STORE_URL": address,
        "LEAD_BUNDLE_DIR": str(bundle_folder),
        "LEAD_PRIVACY_DIR": str(tmp_path / "privacy"),
    }
    command = [sys.executable, "-m", "serving.export_lead", "L-2"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_rows_of_a_lead_and_no_score_of_who_objected(answer: dict[str, Any]) -> None:
    rows = answer["stored"]["L-2"]
    assert {"leads", "touchpoints", "stage_changes", "attribute_changes"} <= set(rows)
    assert len(rows["touchpoints"]) == 10
    assert "Zoë" not in json.dumps(answer, ensure_ascii=False), "owners are employees"
    assert answer["score"]["sha256"]
    assert (answer["score"]["not_scored"], answer["score"]["probability"]) == ("objected", None)

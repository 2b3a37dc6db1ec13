"""The examples of docs/crm-guide.md, in their order, against a real service."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.online.webhooks import sign
from tests.serving.running import Client
from tests.serving.webhook_receiver import WebhookReceiver, received

EXAMPLE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVICE = "http://127.0.0.1:3000"
SECRET = "whsec_" + base64.b64encode(b"a secret of 32 bytes, or so it is").decode()


@pytest.fixture(scope="module")
def crm() -> Iterator[WebhookReceiver]:
    with received() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def environment(crm: WebhookReceiver, new_url: Any) -> dict[str, str]:
    url = new_url("sqlite")
    return {"LEAD_STORE_URL": url, "LEAD_WEBHOOK_URL": crm.url, "LEAD_WEBHOOK_SECRET": SECRET, "LEAD_WORKERS": "1"}


@pytest.fixture(scope="module")
def client(environment: dict[str, str], serve_store: Any) -> Iterator[Client]:
    with serve_store(environment["LEAD_STORE_URL"], **environment) as served:
        yield served


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "text, null or boolean"


@pytest.fixture(scope="module")
def page(root: Path) -> list[tuple[str, str]]:
    return EXAMPLE.findall((root / "docs" / "crm-guide.md").read_text(encoding="utf-8"))


def test_every_example_works_in_its_order(
    page: list[tuple[str, str]],
    client: Client,
    crm: WebhookReceiver,
    environment: dict[str, str],
    root: Path,
    bundle_folder: Path,
    tmp_path: Path,
) -> None:
    names: dict[str, Any] = {}
    done = {"curl": 0, "python": 0, "command": 0, "answer": 0}
    answer: str | None = None
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "champion").symlink_to(bundle_folder)
    (tmp_path / "params.yaml").symlink_to(root / "params.yaml")
    kept = {**os.environ, **environment, "PYTHONPATH": str(root), "PYTHONUTF8": "1"}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    for language, text in page:
        if language == "python":
            exec(compile(text.replace(SERVICE, client.address), "crm-guide.md", "exec"), names)
            done["python"] += 1
        elif language == "sh" and "make serve" not in text:
            script = "set -e\n" + text.replace(SERVICE, client.address)
            ran = subprocess.run(
                ["bash", "-c", script], cwd=tmp_path, env=kept, capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, text + ran.stdout + ran.stderr
            is_curl = text.startswith("curl")
            done["curl" if is_curl else "command"] += 1
            answer = ran.stdout if is_curl else None
            continue
        elif language == "json" and answer is not None:
            assert _shape(json.loads(answer)) == _shape(json.loads(text))
            done["answer"] += 1
        answer = None
    assert done == {"curl": 5, "python": 11, "command": 3, "answer": 5}
    scores = (tmp_path / "scores.csv").read_text(encoding="utf-8")
    assert "L-3001" in scores

    event = json.loads(next(text for language, text in page if language == "json" and "decision.changed" in text))
    for _ in range(200):
        told = [json.loads(body) for _, body in crm.got if b'"L-2001"' in body]
        if told:
            break
        threading.Event().wait(0.05)
    assert set(told[0]) == set(event)
    assert set(told[0]["data"]) == set(event["data"])
    headers, body = crm.got[0]
    assert names["verify"](SECRET, headers, body)
    assert not names["verify"](SECRET, headers, body + b" ")
    assert not names["verify"](SECRET, headers, body, now=int(headers["webhook-timestamp"]) + 301)
    other = sign(b"another key" * 3, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert not names["verify"](SECRET, {**headers, "webhook-signature": other}, body)
    assert names["verify"](SECRET, {**headers, "webhook-signature": f"{other} {headers['webhook-signature']}"}, body)


def test_every_setting_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "crm-guide.md").read_text(encoding="utf-8")
    sources = [root / "serving" / "online" / "webhooks.py", root / "serving" / "store" / "connect.py"]
    settings = {
        name for path in sources for name in re.findall(r'= "(LEAD_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(settings) == 7
    assert [name for name in sorted(settings) if f"`{name}`" not in page] == []

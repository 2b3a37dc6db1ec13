"""The data scientist's page: what registry, monitor and the last ingest say, and the reports, each only where it is there."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.bundle import Bundle
from serving.app.model_page import mlflow_pages, model_values
from serving.app.visitors import Visitor
from serving.app.web import Visit, page
from serving.app.workspace import quarantine, report_answer
from serving.scoring.registry import Champion
from serving.scoring.registry_watch import ChampionNotice
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.migrate import migrate

NOW = 1_790_000_000_000_000
VERSIONS = (
    {
        "version": "8",
        "aliases": ["challenger"],
        "created_at": NOW - 10**11,
        "run_id": "r8",
        "decision": "refused",
        "verdict": "not better than <b>7</b>",
    },
    {
        "version": "7",
        "aliases": ["champion"],
        "created_at": NOW - 10**12,
        "run_id": "r7",
        "decision": "promoted",
        "verdict": "better",
    },
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Write what the pipeline leaves, with a name of a person in the quarantined row."""
    (tmp_path / "data" / "quarantine").mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    days = ["2026-03-01", "2026-03-01", "2026-03-02", None]
    rows = {"reason": ["bad <i>value</i>"] * 3 + ["unparsable occurred_at"], "day": days, "row": ["Ana Person"] * 4}
    pq.write_table(pa.table(rows), tmp_path / "data" / "quarantine" / "touchpoints.parquet")
    pq.write_table(pa.table(rows), tmp_path / "data" / "quarantine" / "values_touchpoints.parquet")
    (tmp_path / "data" / "quarantine" / "orders.parquet").write_bytes(b"half written")
    summary = {
        "tiles": [["Verdict", "fine", ["12 known"]]],
        "verdict": "All well.",
        "reasons": ["A <reason>"],
        "drift": [["visits", "0.31"]],
        "month": "Mar 2026",
    }
    content = {"summary": {"en": summary, "de": summary}, "model": {"version": "6"}}
    (tmp_path / "reports" / "monitor.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "reports" / "report.html").write_text("<script>let a</script>", encoding="utf-8")
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Open an empty store."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    migrate(url)
    return Store(url)


def _page(bundle: Bundle, store: Store, root: Path, notice: ChampionNotice, language: str = "en") -> str:
    scorer, zone = Scorer(bundle, "lead-qualification", "7"), ZoneInfo("Europe/Berlin")
    values = model_values(scorer, notice, store, language, zone, NOW, root)
    scope: dict[str, Any] = {"headers": [(b"accept-language", language.encode())], "path": "/app/model"}
    return page(
        Visit(scope), "model.html", visitor=Visitor("", ("view",)), may_decide=False, area="model", **values
    ).body.decode()


def test_what_is_there_is_shown_and_escaped(bundle: Bundle, store: Store, workspace: Path) -> None:
    notice = ChampionNotice(Champion(workspace, "lead-qualification", "7"), {}, NOW / 1e6, VERSIONS)
    text = _page(bundle, store, workspace, notice)
    assert "http://127.0.0.1:5000/#/models/lead-qualification/versions/8" in text
    assert "not better than &lt;b&gt;7&lt;/b&gt;" in text
    assert "challenger" in text
    assert "judged version 6, not the one that serves" in text
    assert "A &lt;reason&gt;" in text
    assert "bad &lt;i&gt;value&lt;/i&gt;" in text
    assert "up to Mar 2, 2026; most on Mar 1, 2026: 2" in text
    assert 'href="/app/reports/report.html?lang=en"' in text
    assert "model_card.html" not in text
    assert "Ana Person" not in text
    assert "Herausforderer" in _page(bundle, store, workspace, notice, "de")


def test_a_packed_service_says_what_it_does_not_know(bundle: Bundle, store: Store, tmp_path: Path) -> None:
    text = _page(bundle, store, tmp_path / "nowhere", ChampionNotice(Champion(tmp_path, "m", "unregistered")))
    assert "follows no registry" in text
    assert "Nothing has been judged here yet" in text
    assert "No row was set aside" in text


def test_quarantine_is_counted_by_reason_and_day(workspace: Path) -> None:
    assert quarantine(workspace) == [
        {
            "table": "touchpoints",
            "reason": "bad <i>value</i>",
            "rows": 3,
            "without_day": 0,
            "days": [("2026-03-01", 2), ("2026-03-02", 1)],
        },
        {"table": "touchpoints", "reason": "unparsable occurred_at", "rows": 1, "without_day": 1, "days": []},
    ]


def test_a_report_is_shut_off_from_the_pages(workspace: Path) -> None:
    answer = report_answer(workspace, "report.html")
    assert answer is not None
    policy = dict(answer.headers)[b"content-security-policy"].decode()
    assert "sandbox allow-scripts;" in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert report_answer(workspace, "audit.html") is None


@pytest.mark.parametrize(
    ("address", "pages"),
    [
        ("https://mlflow.example/", "https://mlflow.example"),
        ("sqlite:////x/mlflow.db", "http://127.0.0.1:5000"),
        ("", "http://127.0.0.1:5000"),
    ],
)
def test_links_lead_to_the_tracking_server_or_to_make_ui(address: str, pages: str) -> None:
    assert mlflow_pages({"MLFLOW_TRACKING_URI": address}) == pages

"""JSON as programs write it: one object around the rows, and lists of deals and activities inside them."""

import json
from pathlib import Path
from typing import Any

import pytest

from features.errors import DataError

LEADS = 60


def _day(number: int) -> str:
    return f"2024-{1 + number // 28:02d}-{1 + number % 28:02d}T10:00:00+00:00"


def _rows() -> list[dict[str, Any]]:
    """Give leads as Close exports them: their deals and what sales did stand inside them."""
    rows = []
    for n in range(LEADS):
        won, lost = n % 4 == 0, n % 4 == 1
        deal = {
            "id": f"oppo_{n}",
            "date_created": _day(n + 3),
            "status_type": "won" if won else "lost" if lost else "active",
            "date_won": _day(n + 20) if won else None,
            "date_lost": _day(n + 20) if lost else None,
        }
        done = [{"id": f"acti_{n}_{k}", "_type": "Call", "date_created": _day(n + k)} for k in range(3)]
        rows.append(
            {
                "id": f"lead_{n}",
                "name": f"Company {n}",
                "date_created": _day(n),
                "status_label": "Customer" if won else "Bad Fit" if lost else "Potential",
                "custom": {"Industry": ("Tech", "Retail", "Bank")[n % 3]},
                "contacts": [{"id": f"cont_{n}", "name": f"Person {n}"}],
                "opportunities": [deal],
                "activities": done,
            }
        )
    return rows


def _in_one_object(rows: list[dict[str, Any]]) -> str:
    return json.dumps({"has_more": False, "facets": [{"id": "x"}], "data": rows})


def _lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize("write", [_in_one_object, json.dumps, _lines])
def test_lists_inside_rows_are_tables_of_their_own(write: Any, look: Any, read: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.json"
    file.write_text(write(_rows()), encoding="utf-8")
    proposal = look(file)
    assert proposal.plan.people.name == "leads.json"
    counts, tables = read(proposal)
    assert counts["leads"].kept == LEADS
    assert counts["touchpoints"].kept == 3 * LEADS
    stages = tables["stage_changes"].groupby("stage", observed=True)["lead_id"].nunique()
    assert (stages["mql"], stages["sales_qualified"], stages["disqualified"]) == (LEADS, LEADS // 4, LEADS // 4)
    assert "custom_industry" in tables["leads"].columns or "custom_industry" in set(tables["attributes"]["attribute"])


def test_a_status_is_not_said_to_lack_a_moment_that_a_deal_has(look: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.json"
    file.write_text(json.dumps(_rows()), encoding="utf-8")
    assert not [text for text in look(file).plan.unsure if "status_label" in text]


def test_a_stream_of_events_alone_lists_no_people(look: Any, tmp_path: Path) -> None:
    events = [
        {"messageId": f"m{n}", "userId": f"u{n % 20}", "event": "Page Viewed", "timestamp": _day(n)}
        for n in range(LEADS)
    ]
    file = tmp_path / "events.jsonl"
    file.write_text(_lines(events), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"rows are events \(messageId\) of people \(userId\).*Add the CRM's list"
    ) as said:
        look(file)
    people = tmp_path / "people.csv"
    people.write_text(
        "\n".join(["userId,created,mql", *(f"u{n},{_day(n)},{_day(n)}" for n in range(20))]), encoding="utf-8"
    )
    assert "userId as a column" in str(said.value)
    assert look(people, file).plan.activities[0].table.name == "events.jsonl"  # the advice works


def test_braces_around_ids_make_no_json(look: Any, read: Any, tmp_path: Path) -> None:
    """Dynamics writes ids so; and a header may have them."""
    lines = ['{id},"created",mql', *(f'{{A-{n}}},"{_day(n)}",{_day(n)}' for n in range(LEADS))]
    (tmp_path / "leads.csv").write_text("\n".join(lines), encoding="utf-8")
    counts, _ = read(look(tmp_path / "leads.csv"))
    assert counts["leads"].kept == LEADS

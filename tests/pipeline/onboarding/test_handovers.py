"""Hand-overs in what `init` writes: by a rule over stages and touchpoints, or one comment that says what is missing."""

import datetime as dt
from pathlib import Path
from typing import Any

from tests.pipeline.onboarding.companies import hubspot, write_csv

START = dt.datetime(2024, 1, 5, 9, 20)  # noqa: DTZ001
LEADS = 60


def _files(folder: Path) -> list[Path]:
    """Write leads with a status history, and what sales did, two days after a lead was accepted."""
    leads: list[list[Any]] = [["Lead ID", "Created At", "Source"]]
    history: list[list[Any]] = [["Lead ID", "New Status", "Changed At"]]
    activities: list[list[Any]] = [["Activity ID", "Lead ID", "Activity Type", "Activity Date"]]

    def at(moment: dt.datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%S+01:00")

    for n in range(LEADS):
        created = START + dt.timedelta(days=n, hours=n % 5)
        leads.append([f"L{n}", at(created), ("Web", "Referral")[n % 2]])
        steps = [
            ("MQL", 1),
            ("SAL", 3),
            *([("SQL", 20)] if n % 4 == 0 else [("Disqualified", 20)] if n % 4 == 1 else []),
        ]
        history += [[f"L{n}", status, at(created + dt.timedelta(days=day))] for status, day in steps]
        for number, (kind, day) in enumerate((("Email Click", 0.5), ("Page View", 2), ("Call", 5), ("Call", 9))):
            activities.append([f"A{n}-{number}", f"L{n}", kind, at(created + dt.timedelta(days=day))])
    tables = (("leads", leads), ("status_history", history), ("activities", activities))
    return [write_csv(folder / f"{name}.csv", rows) for name, rows in tables]


def test_a_stage_of_acceptance_and_calls_give_hand_overs(look: Any, read: Any, tmp_path: Path) -> None:
    proposal = look(*_files(tmp_path))
    assert "hand_overs('queued', 'handed_over', 'contacted', 'ended')" in proposal.sql
    counts, tables = read(proposal)
    assert not counts["handovers"].quarantined
    handovers = tables["handovers"]
    assert len(handovers) == LEADS
    days = handovers[["queued_at", "handed_over_at", "first_contact_at"]].sub(handovers["queued_at"], axis=0)
    assert set(days["handed_over_at"].dt.total_seconds() / 86_400) == {2.0}
    assert set(days["first_contact_at"].dt.total_seconds() / 86_400) == {4.0}


def test_what_is_missing_is_said(look: Any, tmp_path: Path) -> None:
    sql = look(*hubspot(tmp_path)).sql
    assert "CREATE VIEW handovers" not in sql
    said = next(line for line in sql.splitlines() if line.startswith("-- No hand-overs"))
    assert "no file says when sales accepted a lead" in said
    assert "no file tells of calls, meetings or mails by sales" in said


def test_the_moment_at_which_an_owner_was_named_is_a_hand_over(look: Any, read: Any, tmp_path: Path) -> None:
    """Without a stage of acceptance; a day alone is read, and what has no owner yet is not handed over."""
    leads, history, activities = _files(tmp_path)
    rows = [line.split(",") for line in leads.read_text(encoding="utf-8").splitlines()]
    created = [dt.datetime.fromisoformat(row[1]) for row in rows[1:]]
    named = [(moment + dt.timedelta(days=2)).strftime("%Y-%m-%d %H:%M") for moment in created]
    owners = [("", "") if n % 3 == 0 else ("Kim", day) for n, day in enumerate(named)]
    header = [*rows[0], "Lead Owner", "Owner Assigned Date"]
    write_csv(leads, [header, *([*row, *owner] for row, owner in zip(rows[1:], owners, strict=True))])
    history.write_text(history.read_text(encoding="utf-8").replace("SAL", "Step two"), encoding="utf-8")
    counts, tables = read(look(leads, history, activities))
    assert not counts["handovers"].quarantined
    handovers = tables["handovers"]
    assert len(handovers) == LEADS - LEADS // 3
    assert set(handovers["owner"]) == {"Kim"}
    days = (handovers["first_contact_at"] - handovers["queued_at"]).dt.total_seconds() / 86_400
    assert set(days) == {4.0}

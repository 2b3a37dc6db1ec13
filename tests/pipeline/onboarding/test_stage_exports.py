"""Where an export says how far a lead came: status, history, dates, codes, words; each as the smallest file that has it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from tests.pipeline.onboarding.companies import write_csv
from tests.pipeline.onboarding.small import LOST, WON, N, at, stages


def test_what_a_word_denies_is_no_stage_and_what_is_the_outcome_no_attribute(look, read, tmp_path: Path) -> None:
    people: list[list[object]] = [["Kontakt-Nr.", "Angelegt am", "Lead-Status", "Aktiv", "Branche"]]
    changes: list[list[object]] = [["Kontakt-Nr.", "Alter Status", "Neuer Status", "Zeitpunkt"]]
    for n in range(N):
        status = "Qualifiziert" if n in WON else "Abgelehnt" if n in LOST else "Nicht kontaktiert"
        people.append([f"K{n}", f"{at(n):%d.%m.%Y %H:%M}", status, "nein" if n in LOST else "ja", "ABC"[n % 4 % 3]])
        changes.append([f"K{n}", "", "Nicht kontaktiert", f"{at(n):%d.%m.%Y %H:%M}"])
        changes.append([f"K{n}", "Nicht kontaktiert", "Kontaktiert", f"{at(n, 2):%d.%m.%Y %H:%M}"])
        if n in WON or n in LOST:
            changes.append([f"K{n}", "Kontaktiert", status, f"{at(n, 9):%d.%m.%Y %H:%M}"])
    files = write_csv(tmp_path / "leads.csv", people), write_csv(tmp_path / "historie.csv", changes)
    proposal = look(*files)
    _, tables = read(proposal)
    changed = tables["stage_changes"]
    assert stages(tables)["sales_qualified"] == len(WON)
    accepted = changed[changed["stage"] == "sal"].set_index("lead_id")["occurred_at"]
    assert accepted["K3"] == pd.Timestamp(f"{at(3, 2):%F %H:%M}", tz="Europe/Berlin")
    known = tables["attributes"].set_index("attribute")["known_at"]
    assert known["aktiv"] == "after"  # every lead that was lost is not active, and no other
    assert known["branche"] == "creation"


def test_of_what_is_closed_only_won_is_won_where_a_word_says_so(look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["id", "created", "stage", "date_closed", "lost_reason"]]
    for n in range(N):
        stage = "Won" if n in WON else "Qualified"
        rows.append([n + 1, f"{at(n):%F %T}", stage, f"{at(n, 9):%F %T}" if n in WON or n in LOST else "",
                     "Budget" if n in LOST else ""])  # fmt: skip
    _, tables = read(look(write_csv(tmp_path / "leads.csv", rows)))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}


def test_changes_of_a_stage_among_activities_are_told_apart(look, read, tmp_path: Path) -> None:
    done: list[dict[str, object]] = []
    for n in range(N):
        base = {"parent": {"id": f"L{n}"}, "old_value": None, "new_value": None}
        done += [
            {**base, "type": {"name": kind}, "activity_date": int(at(n, day).timestamp())}
            for day, kind in enumerate(("Phone Call", "Note", "Note"))
        ]
        if n in WON:
            change = {"type": {"name": "Status Change"}, "activity_date": int(at(n, 9).timestamp())}
            done.append({**base, **change, "old_value": {"name": "Open"}, "new_value": {"name": "Qualified"}})
        elif n in LOST:
            change = {"type": {"name": "Status Change"}, "activity_date": int(at(n, 9).timestamp())}
            done.append({**base, **change, "old_value": {"name": "Open"}, "new_value": {"name": "Unqualified"}})
    (tmp_path / "activities.json").write_text(json.dumps(done), encoding="utf-8")
    people = [{"id": f"L{n}", "date_created": int(at(n).timestamp())} for n in range(N)]
    (tmp_path / "leads.json").write_text(json.dumps(people), encoding="utf-8")
    counts, tables = read(look(tmp_path / "leads.json", tmp_path / "activities.json"))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert counts["touchpoints"].kept == 3 * N
    assert set(tables["touchpoints"]["kind"]) == {"call", "Note"}


def test_a_log_of_fields_holds_no_touchpoints(look, read, tmp_path: Path) -> None:
    """As Salesforce keeps it: a row without a new value is the creation, or the conversion, and nothing that a lead did."""
    rows: list[list[object]] = [["Id", "LeadId", "CreatedDate", "Field", "OldValue", "NewValue"]]
    for n in range(N):
        rows.append([f"H{n}a", f"L{n}", f"{at(n):%FT%T}.000+0000", "created", "", ""])
        if n in WON:
            done = f"{at(n, 9):%FT%T}.000+0000"
            rows.append([f"H{n}b", f"L{n}", done, "Status", "Open - Not Contacted", "Closed - Converted"])
            rows.append([f"H{n}c", f"L{n}", done, "leadConverted", "", ""])
        elif n in LOST:
            rows.append(
                [f"H{n}b", f"L{n}", f"{at(n, 9):%FT%T}.000+0000", "Status", "Working", "Closed - Not Converted"]
            )
    people: list[list[object]] = [["Id", "CreatedDate"], *([f"L{n}", f"{at(n):%FT%T}.000+0000"] for n in range(N))]
    files = write_csv(tmp_path / "Lead.csv", people), write_csv(tmp_path / "LeadHistory.csv", rows)
    counts, tables = read(look(*files))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert "touchpoints" not in counts


def test_the_stage_of_today_is_dated_by_since_when_it_is(look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["Int.-Nr", "Erfasst am", "Stufe", "Stufe seit"]]
    for n in range(N):
        stage = "3 - SQL" if n in WON else "9 - Absage" if n in LOST else "2 - MQL"
        rows.append([f"I{n}", f"{at(n):%d.%m.%y %H:%M}", stage, f"{at(n, 9):%d.%m.%y %H:%M}"])
    _, tables = read(look(write_csv(tmp_path / "leads.csv", rows, "|", "cp1252"), zone="UTC"))
    won = tables["stage_changes"].query("stage == 'sales_qualified'").set_index("lead_id")["occurred_at"]
    assert won["I3"] == at(3, 9)
    assert len(won) == len(WON)


def test_codes_of_a_status_are_asked_for(look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["leadid", "parentaccountid", "createdon", "modifiedon", "statecode"]]
    rows += [
        [f"L{n}", f"A{n % 7}", f"{at(n):%FT%TZ}", f"{at(n, 9):%FT%TZ}", 1 if n in WON else 2 if n in LOST else 0]
        for n in range(N)
    ]
    file = write_csv(tmp_path / "lead.csv", rows)
    with pytest.raises(DataError, match="statecode:1"):
        look(file)
    with pytest.raises(
        DataError, match=r"mql=statecode:1: no such column of moments; there are createdon, modifiedon\."
    ):
        look(file, mql="statecode:1")
    with pytest.raises(DataError, match="statecode:7: no such column of moments; there are .*statecode:1"):
        look(file, sales_qualified="statecode:7")
    _, tables = read(look(file, sales_qualified="statecode:1", disqualified="statecode:2"))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    assert set(tables["leads"]["account_id"]) == {f"A{n}" for n in range(7)}


def test_french_and_spanish_words_for_stages_and_kinds(look, read, tmp_path: Path) -> None:
    people: list[list[object]] = [["N° contact", "Société", "Date de création", "Date de qualification marketing",
                                   "Date de qualification commerciale", "Date de rejet"]]  # fmt: skip
    touches: list[list[object]] = [["N° contact", "Date", "Type d'action"]]
    form = "%d/%m/%Y %H:%M"
    for n in range(N):
        won, lost = (at(n, 9).strftime(form) if n in some else "" for some in (WON, LOST))
        people.append([f"C{n}", f"Org {n % 7}", at(n).strftime(form), at(n, 2).strftime(form), won, lost])
        touches += [[f"C{n}", at(n, 1).strftime(form), kind] for kind in ("Ouverture e-mail", "Formulaire", "Appel")]
    _, tables = read(
        look(write_csv(tmp_path / "contacts.csv", people, ";", "utf-16"), write_csv(tmp_path / "actions.csv", touches))
    )
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    by = tables["touchpoints"].groupby("kind")["by"].first().to_dict()
    assert by == {"mail_open": "lead", "contact_form": "lead", "call": "sales"}


def test_what_cannot_be_placed_is_said_with_what_to_do(look, tmp_path: Path) -> None:
    """Two columns of one name: the status says who won, one of the dates may say when."""
    rows: list[list[object]] = [["Lead ID", "Date", "Date", "Status"]]
    rows += [
        [f"D{n}", f"{at(n):%F %H:%M}", f"{at(n, 9):%F %H:%M}" if n in WON else "", "SQL" if n in WON else "New"]
        for n in range(N)
    ]
    proposal = look(write_csv(tmp_path / "leads.csv", rows))
    assert any("Date_1 may: --set sales_qualified=COLUMN" in line for line in proposal.plan.unsure)
    proposal = look(write_csv(tmp_path / "leads.csv", rows), sales_qualified="Date_1")
    assert proposal.durations.qualified == len(WON)


def test_a_change_without_a_lead_hides_no_column_filled_after_the_outcome(look, read, tmp_path: Path) -> None:
    people: list[list[object]] = [["lead_id", "created", "Segment", "Offer pages"]]
    changes: list[list[object]] = [["lead_id", "New Status", "Changed at"], ["", "Qualified", f"{at(1, 9):%FT%TZ}"]]
    for n in range(N):
        people.append([f"L{n}", f"{at(n):%FT%TZ}", "AB"[n % 2], 100 + n if n in WON else ""])
        changes.append([f"L{n}", "MQL", f"{at(n, 2):%FT%TZ}"])
        if n in WON or n in LOST:
            changes.append([f"L{n}", "Qualified" if n in WON else "Rejected", f"{at(n, 9):%FT%TZ}"])
    files = write_csv(tmp_path / "leads.csv", people), write_csv(tmp_path / "history.csv", changes)
    _, tables = read(look(*files))
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}
    known = tables["attributes"].set_index("attribute")["known_at"].to_dict()
    assert known == {"segment": "creation", "offer_pages": "after"}

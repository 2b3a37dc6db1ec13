"""What HubSpot's history says, and what it does not: stages skipped, going back, corrected at once; accounts linked later."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.crm.hubspot_history import corrected, entered
from pipeline.params import CrmAttribute
from pipeline.population.attribute_history import accounts_at
from pipeline.pull_crm import pull_crm
from pipeline.tables.ingested import ingest
from tests.pipeline.crm.fake_hubspot import FakeHubSpot, iso
from tests.pipeline.crm.server import Reply

MINUTE = 1 / (24 * 60)
MQL, CUSTOMER = "marketingqualifiedlead", "customer"


def history(*entries: tuple[float, str]) -> list[list[str | None]]:
    return [[value, iso(day).replace("Z", "+00:00")] for day, value in entries]


@pytest.mark.parametrize(
    ("entries", "stages"),
    [
        ([(1, "lead"), (5, MQL), (9, CUSTOMER), (9 + MINUTE, ""), (9 + 2 * MINUTE, MQL)], ["lead", MQL]),
        ([(1, "lead"), (5, MQL), (9, CUSTOMER), (9 + MINUTE, "")], ["lead", MQL]),
        ([(5, MQL), (9, ""), (9 + MINUTE, MQL)], [MQL]),  # cleared, and set again
        ([(5, MQL), (9, ""), (20, MQL)], [MQL, MQL]),  # it came back
        ([(5, MQL), (9, CUSTOMER), (12, ""), (12 + MINUTE, MQL)], [MQL, CUSTOMER, MQL]),  # three days are no mistake
        ([(5, MQL), (9, MQL)], [MQL]),
        ([(1, CUSTOMER), (1 + MINUTE, "")], []),
    ],
)
def test_what_is_taken_back_at_once_never_happened(entries: list[tuple[float, str]], stages: list[str]) -> None:
    assert [value for value, _ in entered(corrected(history(*entries), 10)[0])] == stages


def test_an_attribute_is_empty_after_a_mistake_was_cleared() -> None:
    entries = history((1, "steel"), (9, "food"), (9 + MINUTE, ""))
    kept, mistakes = corrected(entries, 10, clearing_counts=True)
    assert [value for value, _ in kept] == ["steel", ""]
    assert [value for value, _ in mistakes] == ["food"]


def canonical(hubspot: Any, folder: Path, root: Path, day: float, since: float | None = None, **changes: Any) -> Path:
    moment = None if since is None else iso(since).replace("Z", "+00:00")
    pull_crm(hubspot.make(**changes), folder / "raw", iso(day).replace("Z", "+00:00"), moment)
    source = root / "pipeline/sources/hubspot.sql"
    ingest(source, folder / "raw", folder / "canonical", folder / "quarantine", 0.0)
    return folder / "canonical"


def test_a_mistake_that_a_pull_saw_half_is_taken_back_by_the_next(hubspot: Any, tmp_path: Path, root: Path) -> None:
    def contact(*life: tuple[float, str]) -> None:
        hubspot.fake.add("contacts", 1, {"createdate": iso(1)}, {"lifecyclestage": list(life)}, modified=life[-1][0])

    contact((1, "lead"), (5, MQL), (9, CUSTOMER))
    folder = canonical(hubspot, tmp_path, root, 9 + MINUTE / 2)
    assert set(pd.read_parquet(folder / "stage_changes.parquet")["stage"]) == {"inquiry", "mql", "customer"}
    contact((1, "lead"), (5, MQL), (9, CUSTOMER), (9 + MINUTE, ""), (9 + 2 * MINUTE, MQL))
    folder = canonical(hubspot, tmp_path, root, 10, since=8)
    assert list(pd.read_parquet(folder / "stage_changes.parquet")["stage"]) == ["inquiry", "mql"]


def test_the_account_counts_from_when_sales_linked_it(hubspot: Any, tmp_path: Path, root: Path) -> None:
    fake: FakeHubSpot = hubspot.fake
    for company in (8, 9):
        fake.add("companies", company, {"createdate": iso(0)}, {"industry": [(0, f"I{company}")]})
    life = [(1, "lead"), (5, MQL)]
    fake.add("contacts", 1, {"createdate": iso(1)}, {"lifecyclestage": life, "associatedcompanyid": [(17, "9")]})
    fake.add("contacts", 2, {"createdate": iso(1)}, {"lifecyclestage": life})
    moved = [(2, "8"), (10, "9"), (30, "7")]  # company 7 is gone
    fake.add("contacts", 3, {"createdate": iso(1)}, {"lifecyclestage": life, "associatedcompanyid": moved})
    folder = canonical(hubspot, tmp_path, root, 40)
    leads, changes = (pd.read_parquet(folder / f"{name}.parquet") for name in ("leads", "attribute_changes"))

    def known(day: float) -> list[str | None]:
        rows = leads[["lead_id", "account_id"]].assign(snapshot_at=pd.Timestamp(iso(day)))
        return [None if pd.isna(account) else account for account in accounts_at(rows, changes)]

    assert known(5) == [None, None, "8"]
    assert known(18) == ["9", None, "9"]
    assert known(31) == ["9", None, None]


def test_every_participant_of_a_meeting_has_a_touchpoint(hubspot: Any, tmp_path: Path, root: Path) -> None:
    fake: FakeHubSpot = hubspot.fake
    for number in range(1, 251):
        fake.add("contacts", number, {"createdate": iso(1)}, {"lifecyclestage": [(1, "lead")]})
    times = {"hs_timestamp": iso(5), "hs_createdate": iso(5)}
    fake.add("meetings", 9, times, links={"contacts": list(range(1, 251))}, modified=5)
    folder = canonical(hubspot, tmp_path, root, 10)
    assert len(pd.read_parquet(folder / "touchpoints.parquet")) == 250
    moment = iso(4).replace("Z", "+00:00")
    assert pull_crm(hubspot.make(), tmp_path / "changed", iso(10), moment)["touchpoints"] == 250


def test_associations_that_hubspot_does_not_give_are_named(
    hubspot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: FakeHubSpot = hubspot.fake
    times = {"hs_timestamp": iso(5), "hs_createdate": iso(5)}
    for number in (7, 8):
        fake.add("meetings", number, times, links={"contacts": list(range(1, 251))}, modified=5)
    answer = fake._associations

    def lacking(kind: str, other: str, body: Any) -> Reply:
        reply = answer(kind, other, body)
        reply.body["results"] = [item for item in reply.body["results"] if item["from"]["id"] != "8"]
        failed = {"status": "error", "category": "INTERNAL_ERROR", "message": "no", "context": {"ids": ["8"]}}
        return Reply(207, {**reply.body, "numErrors": 1, "errors": [{**failed, "links": {}, "errors": [], "id": "e"}]})

    monkeypatch.setattr(fake, "_associations", lacking)
    monkeypatch.setattr("pipeline.crm.hubspot.LINKS_AT_MOST", 150)
    adapter = hubspot.make()
    pull_crm(adapter, tmp_path, iso(10), None)
    assert any("meetings 7: more than 150 associated contacts" in note for note in adapter.notes)
    assert any("the associated contacts of 1 record(s) are left out" in note for note in adapter.notes)


def test_a_boolean_and_a_number_survive_their_history(hubspot: Any, tmp_path: Path, root: Path) -> None:
    attributes = {
        "opt_in": CrmAttribute(field="opt_in", type="boolean", known_at="creation"),
        "budget": CrmAttribute(field="budget", type="number", known_at="creation"),
    }
    fields = {"opt_in": [(1, "true"), (3, "True")], "budget": [(1, "1,250.50"), (3, "1300")]}
    hubspot.fake.add("contacts", 1, {"createdate": iso(1)}, {"lifecyclestage": [(1, "lead")], **fields})
    folder = canonical(hubspot, tmp_path, root, 10, attributes=attributes)
    changes = pd.read_parquet(folder / "attribute_changes.parquet")
    assert list(changes.loc[changes["attribute"] == "opt_in", "value"]) == ["true", "true"]
    assert list(changes.loc[changes["attribute"] == "budget", "value"]) == ["1250.50", "1300"]

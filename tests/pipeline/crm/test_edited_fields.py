"""What a person wrote into a field stays, in each CRM, unless a push is told otherwise."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.crm.ledger import Ledger
from pipeline.crm.write import Update
from pipeline.push_crm import push_crm
from tests.pipeline.crm.fake_hubspot import iso


@pytest.fixture(params=["hubspot", "salesforce"])
def crm(request: pytest.FixtureRequest) -> Any:
    """An adapter with three leads, their ids, the names of its fields, and a function that gives a record."""
    world = request.getfixturevalue(request.param)
    if request.param == "hubspot":
        for number in (1, 2, 3):
            world.fake.add("contacts", number, {"createdate": iso(1)}, {"lifecyclestage": [(1, "lead")]})
        world.fake.fields |= set(world.make().fields.by_role().values())
        return world.make, ["1", "2", "3"], lambda i: world.fake.objects["contacts"][i]["properties"]
    world.fake.fields |= dict.fromkeys(world.make().fields.by_role().values(), True)
    ids = [world.fake.lead(number, 1, "Open - Not Contacted") for number in (1, 2, 3)]
    return world.make, ids, lambda i: next(item for item in world.fake.objects["Lead"] if item["Id"] == i)


def wanted(fields: Any, ids: list[str], probability: float) -> list[Update]:
    values = {
        "probability": probability,
        "tier": "B",
        "decision": "B, within capacity",
        "advice": None,
        "reasons": "a\nb",
    }
    return [Update(i, {name: values[role] for role, name in fields.by_role().items()}) for i in ids]


def test_an_edited_record_is_left_alone_until_told_otherwise(crm: Any, tmp_path: Path) -> None:
    make, ids, record = crm
    fields = make().fields
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        assert len(push_crm(make(), wanted(fields, ids, 0.25), ledger).todo) == 3
        record(ids[0])[fields.tier] = "A"  # a person knows better
        outcome = push_crm(make(), wanted(fields, ids, 0.5), ledger)
        assert list(outcome.edited) == [ids[0]]
        assert outcome.edited[ids[0]][fields.tier] == "A"
        assert [float(record(i)[fields.probability]) for i in ids] == [0.25, 0.5, 0.5]
        outcome = push_crm(make(), wanted(fields, ids, 0.5), ledger, again=True)  # unchanged is no permission
        assert list(outcome.edited) == [ids[0]]
        push_crm(make(), wanted(fields, ids, 0.5), ledger, overwrite_edited=True)
        assert (float(record(ids[0])[fields.probability]), record(ids[0])[fields.tier]) == (0.5, "B")


def test_what_was_there_before_the_first_push_is_a_person_s(crm: Any, tmp_path: Path) -> None:
    make, ids, record = crm
    fields = make().fields
    record(ids[1])[fields.reasons] = "met at the fair"
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        outcome = push_crm(make(), wanted(fields, ids, 0.25), ledger)
    assert list(outcome.edited) == [ids[1]]
    assert record(ids[1])[fields.reasons] == "met at the fair"


def test_a_lost_ledger_overwrites_what_it_would_write_anyway(crm: Any, tmp_path: Path) -> None:
    make, ids, _ = crm
    fields = make().fields
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        push_crm(make(), wanted(fields, ids, 0.25), ledger)
    with Ledger.open(tmp_path / "another.sqlite") as ledger:
        assert push_crm(make(), wanted(fields, ids, 0.25), ledger).edited == {}
        assert len(ledger.read()) == 3


def test_a_dry_run_reads_and_writes_nothing(crm: Any, tmp_path: Path) -> None:
    make, ids, record = crm
    fields = make().fields
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        outcome = push_crm(make(), wanted(fields, ids, 0.25), ledger, dry_run=True)
        assert [update.lead_id for update in outcome.todo] == ids
        assert [record(i).get(fields.probability) for i in ids] == [None] * 3
        assert ledger.read() == {}


def test_a_field_is_asked_for_only_where_it_is_written(crm: Any, tmp_path: Path) -> None:
    make, ids, _ = crm
    fields = make().fields
    some = [Update(i, {fields.tier: "B"}) for i in ids]
    adapter = make()
    adapter.missing_fields = lambda: [fields.advice]
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        assert len(push_crm(adapter, some, ledger).todo) == 3

"""What every way out of a CRM must do, whichever CRM it is. Start here when you write another adapter; see `worlds.py`."""

from pathlib import Path

import pandas as pd
import pytest

from models.answers.risk_set import MQL, RiskSet
from models.data_protection.pseudonyms import Pseudonyms
from pipeline.population.risk_set import risk_periods
from pipeline.tables.id_pseudonyms import IdPseudonyms
from pipeline.tables.ingested import ingest
from pipeline.tables.merged_leads import merged_ids
from tests.pipeline.crm.conftest import RING
from tests.pipeline.crm.worlds import NUMBER, REFUSED, SOURCES, CsvWorld, HubSpotWorld, Read, SalesforceWorld, World

TABLES = ("leads", "touchpoints", "stage_changes", "attribute_changes")


@pytest.fixture(params=["hubspot", "salesforce", "csv"])
def world(request: pytest.FixtureRequest, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(root)
    if request.param == "csv":
        return CsvWorld(tmp_path)
    crm = request.getfixturevalue(request.param)
    if request.param == "hubspot":
        return HubSpotWorld(crm.fake, crm.make, tmp_path, "hubspot", {"employees": NUMBER})
    attribute = NUMBER.model_copy(update={"field": "NumberOfEmployees"})
    crm.fake.history_from = 0.0
    crm.fake.tracked_since(0)
    return SalesforceWorld(crm.fake, crm.make, tmp_path, "salesforce", {"employees": attribute})


def ids(read: Read, table: str) -> set[str]:
    path = read.canonical / f"{table}.parquet"
    return set(pd.read_parquet(path)["lead_id"].dropna()) if path.exists() else set()


def day(number: float) -> pd.Timestamp:
    return pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=number)


def test_it_pulls_leads_with_their_stages_touchpoints_and_attributes(world: World) -> None:
    won = world.lead(1, 1, mql=3, qualified=9, employees=420)
    lost = world.lead(2, 1, mql=4, disqualified=8)
    waiting = world.lead(3, 2)
    world.call(1, won, 5)
    world.call(2, won, 6)
    read = world.read(90)
    assert ids(read, "leads") == {won, lost, waiting}
    assert read.stages(won)[-2:] == [("mql", day(3)), ("sales_qualified", day(9))]
    assert read.stages(lost)[-2:] == [("mql", day(4)), ("disqualified", day(8))]
    touchpoints = read.table("touchpoints")
    assert list(zip(touchpoints["lead_id"], touchpoints["occurred_at"], strict=True)) == [(won, day(5)), (won, day(6))]
    assert read.table("leads").set_index("lead_id")["employees"].to_dict()[won] == 420.0
    assert not [counts for counts in read.counts.values() if counts.quarantined]


def test_a_merge_leaves_one_lead_under_one_id(world: World) -> None:
    one, two, other = (world.lead(number, 1, mql=3) for number in (1, 2, 3))
    for number, lead_id in enumerate((one, two, other), 1):
        world.call(number, lead_id, 4)
    world.read(90)
    stays = world.merge(one, two, 91)
    read = world.read(92, since=90)
    old = {one, two} - {stays}
    for table in TABLES:
        assert not ids(read, table) & old, table
    assert ids(read, "leads") == {stays, other}
    assert (read.table("touchpoints")["lead_id"] == stays).sum() == 2  # of both
    assert [stage for stage, _ in read.stages(stays)].count("mql") == 1
    assert merged_ids(read.canonical) == dict.fromkeys(old, stays)
    assert len(risk_periods(read.canonical, RiskSet(MQL, None))) == 2


def test_a_merge_after_a_merge_is_followed_to_its_end(world: World) -> None:
    one, two, three = (world.lead(number, 1, mql=3) for number in (1, 2, 3))
    world.call(1, two, 4)
    world.read(90)
    stays = world.merge(one, two, 91)
    world.read(92, since=90)
    last = world.merge(three, stays, 93)
    read = world.read(94, since=92)
    assert ids(read, "leads") == {last}
    assert merged_ids(read.canonical) == dict.fromkeys({one, two, three, stays} - {last}, last)
    assert list(read.table("touchpoints")["lead_id"]) == [last]


def test_a_deleted_lead_is_in_no_table(world: World) -> None:
    gone, stays = (world.lead(number, 1, mql=3) for number in (1, 2))
    world.call(1, gone, 4)
    world.call(2, stays, 4)
    world.read(90)
    world.delete(gone, 91)
    read = world.read(92, since=90)
    for table in TABLES:
        assert gone not in ids(read, table), table
    assert ids(read, "leads") == {stays}


def test_leads_from_before_history_are_in_or_out_as_a_whole(world: World) -> None:
    world.late_history(40)
    before = {world.lead(1, 1, 2, qualified=9), world.lead(2, 1, 2, disqualified=9), world.lead(3, 1, 2)}
    after = {world.lead(4, 50, 51, qualified=59), world.lead(5, 50, 51, disqualified=59), world.lead(6, 50, 51)}
    periods = risk_periods(world.read(90).canonical, RiskSet(MQL, None))
    looked_at = set(periods["lead_id"])
    assert after <= looked_at
    assert looked_at & before in (set(), before)
    assert periods.set_index("lead_id")["ended_by"].reindex(sorted(after)).notna().sum() == 2


def all_come(world: World, many: int, searchable: int) -> None:
    for number in range(1, many + 1):
        world.lead(number, 50, employees=number)
    if world.remote:
        world.fake.searchable, world.fake.page = searchable, searchable // 5  # type: ignore[attr-defined]
    read = world.read(90, since=49)
    assert len(ids(read, "leads")) == many
    assert read.table("leads")["employees"].sum() == many * (many + 1) / 2


def test_more_records_come_than_one_search_gives(world: World) -> None:
    all_come(world, 310, 300)


@pytest.mark.soak
def test_more_than_10_000_records_come(world: World) -> None:
    all_come(world, 10_050, 10_000)


def test_the_hour_that_comes_twice_and_the_one_that_is_missing(world: World) -> None:
    spring, autumn = 87 + 1 / 24, 297 + 0.5 / 24  # 29 March, 01:00 UTC; 25 October, 00:30 UTC: 02:30 in Berlin, twice
    one = world.lead(1, spring - 1 / 24, mql=spring, qualified=spring + 0.5 / 24)
    two = world.lead(2, autumn, mql=autumn + 1 / 24, qualified=autumn + 2 / 24)
    read = world.read(350)
    assert [(stage, moment) for stage, moment in read.stages(one) if stage != "inquiry"] == [
        ("mql", pd.Timestamp("2026-03-29T01:00Z")),
        ("sales_qualified", pd.Timestamp("2026-03-29T01:30Z")),
    ]
    assert [(stage, moment) for stage, moment in read.stages(two) if stage != "inquiry"] == [
        ("mql", pd.Timestamp("2026-10-25T01:30Z")),
        ("sales_qualified", pd.Timestamp("2026-10-25T02:30Z")),
    ]


@pytest.mark.parametrize("text", ["2026-03-29", "2026-10-25"])  # 23 and 25 hours long in Berlin
def test_a_day_without_a_time_is_its_end(world: World, text: str) -> None:
    entered = world.qualified_on(1, 10, text)
    if entered is None:
        pytest.skip("this CRM has a moment for everything")
    lead_id, zone = entered
    (stage, moment) = world.read(350).stages(lead_id)[-1]
    local = moment.tz_convert(zone)
    assert (stage, local.strftime("%Y-%m-%d %H:%M")) == ("sales_qualified", f"{text} 23:59")


def test_a_limit_is_waited_for(world: World, pauses: list[float]) -> None:
    lead_id = world.lead(1, 1)
    world.throttle()
    assert ids(world.read(90), "leads") == {lead_id}
    assert len(pauses) == int(world.remote)


def test_a_pull_that_broke_off_is_finished_by_the_next_one(world: World) -> None:
    entered = {world.lead(number, 1, mql=3) for number in range(1, 121)}
    world.break_off()
    assert not (world.raw.parent / "canonical" / "leads.parquet").exists() or world.remote is False
    assert ids(world.read(95), "leads") == entered


def test_a_field_that_is_not_there_is_named(world: World) -> None:
    world.lead(1, 1, employees=5)
    world.forget_field()
    with pytest.raises(REFUSED, match="employees|numemployees|NumberOfEmployees"):
        world.read(90)


def test_a_field_that_changes_its_type_costs_its_value_and_no_lead(world: World) -> None:
    plain, worded = world.lead(1, 1, mql=3, employees=420), world.lead(2, 1, mql=3, employees="about 50")
    read = world.read(90)
    values = read.table("leads").set_index("lead_id")["employees"]
    assert values[plain] == 420.0
    assert pd.isna(values[worded])
    assert [what for what in read.counts["leads"].values if "bad number in employees" in what]


def test_a_stage_that_is_skipped_is_no_bad_row(world: World) -> None:
    skipped, usual = world.lead(1, 1, qualified=9), world.lead(2, 1, mql=3, qualified=9)
    read = world.read(90)
    assert not read.counts["stage_changes"].quarantined
    assert read.counts["stage_changes"].notes == {"never an MQL": 1}
    assert set(risk_periods(read.canonical, RiskSet(MQL, None))["lead_id"]) == {usual}
    assert read.stages(skipped)[-1][0] == "sales_qualified"


def test_what_was_pulled_twice_is_there_once(world: World) -> None:
    won = world.lead(1, 1, mql=3)
    world.call(1, won, 4)
    first = world.read(90)
    world.lead(1, 1, mql=3, qualified=91)
    again = world.read(92, since=3)
    assert [stage for stage, _ in again.stages(won) if stage != "inquiry"] == ["mql", "sales_qualified"]
    assert first.table("touchpoints").equals(again.table("touchpoints"))


def test_it_tells_when_sales_got_a_lead_and_first_spoke_with_it(world: World) -> None:
    called, waiting, too_late = (world.lead(n, 1, mql=3, qualified=q) for n, q in ((1, 30), (2, None), (3, 5)))
    world.lead(4, 1, mql=3)  # nobody got it
    for lead_id in (called, waiting, too_late):
        world.give(lead_id, 8)
    for number, (lead_id, day) in enumerate(((called, 6), (called, 9), (called, 12), (too_late, 9)), 1):
        world.call(number, lead_id, day)
    read = world.read(90)
    assert not any(count.quarantined for count in read.counts.values())
    handovers = read.table("handovers").set_index("lead_id")[["queued_at", "handed_over_at", "first_contact_at"]]
    days = (handovers - pd.Timestamp("2026-01-01", tz="UTC")) / pd.Timedelta(days=1)
    assert days.loc[called].tolist() == [3, 8, 9]
    assert days.loc[waiting].tolist()[:2] == [3, 8]
    assert pd.isna(days.loc[waiting, "first_contact_at"])
    assert sorted(days.index) == sorted([called, waiting])


def test_whose_a_lead_was_before_it_was_queued_has_it_from_then_on(world: World) -> None:
    if not world.remote:
        pytest.skip("the files say when a stage changed, and who owned the lead then")
    lead_id = world.lead(1, 1, mql=5)
    world.give(lead_id, 2)
    world.call(1, lead_id, 7)
    (row,) = world.read(90).table("handovers").itertuples()
    assert row.handed_over_at == row.queued_at < row.first_contact_at


def test_an_owner_comes_as_the_crm_has_them_and_ingest_makes_the_pseudonym(world: World, tmp_path: Path) -> None:
    """One place makes pseudonyms, so that owners can be named again."""
    if not isinstance(world, HubSpotWorld | SalesforceWorld):
        pytest.skip("whoever writes the files names the owners")
    lead_id = world.lead(1, 1, mql=3)
    world.give(lead_id, 8)
    world.call(1, lead_id, 9)
    world.pull(90)
    pseudonyms = IdPseudonyms(Pseudonyms(RING))
    ingest(SOURCES / f"{world.source}.sql", world.raw, tmp_path / "tables", tmp_path / "bad", 0.0, ids=pseudonyms)
    (owner,) = pd.read_parquet(tmp_path / "tables" / "handovers.parquet")["owner"]
    assert pseudonyms.names[owner] in ("77", "005000000000001AAA")
    assert owner == Pseudonyms(RING).of("owner", pseudonyms.names[owner])

"""What `init --yes` makes of the exports that common programs write, without a hand on the SQL."""

from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.onboarding import companies

LEADS = companies.LEADS
WON = {str(n) for n in range(LEADS) if n % 5 == 0}
LOST = {str(n) for n in range(LEADS) if n % 5 in (1, 2)}
# Program: attributes, touchpoints kept.
EXPECTED = {
    "hubspot": ({"free_mail", "job_title", "original_source", "number_of_pageviews", "hub_spot_score",
                 "marketing_contact"}, None),
    "salesforce": ({"title", "lead_source", "no_of_employees"}, None),
    "pipedrive": ({"free_mail", "labels"}, 240),
    "zoho": ({"free_mail", "lead_source", "industry", "annual_revenue"}, None),
    "odoo": ({"free_mail", "probability", "source_id", "country_id"}, None),
    "dynamics": ({"job_title", "lead_source"}, None),
    "excel": ({"free_mail", "function", "came_from", "budget_usd", "newsletter"}, 320),
    "web": (set(), 320),
}  # fmt: skip


NUMBERS = {
    "hubspot": lambda lead: int(lead) - 9_000_000_000,
    "salesforce": lambda lead: int(lead[-3:]),
    "pipedrive": lambda lead: int(lead) - 1,
    "zoho": lambda lead: int(lead.split("_")[1]) - 4_000_000_000,
    "odoo": lambda lead: int(lead.rsplit("_", 1)[1]),
    "dynamics": lambda lead: int(lead[:8], 16),
    "excel": lambda lead: int(lead[3:]),
    "web": lambda lead: int(lead[1:]),
}


@pytest.fixture(params=sorted(EXPECTED))
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ids(program: str, table: pd.DataFrame) -> set[str]:
    """Leads of a table by their number, which each program writes in its own way."""
    number = NUMBERS[program]
    return {str(number(lead)) for lead in table["lead_id"]}


def test_leads_and_their_stages_are_found(program: str, look, read, tmp_path: Path) -> None:
    proposal = look(*companies.COMPANIES[program](tmp_path))
    counts, tables = read(proposal)
    assert counts["leads"].kept == LEADS
    assert not {name: c.quarantined for name, c in counts.items() if c.quarantined and name != "touchpoints"}
    changes = tables["stage_changes"]
    assert ids(program, changes[changes["stage"] == "mql"]) == {str(n) for n in range(LEADS)}
    assert ids(program, changes[changes["stage"] == "sales_qualified"]) == WON
    if program != "web":
        assert ids(program, changes[changes["stage"] == "disqualified"]) == LOST
    attributes, touchpoints = EXPECTED[program]
    assert set(tables["attributes"]["attribute"]) == attributes
    if touchpoints is not None:
        assert counts["touchpoints"].kept == touchpoints


def test_nobody_is_named_in_what_is_written(program: str, look, tmp_path: Path) -> None:
    proposal = look(*companies.COMPANIES[program](tmp_path))
    for text in (proposal.sql, proposal.preset):
        for n in range(LEADS):
            for word in companies.person(n):
                assert word not in text or word in ("Sample", "Example"), word


def test_moments_are_those_of_the_program(look, read, tmp_path: Path) -> None:
    """American dates with the month first, in New York, where nothing else says where."""
    _, tables = read(look(*companies.excel(tmp_path)))
    leads = tables["leads"].set_index("lead_id")
    assert leads.loc["PR-0000", "created_at"] == pd.Timestamp("2024-01-05 14:20", tz="UTC")
    assert leads["budget_usd"].tolist() == [1000.0 + 10 * n for n in range(LEADS)]
    assert leads["newsletter"].tolist() == [n % 2 == 1 for n in range(LEADS)]


def test_web_events_are_read_in_utc_and_a_repeated_one_is_found(look, read, tmp_path: Path) -> None:
    counts, tables = read(look(*companies.web(tmp_path), zone="Europe/Berlin"))
    assert counts["touchpoints"].quarantined == {"duplicate touchpoint_id": 1}
    touches = tables["touchpoints"]
    first = touches[(touches["visitor_id"] == "0.0") & (touches["kind"] == "page_view")].iloc[0]
    assert first["occurred_at"] == pd.Timestamp("2024-01-05 09:20", tz="UTC")
    assert first["lead_id"] == "W0"
    assert first["recorded_at"] == pd.Timestamp("2024-01-05 09:21", tz="UTC")  # not before the visitor gave a name
    assert first["asset"] == "/pricing"  # what stands behind ? may be an address
    assert (touches["kind"] == "contact_form").sum() == LEADS


def test_what_sales_does_is_not_the_lead_s_behaviour(look, read, tmp_path: Path) -> None:
    proposal = look(*companies.pipedrive(tmp_path))
    _, tables = read(proposal)
    assert set(tables["touchpoints"]["by"]) == {"sales"}
    assert {selector.by for selector in proposal.selectors} == {"sales"}

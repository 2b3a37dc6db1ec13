"""Bots and scanners are found where they were planted, in companies of any size, and nowhere else."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from markupsafe import escape

from models.answers.limits import MAX_TOUCHPOINTS
from models.presentation.rendering import render
from pipeline.pages.machine_traffic_words import mail_sentences, traffic_lines
from pipeline.pages.monitor_page import machine_values
from pipeline.pages.page_places import TEMPLATES
from pipeline.population.machine_traffic import DAY_VOLUME, MachineTraffic, machine_traffic
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import write_table

START = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
Row = dict[str, Any]
Judge = Callable[..., MachineTraffic]


def row(lead_id: str | None, seconds: float, kind: str = "page_view", **more: Any) -> Row:
    return {"lead_id": lead_id, "occurred_at": START + dt.timedelta(seconds=seconds), "kind": kind, **more}


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Return a function that writes touchpoints as a canonical table and judges them."""

    def run(rows: list[Row], **options: Any) -> MachineTraffic:
        names = ("lead_id", "visitor_id", "channel", "asset", "campaign", "consent")
        columns = {name: pa.array([item.get(name) for item in rows], pa.string()) for name in names}
        at = pa.array([item["occurred_at"] for item in rows], pa.timestamp("us", "UTC"))
        table = pa.table(
            {
                "touchpoint_id": [str(number) for number in range(len(rows))],
                **columns,
                "occurred_at": at,
                "recorded_at": at,
                "kind": [item["kind"] for item in rows],
                "value": pa.nulls(len(rows), pa.float64()),
                "by": ["lead"] * len(rows),
            }
        )
        write_table(tmp_path / "touchpoints.parquet", "touchpoints", table)
        return machine_traffic(tmp_path, **options)

    return run


def people(count: int, seed: int = 1, most: int = 120) -> list[Row]:
    """Draw what people do: a few visits, spread over a year; heavy tails."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        visits = int(min(most, random.pareto(1.2) * 8 + 1))
        rows += [row(f"P{number}", float(when)) for when in random.uniform(0, 365 * 86_400, visits)]
    return rows


def bot(touchpoints: int, name: str = "BOT", seconds: float = 0.5) -> list[Row]:
    return [row(name, number * seconds) for number in range(touchpoints)]


@pytest.mark.parametrize("leads", [0, 1, 5, 60, 800])
def test_a_bot_is_found_in_companies_of_any_size(judge: Judge, leads: int) -> None:
    many = MAX_TOUCHPOINTS + 1 if leads < 2 else 3_000  # beside nobody, only what no request takes is too much
    found = judge([*people(leads), *bot(many)])
    assert [(lead.lead_id, lead.touchpoints, lead.on_busiest_day) for lead in found.leads] == [("BOT", many, many)]
    assert found.leads[0].busiest_day == "2026-03-02"


def test_people_alone_are_no_bots(judge: Judge) -> None:
    for leads in (1, 7, 300):
        assert judge(people(leads)).leads == ()


def test_several_bots_do_not_hide_each_other(judge: Judge) -> None:
    rows = [*people(100), *(item for number in range(8) for item in bot(2_000 + number, f"B{number}"))]
    assert [lead.lead_id for lead in judge(rows).leads] == [f"B{number}" for number in reversed(range(8))]


def test_one_day_needs_a_thousand(judge: Judge) -> None:
    assert judge([*people(50, most=20), *bot(DAY_VOLUME)]).leads != ()
    assert judge([*people(50, most=20), *bot(DAY_VOLUME - 1)]).leads == ()


def test_where_everybody_does_a_lot_a_lot_is_no_bot(judge: Judge) -> None:
    """Log data of a product: each of ten users has a thousand touchpoints a day."""
    users = [
        row(f"U{user}", day * 86_400 + number) for user in range(10) for day in range(3) for number in range(1_000)
    ]
    assert judge(users).leads == ()


def test_over_many_years_much_is_no_bot(judge: Judge) -> None:
    slow = [row("OLD", number * 86_400 / 20) for number in range(MAX_TOUCHPOINTS + 2_000)]  # 20 a day
    assert judge([*people(50), *slow], window_days=365).leads == ()
    found = judge([*people(50), *slow], window_days=1_000)
    assert [(lead.lead_id, lead.in_window) for lead in found.leads] == [("OLD", len(slow))]


def test_visitors_without_a_lead_are_not_named(judge: Judge) -> None:
    assert judge([*people(5), *(row(None, number, visitor_id="V") for number in range(20_000))]).leads == ()


def test_an_order_is_no_time(judge: Judge) -> None:
    assert judge([*people(50), *bot(3_000)], ordinal=True).leads == ()
    (lead,) = judge([*people(50), *bot(MAX_TOUCHPOINTS + 1)], ordinal=True).leads
    assert (lead.lead_id, lead.busiest_day) == ("BOT", "")


def clicks(
    times: list[float], assets: list[str | None], lead_id: str = "L", campaign: str | None = "spring"
) -> list[Row]:
    return [
        row(lead_id, when, "mail_click", asset=asset, campaign=campaign)
        for when, asset in zip(times, assets, strict=True)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(clicks([0, 1, 2], ["a", "b", "c"]), 3, id="every link within seconds"),
        pytest.param(clicks([0, 5, 10], ["a", "b", "c"]), 3, id="the last at the end of the span"),
        pytest.param(clicks([0, 5, 10.000001], ["a", "b", "c"]), 0, id="just too slow"),
        pytest.param(clicks([0, 1, 2], ["a", "b", "b"]), 0, id="a double click is one link"),
        pytest.param(clicks([0, 1, 2, 3], ["a", "b", "b", "c"]), 4, id="with a double click in it"),
        pytest.param(clicks([0, 1, 2, 60], ["a", "b", "c", "a"]), 3, id="the person comes later"),
        pytest.param(clicks([0, 8, 9, 16], ["a", "b", "c", "d"]), 4, id="spans that overlap"),
        pytest.param(clicks([0, 1, 2], ["a", None, None]), 0, id="links that are not known"),
        pytest.param(clicks([0, 1, 2], ["a", "b", "c"], campaign=None), 3, id="no campaign"),
        pytest.param([*clicks([0, 1], ["a", "b"]), *clicks([2], ["c"], campaign="autumn")], 0, id="links of two mails"),
        pytest.param([*clicks([0, 1], ["a", "b"]), *clicks([2], ["c"], lead_id="M")], 0, id="two people"),
    ],
)
def test_clicks_of_scanners(judge: Judge, rows: list[Row], expected: int) -> None:
    mails = judge(rows[::-1]).mails
    assert (mails.clicks, mails.clicks_in_bursts, mails.machine_clicks) == (len(rows), expected, expected)


def test_opens_at_once_are_compared_with_the_sending(judge: Judge) -> None:
    rows = [
        row("L", 0, "mail_sent", campaign="spring"),
        row("L", 10, "mail_open", campaign="spring"),
        row("L", 10.000001, "mail_open", campaign="spring"),
        row("L", 3, "mail_click", campaign="spring", asset="a"),
        row("L", 5, "mail_open", campaign="autumn"),  # of another mail, whose sending is not known
        row("L", 3_600, "mail_delivered", campaign="spring"),
        row("L", 3_602, "mail_open", campaign="spring"),
        row("L", -1, "mail_open", campaign="spring"),  # before any sending
        row("M", 4, "mail_open", campaign="spring"),
    ]
    mails = judge(rows).mails
    assert (mails.opens, mails.comparable_opens, mails.opens_at_once) == (6, 3, 2)
    assert (mails.clicks, mails.clicks_at_once, mails.clicks_in_bursts, mails.machine_clicks) == (1, 1, 0, 1)


def test_a_click_that_is_both_counts_once(judge: Judge) -> None:
    mails = judge([row("L", 0, "mail_sent", campaign="spring"), *clicks([1, 2, 3], ["a", "b", "c"])]).mails
    assert (mails.clicks_at_once, mails.clicks_in_bursts, mails.machine_clicks) == (3, 3, 3)


def test_without_touchpoints_there_is_nothing_to_say(tmp_path: Path) -> None:
    found = machine_traffic(tmp_path)
    assert found.leads == ()
    assert traffic_lines(asdict(found)) == []


def test_words_name_the_leads_and_metrics_do_not(judge: Judge) -> None:
    found = judge([*people(60), *bot(3_000, "BOT<1>"), *clicks([0, 1, 2], ["a", "b", "c"])])
    lines = traffic_lines(asdict(found))
    assert lines[0] == "1 lead has more touchpoints than people make (3,000): bots?"
    assert lines[1] == "  BOT<1>: 3,000 touchpoints, 3,000 of them on 2026-03-02"
    assert "3 of 3 (100.0%)" in lines[2]
    assert "BOT" not in json.dumps(found.counts())
    for language, title in (("en", "Machines?"), ("de", "Maschinen?")):
        section = render(TEMPLATES, "machine_traffic.html", language, **machine_values(asdict(found), language))
        assert title in section
        assert "BOT&lt;1&gt;" in section
        for sentence in mail_sentences(asdict(found.mails), language):
            assert escape(sentence) in section
    calm = asdict(judge(people(60)))
    shown = render(TEMPLATES, "machine_traffic.html", "en", **machine_values(calm, "en"))
    assert "No lead has a machine&#39;s volume." in shown


@pytest.mark.parametrize("source", ["saas_logins", "online_retail", "olist", "xeducation"])
def test_real_sets_hold_no_bot(root: Path, real_data: Path, source: str, tmp_path: Path) -> None:
    ingest(root / f"pipeline/sources/{source}.sql", real_data / source, tmp_path / "c", tmp_path / "q", 1.0)
    assert machine_traffic(tmp_path / "c", ordinal=source == "xeducation").leads == ()

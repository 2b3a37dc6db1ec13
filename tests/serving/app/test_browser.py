"""The pages in a real browser: what people see and do, by keyboard, on a phone, and whether axe finds a barrier."""

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.serving.browser import DESKTOP, PHONE, chromium
from models.analyses import ANALYSES
from tests.serving.app.pages import ODD, open_lead_events
from tests.serving.running import Client
from tests.serving.stores import Serve

AXE = Path(__file__).with_name("axe.min.js")
ADDRESSES = (
    "/app?show=all",
    "/app/leads/L-1",
    "/app/model",
    "/app/analyses",
    *map("/app/analyses/{}".format, ANALYSES),
)


@pytest.fixture(scope="module")
def client(serve_store: Serve, new_url) -> Iterator[Client]:
    """Serve a store with leads of odd names, without keys, on loopback."""
    with serve_store(new_url("sqlite"), LEAD_WORKERS="1", LEAD_CRM_LINK="https://crm.example/{lead_id}") as served:
        for kind, items in open_lead_events().items():
            assert served.post({kind: items}, path=f"/{kind}")[0] == 200
        deadline = time.monotonic() + 60
        while served.get("/app?show=all")[1].count(b'class="who"') < len(ODD) and time.monotonic() < deadline:
            time.sleep(0.2)
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium; what a page is to become is waited for on a busy machine, too."""
    expect.set_options(timeout=60_000)
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, client: Client) -> Iterator[Page]:
    """Open an English desktop; what it asks of elsewhere, and what its console complains of, fails the test."""
    context = browser.new_context(viewport=DESKTOP, locale="en-US", base_url=client.address)  # type: ignore[arg-type]
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    asked: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith((client.address, "data:"))] == []
    assert [text for text in complaints if "favicon" not in text and "404" not in text and "422" not in text] == []


def _barriers(page: Page) -> list[Any]:
    """Let axe look at a page; its script comes in beside the page's policy, as a test's does."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        (item["id"], [node["target"] for node in item["nodes"]], item["nodes"][0]["failureSummary"])
        for item in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_barrier_and_no_sideways_scrolling(browser: Browser, client: Client, size: Any, scheme: Any) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme, locale="de-DE", base_url=client.address)
    page = context.new_page()
    page.set_default_timeout(60_000)
    for address in ADDRESSES:
        page.goto(address)
        assert _barriers(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], address
    context.close()


def test_odd_names_are_text(page: Page) -> None:
    page.goto("/app?show=all")
    for name in ODD:
        expect(page.get_by_role("link", name=name, exact=True)).to_have_count(1)
    page.get_by_role("link", name="<script>alert(1)</script>", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert(1)</script>")
    page.goto("/app?show=all")
    page.get_by_role("link", name="a/b?c=d&e#f", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("a/b?c=d&e#f")


def test_accept_in_one_click_by_keyboard_alone(page: Page) -> None:
    page.goto("/app?show=all")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Accept L-1":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Accepted: L-1")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="L-1", exact=True))
    expect(row).to_contain_text("accepted")


def test_a_verdict_needs_a_choice_and_a_reason_and_says_so_at_the_field(page: Page) -> None:
    page.goto("/app/leads/" + "%F0%9F%98%80%20%D7%A2%D7%91%D7%A8%D7%99%D7%AA%E2%80%AE123")
    page.get_by_role("button", name="Save the verdict").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose what became of the lead")
    page.get_by_label("Rejected: not worth another call").check()
    page.get_by_role("button", name="Save the verdict").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a reason")
    assert page.get_by_label("Rejected: not worth another call").is_checked()
    assert page.get_by_label("Reason, unless it is qualified").get_attribute("aria-invalid") == "true"
    page.get_by_label("or in your own words").fill("<b>kein</b> Bedarf 😀")
    page.get_by_role("button", name="Save the verdict").click()
    expect(page.get_by_role("status")).to_contain_text("Rejected: 😀")
    expect(page.get_by_text("<b>kein</b> Bedarf 😀").first).to_be_visible()
    page.goto("/app?show=all")
    assert page.get_by_role("link", name=ODD[2], exact=True).count() == 0


def test_search_and_export_hold_the_same_leads(page: Page, client: Client) -> None:
    page.goto("/app?show=all")
    page.get_by_label("Search").fill("SCRIPT>alert")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("td.who a[href^='/app']")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV file").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert len(text.splitlines()) == 2
    assert "<script>alert(1)</script>" in text


def test_language_is_chosen_once_and_kept(page: Page) -> None:
    page.goto("/app")
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leads von heute")
    page.goto("/app/leads/L-1")
    expect(page.get_by_role("heading", name="Verlauf")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "de"


def test_the_page_says_what_the_api_says(page: Page, client: Client) -> None:
    page.goto("/app/leads/a%2Fb%3Fc%3Dd%26e%23f")
    answer = json.loads(client.get("/leads/a%2Fb%3Fc%3Dd%26e%23f/score?reasons=6")[1])["lead"]
    shown = page.locator(".big strong").inner_text()
    assert shown == f"{round(100 * answer['probability'])}%"
    for reason in answer["reasons"]:
        assert reason["text"].lower() in re.sub(r"\s+", " ", page.locator(".now").inner_text()).lower()


def test_a_leads_page_is_one_sheet_of_paper(page: Page, client: Client) -> None:
    """With more days of a journey, attributes and verdicts than a sheet would hold if all were printed."""
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=80)
    days = [(begin + dt.timedelta(days=day)).isoformat() for day in range(80)]
    seen = [
        {"lead_id": "L-1", "occurred_at": day, "recorded_at": day, "kind": "page_view", "asset": f"page/{n}/{m}"}
        for n, day in enumerate(days)
        for m in range(4)
    ]
    assert client.post({"touchpoints": seen}, path="/touchpoints")[0] == 200
    for language in ("en", "de"):
        page.goto(f"/app/leads/L-1?lang={language}")
        printed = page.pdf(format="A4", prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 1, language


def test_a_verdict_by_keyboard_alone(page: Page) -> None:
    page.goto("/app/leads/%3Cscript%3Ealert(1)%3C%2Fscript%3E?lang=en")

    def tab_to(selector: str) -> None:
        for _ in range(90):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not reached by Tab")

    tab_to("input[name=need]")
    page.keyboard.press("Space")
    tab_to("input[name=outcome]")
    page.keyboard.press("ArrowDown")  # from the first verdict to the second: later
    tab_to("select[name=reason]")
    page.keyboard.type("too early")
    tab_to("button[value=verdict]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Back to marketing: <script>")
    expect(page.get_by_role("region", name="Verdicts so far")).to_contain_text("too early")
    tab_to("[role=status] button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Taken back")


def test_a_lead_nobody_knows_gets_a_page(page: Page) -> None:
    response = page.goto("/app/leads/nobody")
    assert response is not None
    assert response.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("No such lead")

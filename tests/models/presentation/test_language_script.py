"""The language of reports in a real browser: by the link, by the choice made before, by the browser; kept from page to page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from markupsafe import Markup
from playwright.sync_api import Browser, Page, expect

from bench.serving.browser import DESKTOP, chromium
from models.presentation.rendering import file_page

TITLES = {"en": "A report", "de": "Ein Bericht"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    expect.set_options(timeout=60_000)  # on a busy machine a page takes longer than the usual five seconds
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two pages that lead to each other."""
    place = tmp_path_factory.mktemp("reports")
    for name, other in (("one", "two"), ("two", "one")):
        text = file_page(
            lambda language, name=name: f"{TITLES[language]} {name}",  # type: ignore[misc]
            lambda language: language,
            lambda language: Markup('<h2 id="definition">…</h2>'),
            links={"Model card": f"{other}.html"},
        )
        (place / f"{name}.html").write_text(text, encoding="utf-8")
    return place


def _open(browser: Browser, address: str, locale: str) -> Page:
    page = browser.new_context(locale=locale, viewport=DESKTOP).new_page()  # type: ignore[arg-type]
    page.goto(address)
    return page


@pytest.mark.parametrize(
    ("ending", "locale", "shown"),
    [
        ("", "de-AT", "de"),
        ("", "en-GB", "en"),
        ("", "fr-FR", "en"),
        ("?lang=de", "en-GB", "de"),
        ("#de", "en-GB", "de"),
        ("#EN", "de-DE", "en"),
        ("?lang=xx", "de-DE", "de"),
        ("#definition", "en-GB", "en"),
        ("?lang=en#definition", "de-DE", "en"),
    ],
)
def test_the_link_comes_before_the_browser(
    browser: Browser, folder: Path, ending: str, locale: str, shown: str
) -> None:
    page = _open(browser, f"{(folder / 'one.html').as_uri()}{ending}", locale)
    expect(page.get_by_role("heading", level=1)).to_have_text([f"{TITLES[shown]} one"])
    assert page.title() == f"{TITLES[shown]} one"
    assert page.locator("html").get_attribute("lang") == shown
    page.context.close()


def test_a_choice_is_kept_on_the_page_and_on_the_next_one(browser: Browser, folder: Path) -> None:
    page = _open(browser, (folder / "one.html").as_uri(), "en-GB")
    page.get_by_text("Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ein Bericht one")
    assert page.url.endswith("#de")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ein Bericht one")
    page.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ein Bericht two")
    page.goto((folder / "one.html").as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("Ein Bericht one")
    page.context.close()


def test_by_keyboard_and_without_a_script(browser: Browser, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False, locale="de-DE")
    page = context.new_page()
    page.goto((folder / "one.html").as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("A report one")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ein Bericht one")
    context.close()

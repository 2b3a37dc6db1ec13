"""Screenshots for docs/tour.md and README.md: `python -m bench.tour` takes them anew, of the demonstration.

The pages under /app, and two small pictures: the top of the report, and a scored lead. It needs `make demo` before it, and the
group `dev` (`make env-dev`) with the system's Chromium (`make system`).
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from bench.serving.browser import DESKTOP, PHONE, chromium
from bench.serving.demonstration import demonstration, scored_leads

SMALL = {"width": 1000, "height": 640}


def take(page: Page, path: str, file: Path, whole: bool = False) -> None:
    page.goto(path)
    page.screenshot(path=file, full_page=whole)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tour", description=__doc__)
    parser.add_argument("--canonical", type=Path, default=Path("data/canonical"))
    parser.add_argument("--bundle", type=Path, default=Path("data/champion"))
    parser.add_argument("--report", type=Path, default=Path("reports/report.html"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        demonstration(Path(folder), arguments.canonical, arguments.bundle, LEAD_WORKERS="1") as served,
        chromium() as browser,
    ):

        def page(size: dict[str, int], language: str, scheme: str) -> Page:
            opened = browser.new_page(
                viewport={"width": size["width"], "height": size["height"]},
                locale=language,
                color_scheme="dark" if scheme == "dark" else "light",
                base_url=f"http://127.0.0.1:{served.port}",
            )
            opened.set_default_timeout(120_000)
            return opened

        best, desktop = scored_leads(served.url), page(DESKTOP, "en-GB", "light")
        take(desktop, "/app", arguments.out / "tour-leads.png")
        lead = next((name for name in best if has_history(desktop, name)), best[0])
        take(desktop, f"/app/leads/{lead}", arguments.out / "tour-lead.png", whole=True)
        small = page(SMALL, "en-GB", "light")
        take(small, f"/app/leads/{lead}", arguments.out / "lead.png")
        take(small, arguments.report.resolve().as_uri() + "#en", arguments.out / "report.png")
        take(page(PHONE, "de-DE", "dark"), "/app", arguments.out / "tour-phone.png")
        take(desktop, "/app/model", arguments.out / "tour-model.png", whole=True)


def has_history(page: Page, lead_id: str) -> bool:
    """Tell whether a lead's page shows all there is to see: several weeks, colleagues, past customers like it."""
    page.goto(f"/app/leads/{lead_id}")
    needed = ("svg.history", "#group + .wide", "svg.strip >> nth=0")
    return all(page.locator(selector).count() == 1 for selector in needed)


if __name__ == "__main__":
    main()

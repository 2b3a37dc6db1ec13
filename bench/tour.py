"""Screenshots of the pages under /app for docs/tour.md: `python -m bench.tour` takes them anew, of the demonstration.

It needs `make demo` before it, and the group `dev` (`make env-dev`) with the system's Chromium (`make system`).
"""

import argparse
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.app_pages import scored_leads, served, wait_until_scored
from serving.import_store import import_store
from serving.store.connect import Store
from serving.store.migrate import migrate

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SIZES = {"desktop": (1280, 860), "phone": (390, 844)}


def take(page: Page, path: str, file: Path, whole: bool = False) -> None:
    page.goto(path)
    page.screenshot(path=file, full_page=whole)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tour", description=__doc__)
    parser.add_argument("--canonical", type=Path, default=Path("data/canonical"))
    parser.add_argument("--bundle", type=Path, default=Path("data/champion"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/store.db"
        migrate(url)
        store = Store(url)
        import_store(store, arguments.canonical, time.time_ns() // 1000, until_now=True, only_open=True)
        store.close()
        settings = {"LEAD_STORE_URL": url, "LEAD_BUNDLE_DIR": str(arguments.bundle.resolve()), "LEAD_WORKERS": "1"}
        settings |= {"BENTOML_HOME": f"{folder}/bentoml", "LEAD_DRAIN_SECONDS": "0"}
        with served(settings, Path(folder)) as port, sync_playwright() as playwright:
            wait_until_scored(port)
            best = scored_leads(url)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

            def page(size: str, language: str, scheme: str) -> Page:
                width, height = SIZES[size]
                opened = browser.new_page(
                    viewport={"width": width, "height": height},
                    locale=language,
                    color_scheme="dark" if scheme == "dark" else "light",
                    base_url=f"http://127.0.0.1:{port}",
                )
                opened.set_default_timeout(120_000)
                return opened

            desktop = page("desktop", "en-GB", "light")
            take(desktop, "/app", arguments.out / "tour-leads.png")
            lead = next((name for name in best if has_history(desktop, name)), best[0])
            take(desktop, f"/app/leads/{lead}", arguments.out / "tour-lead.png", whole=True)
            take(page("phone", "de-DE", "dark"), "/app", arguments.out / "tour-phone.png")
            take(desktop, "/app/model", arguments.out / "tour-model.png")
            browser.close()


def has_history(page: Page, lead_id: str) -> bool:
    """Tell whether a lead's page shows all there is to see: several weeks, colleagues, jumps."""
    page.goto(f"/app/leads/{lead_id}")
    return page.locator("svg.history").count() == 1 and page.locator("#group + .wide").count() == 1


if __name__ == "__main__":
    main()

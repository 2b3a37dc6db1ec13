"""The README's commands and links lead somewhere."""

import json
import re
from pathlib import Path

from models.answers.requests import parse_lead

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_make_command_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert set(named) <= targets, page


def test_every_folder_of_code_is_described() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = [
        f"{package}/{path.name}/"
        for package in ("features", "models", "pipeline", "serving")
        for path in (ROOT / package).iterdir()
        if path.is_dir() and path.name != "__pycache__" and any(path.glob("*.*"))
    ]
    assert [folder for folder in folders if f"| `{folder}` |" not in text] == []
    described = re.findall(r"^\| `((?:features|models|pipeline|serving)/\w+/)` \|", text, flags=re.MULTILINE)
    assert sorted(described) == sorted(folders)


def test_the_index_of_decisions_names_each_with_its_title() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in folder.glob("[0-9]*.md"):
        number, title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(". ", 1)
        assert f"| [{number}]({page.name}) | {title} | accepted" in index


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert {name for name in pages if f"]({name})" not in index} == set()


def test_every_link_and_module_exists() -> None:
    for page in [*PAGES, ROOT / "docs" / "adr" / "README.md"]:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            found = list((page.parent / target).parent.glob((page.parent / target).name + "*"))
            assert found, f"{page}: {target}"
        for module in re.findall(r"python -m ((?:pipeline|bench)\.\w+)", text):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page}: {module}"


def test_the_first_request_is_valid() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    body = re.search(r"-d '(\{.*?\})'", text, flags=re.DOTALL)
    assert body is not None
    leads = json.loads(body.group(1))["leads"]
    assert [parse_lead(lead).journey.lead_id for lead in leads] == ["L-1001"]

"""`python -m pipeline.catalog`: the table that people read, and the page in docs/."""

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from features.catalog import Catalog
from pipeline.catalog import catalog_markdown, catalog_table, of_parameters
from pipeline.params import load_params


def test_the_page_in_docs_is_that_of_the_parameters(root: Path) -> None:
    groups = load_params(("features",), root / "params.yaml").features.groups
    page = (root / "docs" / "catalog.md").read_text(encoding="utf-8")
    hint = "run: python -m pipeline.catalog --params-only --out docs/catalog.md"
    assert page == catalog_markdown(of_parameters(), groups), hint


def test_the_table_names_every_feature_in_both_languages() -> None:
    catalog = of_parameters()
    for language, word in (("en", "number in the last 7 days"), ("de", "Anzahl in den letzten 7 Tagen")):
        wide = Console(width=400, record=True, file=io.StringIO())
        wide.print(catalog_table(catalog, language))
        text = wide.export_text()
        assert word in text
        assert all(name in text for name in catalog.names)


def test_the_command_reads_the_models_catalog(root: Path, tmp_path: Path, catalog: Catalog) -> None:
    stored = tmp_path / "catalog.json"
    stored.write_text(catalog.to_json(), encoding="utf-8")
    command = [sys.executable, "-m", "pipeline.catalog", "--catalog", str(stored), "--language", "de"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert f"{len(catalog)} features, fingerprint {catalog.fingerprint[:12]}" in ran.stdout
    out = tmp_path / "catalog.md"
    subprocess.run([*command[:5], "--out", str(out)], cwd=root, capture_output=True, text=True, check=True)
    assert all(f"| `{name}` |" in out.read_text(encoding="utf-8") for name in catalog.names)

"""The documents' tables are made from `docs/results.json`, and what the repository itself measures stands there."""

import json
import sys
from pathlib import Path

import pytest

from bench import results
from bench.feature_ablation import groups_row
from bench.models.table import contenders_row
from bench.results_tables import TABLES
from pipeline.params import read_yaml

FIGURES = json.loads(results.FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", results.PAGES, ids=lambda page: page.name)
def test_every_table_of_a_page_is_made_from_the_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- results: " in text
    assert results.rendered(text, FIGURES) == text, "run `python -m bench.results`"


def test_every_table_stands_in_a_page() -> None:
    named = {name for page in results.PAGES for _, name, *_ in results.BLOCK.findall(page.read_text(encoding="utf-8"))}
    assert named == set(TABLES)


def test_the_default_companys_row_is_what_the_pipeline_measured(root: Path) -> None:
    evaluated = json.loads((root / "metrics" / "evaluate.json").read_text())
    gain = json.loads((root / "plots" / "gain.json").read_text())
    row = results.worth_row(evaluated) | {"best_tenth": results.best_tenth(gain)}
    assert FIGURES["worth"]["simulated"] == row, "run `python -m bench.results .`"


def test_the_groups_that_the_table_calls_on_are_those_of_the_parameters(root: Path) -> None:
    said = FIGURES["groups"]["default"]
    chosen = read_yaml(root / "params.yaml")["features"]["groups"]
    assert {group for group, state in said.items() if state.startswith("on")} == set(chosen)
    customers = read_yaml(root / "pipeline" / "presets" / "simulated_upsell.yaml")["features"]["groups"]
    assert {group for group, state in said.items() if state.endswith("on for customers")} == set(customers) - set(
        chosen
    )


def test_a_bench_writes_its_rows_and_the_pages_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, page = tmp_path / "results.json", tmp_path / "page.md"
    file.write_text(json.dumps(FIGURES), encoding="utf-8")
    page.write_text("before <!-- results: contenders --><!-- /results --> after", encoding="utf-8")
    monkeypatch.setattr(results, "FILE", file)
    monkeypatch.setattr(results, "PAGES", (page,))
    metric = {"value": 0.25, "low": 0.2, "high": 0.3}
    deficit = {"against": "logistic_regression", "value": -0.01, "low": -0.02, "high": 0.02}
    judged = {"metrics": {"product": {"log_loss": metric, "auc": metric}, "points": {"log_loss": None, "auc": metric}}}
    results.record("contenders", {"olist": contenders_row({**judged, "deficit": deficit})})
    [row] = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `olist`")]
    assert row == (
        "| `olist` | **0.250, 0.250** |  |  |  |  | 0.250 | -0.0100 (-0.0200..+0.0200) to logistic regression: undecided |"
    )
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert {name: kept["contenders"][name] for name in FIGURES["contenders"] if name != "olist"} == {
        name: found for name, found in FIGURES["contenders"].items() if name != "olist"
    }


def test_a_workspace_gives_its_row_and_that_of_its_published_split(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "olist"
    for file in ("metrics/evaluate.json", "plots/gain.json"):
        (workspace / file).parent.mkdir(parents=True)
        (workspace / file).write_bytes((root / file).read_bytes())
    (workspace / "metrics" / "published.json").write_bytes((root / "metrics" / "evaluate.json").read_bytes())
    recorded: dict[str, dict[str, object]] = {}
    monkeypatch.setattr(results, "record", lambda section, figures: recorded.update({section: figures}))
    monkeypatch.setattr(sys, "argv", ["results", str(workspace)])
    results.main()
    simulated = dict(FIGURES["worth"]["simulated"])
    assert recorded["worth"]["olist"] == simulated
    simulated.pop("best_tenth")
    assert recorded["worth"]["olist_published"] == simulated


def test_a_group_is_worth_what_is_lost_without_it() -> None:
    gain = {"log_loss_gain": {"value": -0.004, "low": -0.007, "high": -0.001}}
    assert groups_row({"all": {}, "all minus path": gain, "basic": {}}) == {
        "path": {"value": 0.004, "low": 0.001, "high": 0.007}
    }


def test_a_row_that_no_table_knows_is_refused() -> None:
    with pytest.raises(KeyError, match="acme"):
        TABLES["worth"]({"worth": {"acme": {}}})

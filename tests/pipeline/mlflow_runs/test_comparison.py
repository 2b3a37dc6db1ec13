"""A model beside the present champion: what is compared, and what is said of it."""

from pathlib import Path
from typing import Any

import pytest

from features.errors import BundleError


def test_the_description_says_how_the_model_stands_beside_the_champion(
    workspace: Path, make_bundle: Any, lay_out: Any, sections: Any, frame: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.mlflow_runs import comparison as module
    from pipeline.mlflow_runs.comparison import compare, comparison_sentence
    from pipeline.mlflow_runs.promotion import publish
    from pipeline.mlflow_runs.registry import Registry
    from pipeline.mlflow_runs.summary import comparison_metrics
    from pipeline.tables.parquet import read_table

    bundle = make_bundle()
    assert Registry.find(workspace, "lead-qualification") is None
    lay_out(bundle)
    assert publish(workspace, sections, workspace / "champion").is_champion
    registry = Registry.find(workspace, "lead-qualification")
    assert registry is not None
    version = registry.alias("champion")
    assert version is not None
    predictions = read_table(workspace / "data" / "predictions.parquet", "predictions").to_pandas()
    canonical = workspace / "data" / "canonical"

    def beside(champion: Any, rows: Any = predictions, new: Any = bundle) -> dict[str, Any]:
        return compare(new, rows, champion, None if champion is None else version.version, canonical, sections.evaluate)

    # The champion's probabilities come from its own features; here they are the base rate, and nothing is read.
    monkeypatch.setattr(module, "champion_probabilities", lambda rows, champion, folder: rows["base_rate"].to_numpy())
    found = beside(registry.bundle(version) and make_bundle())
    assert (found["outcome"], found["rows"], found["version"]) == ("compared", 300, "1")
    gain = found["gain"]["log_loss"]
    assert gain["value"] == pytest.approx(found["champion"]["log_loss"] - found["model"]["log_loss"])
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert comparison_metrics(found)["gain_over_champion/log_loss"] == gain["value"]
    sentence = comparison_sentence(found)
    assert "better than the champion (version 1) on 300 test rows" in sentence
    worse = {**found, "gain": {name: {"value": -0.1, "low": -0.2, "high": -0.05} for name in ("log_loss", "auc")}}
    assert "worse than the champion" in comparison_sentence(worse)
    even = {**found, "gain": {name: {"value": 0.1, "low": -0.2, "high": 0.3} for name in ("log_loss", "auc")}}
    assert "can't be told apart from the champion" in comparison_sentence(even)

    for champion, outcome, words in (
        (None, "no_champion", "there was none to compare with"),
        (
            BundleError("format 9"),
            "unreadable",
            "can't read the champion (version 1), so nothing was compared: format 9",
        ),
        (make_bundle(data_used_until="2030-01-01T00:00:00+00:00"), "no_rows", "0 test rows are newer than its data"),
    ):
        said = beside(champion)
        assert said["outcome"] == outcome
        assert words in comparison_sentence(said)
        assert comparison_metrics(said) == {}
    upsell = make_bundle()
    upsell.metadata["risk_set"] = "customers"
    said = beside(upsell)
    assert said["outcome"] == "other_question"
    assert "Nothing was compared" in comparison_sentence(said)

"""The registry and the gate: first champion, replacement, refusal, the same bundle again, and the way back."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.catalog import Learned, build_catalog
from features.errors import BundleError, DataError, LeadQualificationError
from models.bundle import bundle_hash
from pipeline.mlflow_runs import comparison
from pipeline.mlflow_runs.comparison import gate_rows
from pipeline.mlflow_runs.promotion import Promotion, publish, rollback
from pipeline.mlflow_runs.registry import Registry

NAME = "lead-qualification"
LEARNED = Learned(kinds=("page_view", "mail_open"), channels=("web",))


@pytest.fixture(autouse=True)
def champion_scores(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let the champion know as much as `skill` says; remembers which rows it was asked for."""
    asked: dict[str, Any] = {"skill": 0.8}
    signal = frame.set_index("lead_id")["signal"]

    def score(bundle: Any, canonical: Path, snapshots: pd.DataFrame) -> pd.DataFrame:
        asked["rows"] = snapshots
        logit = 1.6 * asked["skill"] * signal.loc[snapshots["lead_id"]].to_numpy() - 1.0
        return snapshots[["lead_id", "snapshot_at"]].assign(
            probability=(1.0 / (1.0 + np.exp(-logit))).astype(np.float32)
        )

    monkeypatch.setattr(comparison, "score_snapshots", score)
    return asked


@pytest.fixture
def target(workspace: Path) -> Path:
    return workspace / "data" / "champion"


def tags(workspace: Path, version: str) -> dict[str, str]:
    return Registry.open(workspace, NAME)._version(version).tags


def aliases(workspace: Path) -> dict[str, str]:
    registry = Registry.open(workspace, NAME)
    return {key: str(value) for key, value in registry.client.get_registered_model(NAME).aliases.items()}


def test_promotion_refusal_repetition_and_rollback(
    workspace: Path,
    target: Path,
    make_bundle: Any,
    lay_out: Any,
    sections: Any,
    champion_scores: dict[str, Any],
) -> None:
    first, second, third = make_bundle(1), make_bundle(2), make_bundle(3)

    # The first model needs no champion to beat, only the baselines.
    record = lay_out(first)
    analyses = workspace / "data" / "analyses"
    analyses.mkdir()
    (analyses / "points_audit.json").write_text("1")
    assert publish(workspace, sections, target).is_champion
    # Analyses go along, beside the bundle's files and outside its hash.
    assert (target / "analyses" / "points_audit.json").read_text() == "1"
    assert bundle_hash(target) == record["bundle_sha256"]
    assert aliases(workspace) == {"champion": "1"}
    decided = tags(workspace, "1")
    assert decided["decision"] == "promoted"
    assert decided["compared_with_version"] == "none"
    assert decided["gate_rows"] == "300"
    assert json.loads(decided["check.base_rate"])["low"] > 0
    assert "check.champion" not in decided
    provenance = json.loads((target / "provenance.json").read_text())
    assert (provenance["version"], provenance["run_id"]) == ("1", record["run_id"])

    # The same bundle again: registered once, nothing to decide, also under a new run.
    (analyses / "points_audit.json").write_text("2")
    assert publish(workspace, sections, target) == Promotion("already", "1", "1")
    assert (target / "analyses" / "points_audit.json").read_text() == "2"
    again = lay_out(first)
    assert again["run_id"] != record["run_id"]
    assert publish(workspace, sections, target).is_champion
    assert aliases(workspace) == {"champion": "1"}
    assert len(Registry.open(workspace, NAME).client.search_model_versions(f"name = '{NAME}'")) == 1

    # A better one replaces it, judged on rows that neither has used.
    lay_out(second)
    champion_scores["skill"] = 0.2
    assert publish(workspace, sections, target).is_champion
    assert aliases(workspace) == {"champion": "2", "previous_champion": "1"}
    assert json.loads(tags(workspace, "2")["check.champion"])["low"] > -0.01
    assert tags(workspace, "2")["compared_with_version"] == "1"
    assert len(champion_scores["rows"]) == 300

    # A worse one is kept out, and says why.
    lay_out(third, noise=3.0)
    champion_scores["skill"] = 1.0
    kept = publish(workspace, sections, target)
    assert (kept.outcome, kept.version, kept.champion) == ("kept", "3", "2")
    assert aliases(workspace) == {"champion": "2", "previous_champion": "1", "challenger": "3"}
    refused = tags(workspace, "3")
    assert refused["decision"] == "refused"
    assert "Worse than the champion: log-loss gain" in refused["verdict"]
    assert json.loads((target / "provenance.json").read_text())["version"] == "2"

    # Back to the first, once; it has no predecessor.
    rollback(workspace, sections, target)
    assert aliases(workspace) == {"champion": "1", "challenger": "3"}
    assert json.loads((target / "provenance.json").read_text())["version"] == "1"
    assert tags(workspace, "2")["rolled_back"] == "true"
    assert tags(workspace, "2")["rolled_back_to_version"] == "1"
    assert tags(workspace, "1")["restored_from_version"] == "2"
    with pytest.raises(LeadQualificationError, match="no previous champion to roll back to"):
        rollback(workspace, sections, target)

    # What was rolled back does not come back by itself.
    lay_out(second)
    champion_scores["skill"] = 0.2
    assert publish(workspace, sections, target) == Promotion("rolled_back", "2", "1")
    assert aliases(workspace)["champion"] == "1"
    assert publish(workspace, sections, target, again=True).is_champion
    assert aliases(workspace)["champion"] == "2"


def test_too_few_positives_refuse_even_the_first(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    lay_out(make_bundle(1))
    sections.publish = sections.publish.model_copy(update={"min_positives": 10_000})
    assert not publish(workspace, sections, target).is_champion
    assert aliases(workspace) == {"challenger": "1"}
    assert "too few" in tags(workspace, "1")["verdict"]
    assert not target.exists()
    with pytest.raises(LeadQualificationError, match="no champion to roll back"):
        rollback(workspace, sections, target)


def test_a_champion_that_has_used_all_rows_leaves_none_to_judge_by(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    lay_out(make_bundle(1, data_used_until="2030-01-01T00:00:00+00:00"))
    assert publish(workspace, sections, target).is_champion
    lay_out(make_bundle(2))
    assert not publish(workspace, sections, target).is_champion
    assert tags(workspace, "2")["gate_rows"] == "0"


def test_a_champion_that_this_code_cannot_read_is_named_and_left_out_only_on_demand(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    lay_out(make_bundle(1))
    assert publish(workspace, sections, target).is_champion
    registry = Registry.open(workspace, NAME)
    champion = registry.alias("champion")
    assert champion is not None
    (registry.bundle(champion) / "model.txt").write_text("made by other code")
    lay_out(make_bundle(2))
    with pytest.raises(BundleError, match=r"can't read the champion, version 1.*--without-champion"):
        publish(workspace, sections, target)
    assert aliases(workspace)["champion"] == "1"
    promotion = publish(workspace, sections, target, without_champion=True)
    assert (promotion.outcome, promotion.champion, promotion.unreadable) == ("promoted", "1", True)
    assert "check.champion" not in tags(workspace, "2")
    assert tags(workspace, "2")["compared_with_version"] == "none"
    with pytest.raises(BundleError):
        rollback(workspace, sections, target)
    assert aliases(workspace) == {"champion": "2", "previous_champion": "1"}


def test_a_bundle_other_than_the_tracked_one_is_not_published(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    lay_out(make_bundle(1))
    make_bundle(2).save(workspace / "data" / "bundle")
    with pytest.raises(DataError, match="not the bundle that run .* recorded"):
        publish(workspace, sections, target)


def test_a_bundle_that_cannot_be_read_is_not_registered(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    lay_out(make_bundle(1))
    bundle, tracking = workspace / "data" / "bundle", workspace / "data" / "tracking.json"
    (bundle / "model.txt").write_text("tree\n", encoding="utf-8")
    known = json.loads(tracking.read_text(encoding="utf-8"))
    tracking.write_text(json.dumps(known | {"bundle_sha256": bundle_hash(bundle)}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"model\.txt: it does not match its checksum"):
        publish(workspace, sections, target)
    assert Registry.open(workspace, NAME).client.search_model_versions(f"name = '{NAME}'") == []


def test_a_run_of_another_store_is_explained(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    record = lay_out(make_bundle(1))
    (workspace / "data" / "tracking.json").write_text(json.dumps({**record, "run_id": "0" * 32}))
    with pytest.raises(LeadQualificationError, match="Record it again"):
        publish(workspace, sections, target)


def test_gate_rows_are_headline_test_rows_after_what_the_champion_used() -> None:
    at = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-03"], utc=True)
    rows = pd.DataFrame(
        {"slice": ["test", "test", "test", "train"], "is_headline": [True, True, True, True], "snapshot_at": at}
    )
    rows = pd.concat([rows, rows.assign(is_headline=False)], ignore_index=True)
    assert gate_rows(rows, None)["snapshot_at"].tolist() == at[:3].tolist()
    champion: Any = SimpleNamespace(metadata={"data_used_until": at[1].isoformat()})
    assert gate_rows(rows, champion)["snapshot_at"].tolist() == [at[2]]


def test_a_model_that_answers_another_question_is_not_compared(
    workspace: Path, target: Path, make_bundle: Any, lay_out: Any, sections: Any
) -> None:
    lay_out(make_bundle(1))
    assert publish(workspace, sections, target).is_champion
    other = make_bundle(2)
    other = replace(other, metadata={**other.metadata, "risk_set": "customers", "purchase": "more"})
    lay_out(other)
    with pytest.raises(DataError, match=r"Nothing was compared. Give each question a name of its own"):
        publish(workspace, sections, target)
    assert aliases(workspace)["champion"] == "1"


def test_changed_attribute_types_are_refused_unless_accepted(
    workspace: Path,
    target: Path,
    make_bundle: Any,
    lay_out: Any,
    sections: Any,
    champion_scores: dict[str, Any],
) -> None:
    lay_out(make_bundle(1))
    assert publish(workspace, sections, target).is_champion
    other = make_bundle(2)
    (spec,) = other.catalog.attributes
    changed = build_catalog(other.catalog.params, [replace(spec, type="category")], LEARNED)
    assert changed.names == other.catalog.names
    lay_out(replace(other, catalog=changed))
    with pytest.raises(DataError, match=r"seniority \(now category, champion number\)") as caught:
        publish(workspace, sections, target)
    assert "Correct the types in the source's view `attributes`" in str(caught.value)
    assert "--accept-types" in str(caught.value)
    assert aliases(workspace)["champion"] == "1"
    champion_scores["skill"] = 0.0
    assert publish(workspace, sections, target, accept_types=True).is_champion
    assert aliases(workspace)["champion"] == "2"

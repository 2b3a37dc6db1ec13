"""The way of a tracked model to the champion: registered, judged at the gate, promoted and exported; and the way back."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.errors import BundleError, DataError
from models.analyses import FOLDER
from models.bundle import Bundle
from models.calibration.level_shift import month_blocks
from models.fitting.baseline_names import baseline_values
from models.fitting.row_weights import row_groups
from models.quality.gate import GateDecision, decide_promotion
from pipeline.mlflow_runs.comparison import champion_probabilities, gate_rows, same_question
from pipeline.mlflow_runs.provenance import bundle_hash, read_tracking
from pipeline.mlflow_runs.registry import Registry, Version
from pipeline.tables.parquet import read_table

__all__ = ["Promotion", "export", "publish", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """What became of a workspace's model at the gate.

    Attributes
    ----------
    outcome : {"promoted", "kept", "already", "rolled_back"}
        Promoted: it is the champion now. Kept: the champion before it, if any, stays. Already: it was the champion before, and
        nothing was decided. Rolled back: it was the champion once and stays out, and nothing was decided.
    version : str
        Of the model.
    champion : str or None
        Version of the champion that the model met; None: there was none.
    decision : GateDecision or None
        What the gate said; None where nothing was decided.
    unreadable : bool
        This code can't read the champion, so the model was judged by the baselines alone.
    label_days : int or None
        The champion's, where it was trained for another label than the model, by whose label both were judged.
    """

    outcome: Literal["promoted", "kept", "already", "rolled_back"]
    version: str
    champion: str | None
    decision: GateDecision | None = None
    unreadable: bool = False
    label_days: int | None = None

    @property
    def is_champion(self) -> bool:
        """Whether the model is the champion now."""
        return self.outcome in ("promoted", "already")


def _judge(rows: pd.DataFrame, champion: Bundle | None, canonical: Path, params: Any, ordinal: bool) -> GateDecision:
    beside = None if champion is None else champion_probabilities(rows, champion, canonical)
    return decide_promotion(
        rows["label"].to_numpy(dtype=np.float64),
        row_groups(rows),
        rows["probability"].to_numpy(dtype=np.float64),
        beside,
        baseline_values(rows),
        params.publish,
        params.evaluate,
        month_blocks(rows["snapshot_at"].dt.tz_convert(None).to_numpy(), ordinal),
    )


def export(source: Path, target: Path, provenance: dict[str, Any], analyses: Path | None = None) -> None:
    """Copy a bundle for serving without the registry, with `provenance.json`; the old one is replaced at the end.

    Parameters
    ----------
    source : Path
        The bundle.
    target : Path
        Folder to write, such as `data/champion`.
    provenance : dict
        Registered name and version, MLflow run, git commit, when known.
    analyses : Path, optional
        Folder of analyses to put beside the bundle's files, outside its hash; None: there are none.
    """
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh)
    if analyses is not None and analyses.is_dir():
        shutil.copytree(analyses, fresh / FOLDER, dirs_exist_ok=True)
    (fresh / "provenance.json").write_text(
        json.dumps(provenance, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    Bundle.load(fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def publish(
    workspace: Path,
    params: Any,
    target: Path,
    again: bool = False,
    without_champion: bool = False,
    accept_types: bool = False,
) -> Promotion:
    """Register this workspace's model and let the gate decide; the same bundle is registered only once.

    The workspace's analyses go along with its version, outside the bundle, each time: they may be newer than the model.

    Parameters
    ----------
    workspace : Path
        Decides the store.
    params : object
        Sections `evaluate`, `paths` and `publish`.
    target : Path
        Where the champion's bundle is exported to.
    again : bool
        Let a version that was rolled back come to the gate again.
    without_champion : bool
        Judge by the baselines alone if this code can't read the champion; a champion that it can read is always compared.
    accept_types : bool
        Go on where an attribute has another type than the champion's.

    Returns
    -------
    Promotion
        What became of it.

    Raises
    ------
    DataError
        If there is no tracked run, the bundle is not the one that was tracked, the champion predicts something else, or an
        attribute has another type than the champion's.
    BundleError
        If this code can't read the new bundle, which is not registered then, or the champion.
    """
    data = workspace / params.paths.data_dir
    tracking = read_tracking(data / "tracking.json")
    if bundle_hash(data / "bundle") != tracking["bundle_sha256"]:
        raise DataError(
            f"{data / 'bundle'}: not the bundle that run {tracking['run_id']} recorded. "
            "Run `dvc repro`, so that the run and the bundle belong together."
        )
    Bundle.load(data / "bundle")  # before anything is registered: what can't be read can't be served
    registry = Registry.open(workspace, params.publish.model_name)
    challenger = registry.register(tracking)
    if (data / FOLDER).is_dir():
        registry.attach(challenger, data / FOLDER)
    champion = registry.alias("champion")
    name = params.publish.model_name
    if champion is not None and champion.version == challenger.version:
        export(registry.bundle(champion), target, registry.provenance(champion), registry.analyses(champion))
        return Promotion("already", challenger.version, champion.version)
    champion_version = None if champion is None else champion.version
    if challenger.tags.get("rolled_back") == "true" and not again:
        return Promotion("rolled_back", challenger.version, champion_version)
    registry.set_alias("challenger", challenger)
    new = Bundle.load(registry.bundle(challenger))
    old = None if champion is None else _readable(registry, champion, without_champion)
    if old is not None and champion is not None:
        same_question(new, old, name, champion.version)
        if not accept_types:
            _same_types(new, old, name, champion.version)
    predictions = read_table(data / "predictions.parquet", "predictions").to_pandas()
    rows = gate_rows(predictions, old)
    decision = _judge(rows, old, data / "canonical", params, new.metadata.get("clock") == "ordinal")
    # A champion that could not be read was compared with nothing.
    registry.tag_decision(challenger, decision, None if old is None else champion, _facts(rows))
    if decision.promote:
        registry.promote(challenger, champion)
        export(registry.bundle(challenger), target, registry.provenance(challenger), registry.analyses(challenger))
    label_days = None if old is None else old.metadata["label_days"]
    return Promotion(
        "promoted" if decision.promote else "kept",
        challenger.version,
        champion_version,
        decision,
        unreadable=champion is not None and old is None,
        label_days=None if label_days == new.metadata["label_days"] else label_days,
    )


def _same_types(new: Bundle, old: Bundle, name: str, version: str) -> None:
    """Refuse a model that would answer 422 to what every caller sends today."""
    before = {spec.name: spec.type for spec in old.catalog.attributes}
    changed = [spec for spec in new.catalog.attributes if before.get(spec.name, spec.type) != spec.type]
    if changed:
        listed = ", ".join(f"{spec.name} (now {spec.type}, champion {before[spec.name]})" for spec in changed)
        raise DataError(
            f"publish: attributes have another type than in the champion {name} version {version}: {listed}. Requests that the "
            "champion takes would be refused. Nothing was compared. Correct the types in the source's view `attributes` "
            "(`python -m serving.export_store --types-from` keeps the champion's) and train again; or, when callers "
            "send the new types, publish with --accept-types."
        )


def _readable(registry: Registry, champion: Version, without_champion: bool) -> Bundle | None:
    """Load the champion; None if this code can't and the caller says to go on without."""
    try:
        return Bundle.load(registry.bundle(champion))
    except BundleError as error:
        if not without_champion:
            raise BundleError(
                f"this code can't read the champion, version {champion.version}, so nothing was compared: {error} Publish with "
                "the code it was made by, or judge by the baselines alone: `python -m pipeline.publish --without-champion`."
            ) from error
        return None


def rollback(workspace: Path, params: Any, target: Path) -> tuple[Version, Version]:
    """Make the previous champion the champion again.

    Returns
    -------
    tuple of Version
        The version that left, and the one that came back.

    Raises
    ------
    LeadQualificationError
        If there is no previous champion.
    BundleError
        If this code can't read it; nothing has changed then.
    """
    registry = Registry.open(workspace, params.publish.model_name)
    previous = registry.alias("previous_champion")
    if previous is not None:
        Bundle.load(registry.bundle(previous))  # before anything moves: what can't be read can't be served
    gone, back = registry.roll_back()
    export(registry.bundle(back), target, registry.provenance(back), registry.analyses(back))
    return gone, back


def _facts(rows: pd.DataFrame) -> dict[str, str]:
    if rows.empty:
        return {"gate_rows": "0"}
    return {
        "gate_rows": str(len(rows)),
        "gate_first_snapshot": rows["snapshot_at"].min().isoformat(),
        "gate_last_snapshot": rows["snapshot_at"].max().isoformat(),
    }

"""Models that learned from a person who was erased since: which they are, and by when others must take their place."""

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.errors import DataError
from models.data_protection.folder import privacy_folder
from models.fitting.splits import FITTED
from pipeline.data_protection.person import Person
from pipeline.mlflow_runs.provenance import bundle_hash
from pipeline.mlflow_runs.trainings import Training

__all__ = ["CERTIFICATES", "certificates", "models_trained_on", "refuse_forgotten"]

CERTIFICATES = "erasures"


def certificates(workspace: Path) -> Path:
    """Say where the certificates of erasures lie."""
    return privacy_folder(workspace) / CERTIFICATES


def models_trained_on(
    person: Person, data: Path, runs: Iterable[Training], caches: Iterable[Path]
) -> list[dict[str, Any]]:
    """List the models that learned from rows of a person.

    Parameters
    ----------
    person : Person
    data : Path
        The workspace's data folder, with the bundle that was trained last and its rows.
    runs : iterable of Training
        As MLflow knows them.
    caches : iterable of Path
        DVC's caches, in which earlier rows lie.

    Returns
    -------
    list of dict
        `bundle_sha256`, `run_id` (None: not tracked) and `certain`: false where the training's rows are not there any more, so
        that the person may have been among them.
    """
    found: dict[str, dict[str, Any]] = {}
    current = data / "predictions.parquet"
    if (data / "bundle").is_dir() and current.exists() and _learned(current, person):
        digest = bundle_hash(data / "bundle")
        found[digest] = {"bundle_sha256": digest, "run_id": None, "certain": True}
    for run in runs:
        rows = _cached(run.predictions_md5, caches)
        if rows is None or _learned(rows, person):
            certain = rows is not None or run.bundle_sha256 in found
            found[run.bundle_sha256] = {"bundle_sha256": run.bundle_sha256, "run_id": run.run_id, "certain": certain}
    return list(found.values())


def _cached(md5: str | None, caches: Iterable[Path]) -> Path | None:
    paths = [] if md5 is None else [cache / "files" / "md5" / md5[:2] / md5[2:] for cache in caches]
    return next((path for path in paths if path.exists()), None)


def _learned(predictions: Path, person: Person) -> bool:
    rows = pq.read_table(predictions, columns=["lead_id", "slice"])
    ids, slices = (pc.cast(rows[name], "string") for name in ("lead_id", "slice"))
    mine = pc.and_(
        pc.is_in(ids, pc.cast(list(person.ids), "string")), pc.is_in(slices, pc.cast(list(FITTED), "string"))
    )
    return bool(pc.any(mine).as_py())


def refuse_forgotten(workspace: Path, bundle_sha256: str, now: dt.datetime) -> None:
    """Refuse to publish, or to roll back to, a model that learned from somebody who was erased, once a retraining is due.

    Parameters
    ----------
    workspace : Path
    bundle_sha256 : str
        Of the model.
    now : datetime
        With a time zone.

    Raises
    ------
    DataError
        Names the receipts.
    """
    late = []
    for path in sorted(certificates(workspace).glob("*.json")):
        certificate = json.loads(path.read_text(encoding="utf-8"))
        learned = any(model["bundle_sha256"] == bundle_sha256 for model in certificate["models"])
        if learned and dt.datetime.fromisoformat(certificate["retrain_by"]) <= now:
            late.append(certificate["receipt"])
    if late:
        raise DataError(
            f"publish: the model {bundle_sha256[:12]} learned from {len(late)} lead(s) that were erased, and the time for a "
            f"retraining is over (receipts {', '.join(late[:5])} in {certificates(workspace)}). Run `dvc repro`, which trains "
            "without them, and publish that model."
        )

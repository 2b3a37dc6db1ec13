"""The monitor's judgement of one model: its log and what became of the leads, against its training and its promise."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.errors import DataError
from models.bundle import Bundle, bundle_hash, target_of
from models.monitoring.score_log import Model
from models.monitoring.score_log_reader import read_log
from pipeline.monitoring.assessment import assess
from pipeline.monitoring.rows import monitored_rows
from pipeline.population.machine_traffic import machine_traffic
from pipeline.tables.export import read_export

__all__ = ["judge", "promise_of"]


def promise_of(folder: Path, metrics: Path, data: Path) -> dict[str, Any] | None:
    """Find what the model was published with: beside the bundle, else in the workspace that trained this very bundle.

    Parameters
    ----------
    folder : Path
        The bundle.
    metrics, data : Path
        Folders of the workspace; `evaluate.json` and `tracking.json` in them may be absent.

    Returns
    -------
    dict or None
        ``rows``, ``capacity``, ``base_rate``, and ``auc``, ``ece``, ``lift_at_capacity``, each with value, low, high;
        None where nothing is known.
    """
    beside = folder / "provenance.json"
    if beside.exists() and (known := json.loads(beside.read_text(encoding="utf-8")).get("promise")):
        return dict(known)
    result, tracked = metrics / "evaluate.json", data / "tracking.json"
    if not result.exists() or not tracked.exists():
        return None
    if json.loads(tracked.read_text(encoding="utf-8")).get("bundle_sha256") != bundle_hash(folder):
        return None
    measured = json.loads(result.read_text(encoding="utf-8"))
    return {
        **{name: measured[name] for name in ("rows", "capacity", "base_rate")},
        **{name: measured["product"][name] for name in ("auc", "ece", "lift_at_capacity")},
    }


def judge(
    bundle: Bundle,
    model: Model,
    log_folder: Path,
    canonical: Path,
    promise: dict[str, Any] | None,
    params: Any,
    key: str = "",
) -> dict[str, Any]:
    """Read log and tables, and assess.

    Parameters
    ----------
    bundle : Bundle
        The model whose answers are judged.
    model : Model
        Its name in the log.
    log_folder : Path
        The score log.
    canonical : Path
        Folder of canonical tables.
    promise : dict or None
        As `promise_of` returns it.
    params : object
        The sections `capacity`, `monitor` and `snapshots`.
    key : str
        Of the log's pseudonyms, where it has any.

    Returns
    -------
    dict
        ``model``, ``source``, ``target``, ``machine_traffic``, and what `pipeline.monitoring.assessment.assess` returns.

    Raises
    ------
    DataError, BundleError
        If there is no log, a file in it is damaged, or the model can't be compared with.
    """
    export = read_export(canonical)
    if export.ordinal:
        raise DataError("monitor: this source has no clock, only an order; there is nothing to watch over time.")
    log = read_log(log_folder, model, len(bundle.catalog))
    if log.rows.empty:
        others = ", ".join(f"{name} ({rows:,} rows)" for name, rows in sorted(log.others.items()))
        raise DataError(
            f"{log_folder}: no row of {model.name} version {model.version}; the log holds {others or 'nothing'}. Name the "
            "model's bundle with --bundle, or let the service restart with the new champion."
        )
    expire_days = bundle.metadata.get("expire_days", params.snapshots.expire_days)  # older models don't say theirs
    found = monitored_rows(log, canonical, export, bundle.metadata, expire_days, key)
    result = assess(bundle, log, found, export, promise, params.capacity, params.monitor)
    traffic = machine_traffic(canonical, bundle.catalog.params.observation_days)
    return {
        "model": {"name": model.name, "version": model.version, "fingerprint": model.fingerprint},
        "source": bundle.metadata["source"],
        "target": target_of(bundle.metadata),
        "machine_traffic": asdict(traffic),
        **result,
    }

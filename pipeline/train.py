"""Stage `train`: fit the product and its baselines on the same rows, pack the bundle, predict every labelled row."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.catalog import Catalog
from models.answers.scoring import probabilities
from models.bundle import Bundle
from models.fitting.random_folds import random_fold_probabilities
from models.fitting.recipe import fit_baselines, fit_product, sample_rate
from models.fitting.splits import FITTED
from models.monitoring.reference import fit_reference
from pipeline.console import console, run_main
from pipeline.leakage.finding import read_findings, refuse_leaks
from pipeline.params import load_params
from pipeline.tables.export import read_export
from pipeline.tables.json_files import hash_files
from pipeline.tables.parquet import read_table, write_table

__all__ = ["SECTIONS", "labelled_rows", "main"]

SECTIONS = (
    "calibration",
    "capacity",
    "features",
    "ingest",
    "labels",
    "paths",
    "points",
    "snapshots",
    "split",
    "tiers",
    "train",
)


def labelled_rows(
    snapshots: pd.DataFrame, labels: pd.DataFrame, slices: pd.DataFrame, matrix: pa.Table
) -> tuple[pd.DataFrame, np.ndarray]:
    """Join what is known of each snapshot; keep the rows of a slice other than `dropped`.

    Returns
    -------
    frame : DataFrame
        lead_id, account_id, snapshot_at, is_headline, slice, label, in the order of (snapshot_at, lead_id).
    matrix : ndarray of float32
        Features row for row with `frame`.
    """
    keys = ["lead_id", "snapshot_at"]
    position = matrix.select(keys).to_pandas()
    position["row"] = np.arange(len(position))
    frame = snapshots.merge(labels[[*keys, "label"]], on=keys).merge(slices[[*keys, "slice"]], on=keys)
    frame = frame[frame["slice"] != "dropped"].merge(position, on=keys, how="left", validate="one_to_one")
    frame = frame.sort_values(["snapshot_at", "lead_id"], ignore_index=True)
    values = np.column_stack([matrix[name].to_numpy() for name in matrix.column_names[2:]]).astype(
        np.float32, copy=False
    )
    return frame.drop(columns="row"), values[frame["row"].to_numpy()]


def _random_folds(matrix: np.ndarray, frame: pd.DataFrame, catalog: Catalog, seed: int) -> np.ndarray:
    """Predict the headline rows before the test as random folds would; NaN for all others."""
    rows = np.flatnonzero((frame["slice"].isin(FITTED) & frame["is_headline"]).to_numpy())
    found = np.full(len(frame), np.nan)
    labels = frame["label"].to_numpy(dtype=np.float64)[rows]
    found[rows] = random_fold_probabilities(matrix[rows], labels, np.ones(len(rows)), catalog.categorical, seed)
    return found


def main() -> None:
    """Read features, labels and slices; write `bundle/` and `predictions.parquet`."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    refuse_leaks(read_findings(data / "audit" / "findings.json"))
    catalog = Catalog.from_json((data / "features" / "catalog.json").read_text(encoding="utf-8"))
    export = read_export(data / "canonical")
    tables = [read_table(data / f"{name}.parquet", name).to_pandas() for name in ("snapshots", "labels", "slices")]
    frame, matrix = labelled_rows(tables[0], tables[1], tables[2], pq.read_table(data / "features" / "matrix.parquet"))
    frame["label"] = frame["label"].astype("int8")
    console.print(f"train: {len(frame):,} rows x {matrix.shape[1]} features")

    product = fit_product(
        matrix,
        frame,
        catalog,
        train=params.train,
        split=params.split,
        calibration=params.calibration,
        tiers=params.tiers,
        label_days=params.labels.label_days,
        recording_delay_days=params.labels.recording_delay_days,
        ordinal=export.ordinal,
        capacity=params.capacity,
    )
    used = frame[frame["slice"].isin(FITTED)]
    bundle = Bundle(
        classifier=product.classifier,
        uncertainty=product.uncertainty,
        calibration=product.calibration,
        cutoffs=product.cutoffs,
        catalog=catalog,
        metadata={
            "source": params.ingest.source,
            "clock": export.clock,
            "exported_at": export.exported_at.isoformat(),
            "risk_set": params.snapshots.risk_set,
            "expire_days": params.snapshots.expire_days,
            "purchase": params.labels.purchase,
            "label_days": params.labels.label_days,
            "recording_delay_days": params.labels.recording_delay_days,
            "observation_days": params.features.observation_days,
            "split_mode": params.split.mode,
            "label_purge": params.split.label_purge,
            "cross_fit_folds": params.split.cross_fit_folds,
            "rows": len(used),
            "leads": int(used["lead_id"].nunique()),
            "positives": int(used["label"].sum()),
            "base_rate": sample_rate(frame),
            "population_rate": params.train.population_rate,
            "capacity_cutoff": product.capacity_cutoff,
            "data_used_from": used["snapshot_at"].min().isoformat(),
            "data_used_until": used["snapshot_at"].max().isoformat(),
            "rounds": product.rounds,
            "known_at_export": sorted(s.name for s in catalog.attributes if s.known_at == "export"),
            "data_sha256": hash_files(
                [data / f"{name}.parquet" for name in ("snapshots", "labels", "slices", "features/matrix")]
            ),
        },
    )
    probability, low, high = probabilities(bundle, matrix)
    headline = frame["is_headline"].to_numpy(dtype=bool)
    unseen = (frame["slice"] == "test").to_numpy()
    known = [len(catalog.features[column].categories) + 1 for column in catalog.categorical]
    fitted = matrix[headline & frame["slice"].isin(FITTED).to_numpy()]
    reference = fit_reference(fitted, probability[headline & unseen], catalog.categorical, known)
    replace(bundle, reference=reference).save(data / "bundle")
    baselines = fit_baselines(
        matrix,
        frame,
        catalog,
        points=params.points,
        observation_days=params.features.observation_days,
        predict=np.arange(len(frame)),
        population_rate=params.train.population_rate,
    )
    predictions = frame.assign(
        probability=probability.astype(np.float64),
        low=low.astype(np.float64),
        high=high.astype(np.float64),
        random_folds=_random_folds(matrix, frame, catalog, params.train.seed),
        raw_log_odds=product.classifier.predict_log_odds(matrix),
        **baselines,
    )
    table = pa.Table.from_pandas(predictions.drop(columns="risk_period"), preserve_index=False)
    write_table(data / "predictions.parquet", "predictions", table)
    console.print(f"train: {product.rounds} rounds, calibration {product.calibration.method}")


if __name__ == "__main__":
    run_main(main)

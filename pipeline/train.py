"""Stage `train`: fit the product and its baselines on the same rows, pack the bundle, predict every labelled row."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from models.answers.scoring import probabilities
from models.bundle import Bundle
from models.fitting.random_folds import headline_fold_probabilities
from models.fitting.recipe import Product, fit_baselines, fit_product
from models.fitting.row_weights import sample_rate
from models.fitting.splits import FITTED
from models.monitoring.reference import fit_reference
from models.params import SplitParams
from pipeline.console import console, run_main
from pipeline.leakage.finding import read_findings, refuse_leaks
from pipeline.matrix.labelled_rows import LabelledRows, read_labelled_rows
from pipeline.params import load_params
from pipeline.tables.parquet import write_table
from pipeline.tables.split_file import read_split

__all__ = ["SECTIONS", "main"]

SECTIONS = (
    "calibration",
    "capacity",
    "features",
    "ingest",
    "labels",
    "paths",
    "points",
    "snapshots",
    "tiers",
    "train",
)


def _metadata(params: Any, split: SplitParams, rows: LabelledRows, product: Product) -> dict[str, Any]:
    """Say what the bundle's model was made from, and of whom and when it speaks."""
    used = rows.frame[rows.frame["slice"].isin(FITTED)]
    return {
        "source": params.ingest.source,
        "clock": rows.export.clock,
        "exported_at": rows.export.exported_at.isoformat(),
        "risk_set": params.snapshots.risk_set,
        "expire_days": params.snapshots.expire_days,
        "purchase": params.labels.purchase,
        "label_days": params.labels.label_days,
        "recording_delay_days": params.labels.recording_delay_days,
        "observation_days": params.features.observation_days,
        "split_mode": split.mode,
        "label_purge": split.label_purge,
        "cross_fit_folds": split.cross_fit_folds,
        "cross_fit_purge": split.cross_fit_purge,
        "cross_fit_by": split.cross_fit_by,
        "rows": len(used),
        "leads": int(used["lead_id"].nunique()),
        "positives": int(used["label"].sum()),
        "base_rate": sample_rate(rows.frame),
        "population_rate": params.train.population_rate,
        "capacity_cutoff": product.capacity_cutoff,
        "data_used_from": used["snapshot_at"].min().isoformat(),
        "data_used_until": used["snapshot_at"].max().isoformat(),
        "rounds": product.rounds,
        "ladder": product.ladder,
        "known_at_export": sorted(spec.name for spec in rows.catalog.attributes if spec.known_at == "export"),
        "data_sha256": rows.data_sha256,
    }


def main() -> None:
    """Read features, labels and slices; write `bundle/` and `predictions.parquet`."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    split = read_split(params.paths.metrics_dir)
    refuse_leaks(read_findings(data / "audit" / "findings.json"))
    rows = read_labelled_rows(data)
    frame, matrix, catalog = rows.frame, rows.matrix, rows.catalog
    console.print(f"train: {len(frame):,} rows x {matrix.shape[1]} features")

    product = fit_product(
        matrix,
        frame,
        catalog,
        train=params.train,
        split=split,
        calibration=params.calibration,
        tiers=params.tiers,
        label_days=params.labels.label_days,
        recording_delay_days=params.labels.recording_delay_days,
        ordinal=rows.export.ordinal,
        capacity=params.capacity,
    )
    bundle = Bundle(
        classifier=product.classifier,
        uncertainty=product.uncertainty,
        calibration=product.calibration,
        cutoffs=product.cutoffs,
        catalog=catalog,
        metadata=_metadata(params, split, rows, product),
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
        workers=params.train.num_threads,
    )
    predictions = frame.assign(
        probability=probability.astype(np.float64),
        low=low.astype(np.float64),
        high=high.astype(np.float64),
        random_folds=headline_fold_probabilities(
            frame, matrix, catalog.categorical, params.train.seed, params.train.num_threads
        ),
        raw_log_odds=product.classifier.predict_log_odds(matrix),
        **baselines,
    )
    table = pa.Table.from_pandas(predictions.drop(columns="risk_period"), preserve_index=False)
    write_table(data / "predictions.parquet", "predictions", table)
    console.print(f"train: {product.rounds} rounds, calibration {product.calibration.method}")


if __name__ == "__main__":
    run_main(main)

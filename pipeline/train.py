"""Stage `train`: fit the product, pack the bundle, predict every labelled row."""

from dataclasses import replace
from typing import Any

import pyarrow as pa

from models.fitting.packing import pack, training_facts
from models.fitting.recipe import fit_product
from models.fitting.splits import FITTED
from models.params import SplitParams
from models.timing.model import read_timing
from pipeline.console import console, run_main
from pipeline.leakage.finding import read_findings, refuse_leaks
from pipeline.matrix.baseline_rows import with_baselines
from pipeline.matrix.labelled_rows import LabelledRows, read_labelled_rows
from pipeline.matrix.listed_rows import read_listed_rows
from pipeline.params import load_params
from pipeline.tables.json_files import read_json
from pipeline.tables.parquet import write_table
from pipeline.tables.split_file import read_split

__all__ = ["SECTIONS", "main"]

SECTIONS = (
    "calibration",
    "capacity",
    "features.observation_days",
    "ingest.source",
    "labels.label_days",
    "labels.purchase",
    "labels.recording_delay_days",
    "paths",
    "privacy.identifiers",
    "snapshots.expire_days",
    "snapshots.risk_set",
    "tiers",
    "train",
)


def _question(params: Any, split: SplitParams, rows: LabelledRows) -> dict[str, Any]:
    """Say for whom and when the model speaks, and of which data."""
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
        "population_rate": params.train.population_rate,
        "known_at_export": sorted(spec.name for spec in rows.catalog.attributes if spec.known_at == "export"),
        "identifiers": list(params.privacy.identifiers),
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
    learned = int(frame["slice"].isin(FITTED).sum())
    console.print(
        f"train: {learned:,} rows to learn from and {len(frame) - learned:,} of the test, {matrix.shape[1]} features"
    )
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
        listed=read_listed_rows(data),
    )
    bundle, predicted = pack(
        product, matrix, frame, catalog, {**_question(params, split, rows), **training_facts(frame, product)}
    )
    timing = read_timing(data / "timing", catalog.names)
    told = read_json(params.paths.metrics_dir / "timing.json", "timing")
    facts = {"no_timing": told["missing"], "never_contacted": told.get("own_influence")}
    bundle = replace(bundle, timing=timing, metadata={**bundle.metadata, **facts})
    bundle.save(data / "bundle")
    predictions = with_baselines(frame.drop(columns="risk_period").assign(**predicted), data)
    table = pa.Table.from_pandas(predictions, preserve_index=False)
    write_table(data / "predictions.parquet", "predictions", table)
    console.print(f"train: {product.rounds} rounds, calibration {product.calibration.method}")


if __name__ == "__main__":
    run_main(main)

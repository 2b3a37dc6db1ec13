"""The product on the split that a data set's floor was published on, beside untuned LightGBM on the same rows.

Run in the workspace of a preset source (`runs/<source>`), after its pipeline: `python -m bench.published_split`. Most of
these splits purge no training label that reaches into the test, so their figures are for comparison with the floor alone.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features.catalog import Catalog
from models.calibration.capacity import capacity_rows
from models.fitting.recipe import fit_baselines, fit_product
from models.fitting.splits import FITTED, assign_slices
from models.params import SplitParams
from models.presentation.terminal import calibration_note, metrics_table
from models.quality.evaluation import evaluate_rows
from pipeline.console import console, run_main
from pipeline.matrix.build import fit_features, matrix_batches, training_outcomes
from pipeline.matrix.labelled_rows import labelled_rows
from pipeline.params import load_params, read_yaml
from pipeline.tables.export import read_export
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table
from pipeline.tables.split_file import read_split

SECTIONS = (
    "calibration",
    "capacity",
    "evaluate",
    "features",
    "labels",
    "paths",
    "points",
    "split",
    "tiers",
    "train",
)


def matrix_of(params: Any, canonical: Path, snapshots: pd.DataFrame, outcome: np.ndarray) -> tuple[Catalog, pa.Table]:
    """Fit the catalog on this split's training rows and compute every snapshot's features."""
    fitted, _ = fit_features(params.features, canonical, snapshots, outcome)
    catalog, snapshots = fitted.catalog, snapshots.assign(part=fitted.part)
    matrix = np.empty((len(snapshots), len(catalog)), dtype=np.float32)
    for rows, block in matrix_batches(canonical, snapshots, catalog, fitted.held_out):
        matrix[rows] = block
    table = pa.Table.from_pandas(snapshots[["lead_id", "snapshot_at"]], preserve_index=False)
    for j, name in enumerate(catalog.names):
        table = table.append_column(name, pa.array(matrix[:, j]))
    return catalog, table


def main() -> None:
    """Split, fit, measure, print."""
    params = load_params(SECTIONS)
    published = read_yaml(Path("published.yaml"))
    floor = published.pop("floor", None)
    split = SplitParams(**{**read_split(params.paths.metrics_dir).model_dump(), **published.get("split", published)})
    data = params.paths.data_dir
    canonical = data / "canonical"
    export = read_export(canonical)
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    labels = read_table(data / "labels.parquet", "labels").to_pandas()
    joined = snapshots.merge(labels, on=["lead_id", "snapshot_at"], validate="one_to_one")
    days, delay = params.labels.label_days, params.labels.recording_delay_days
    slices = joined[["lead_id", "snapshot_at"]].assign(
        slice=assign_slices(joined, split, days, delay, export.clock).slice.to_numpy()
    )
    catalog, table = matrix_of(params, canonical, snapshots, training_outcomes(snapshots, slices, labels))
    frame, matrix = labelled_rows(snapshots, labels, slices, table)
    product = fit_product(
        matrix,
        frame,
        catalog,
        train=params.train,
        split=split,
        calibration=params.calibration,
        tiers=params.tiers,
        label_days=days,
        recording_delay_days=delay,
        ordinal=export.ordinal,
    )
    test = np.flatnonzero(((frame["slice"] == "test") & frame["is_headline"]).to_numpy())
    baselines = fit_baselines(
        matrix, frame, catalog, points=params.points, observation_days=params.features.observation_days, predict=test
    )
    probability = product.calibration.apply(product.classifier.predict_log_odds(matrix[test]))[0]
    rows = frame.iloc[test].assign(probability=probability, **baselines)
    result = evaluate_rows(rows, np.ones(len(rows)), capacity_rows(rows, params.capacity), params.evaluate)
    difference = result["gain_over"]["untuned_lightgbm"]["auc"]
    result["floor"] = floor
    before = frame[frame["slice"].isin(FITTED) & frame["is_headline"]]
    result["train_base_rate"] = float(before["label"].mean())
    write_json(params.paths.metrics_dir / "published.json", result)
    purged = "purged" if split.label_purge else "not purged"
    title = f"published split (labels {purged}): {result['rows']:,} test leads, base rate {result['base_rate']:.1%}"
    console.print(metrics_table(result, title))
    console.print(calibration_note(result))
    value, low, high = difference["value"], difference["low"], difference["high"]
    console.print(
        f"AUC of the product less untuned LightGBM on the same rows: {value:+.4f} ({low:+.4f}..{high:+.4f})"
        + (f"; published floor {floor}" if floor else "")
    )


if __name__ == "__main__":
    run_main(main)

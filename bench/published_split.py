"""The product on the split that a data set's floor was published on, beside untuned LightGBM on the same rows.

Run in the workspace of a preset source (`runs/<source>`), after its pipeline: `python -m bench.published_split`. The split
purges no training label that reaches into the test, so its figures are for comparison with the floor alone.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from features.catalog import Catalog
from models.fitting import fit_baselines, fit_product
from models.params import SplitParams
from models.splits import assign_slices
from pipeline.attribute_history import eligible_attributes
from pipeline.build_features import fit_catalog, matrix_batches, read_attribute_values
from pipeline.console import calibration_note, console, metrics_table, run_main
from pipeline.evaluate import capacity_rows, evaluate_rows
from pipeline.files import write_json
from pipeline.params import load_params, read_yaml
from pipeline.tables import read_table
from pipeline.train import labelled_rows

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


def matrix_of(canonical: Path, snapshots, slices, params) -> tuple[Catalog, pa.Table]:
    """Fit the catalog on this split's training rows and compute every snapshot's features."""
    declared = eligible_attributes(
        read_table(canonical / "attributes.parquet", "attributes").to_pandas(),
        use_known_at_export=params.features.use_known_at_export,
    )
    values = read_attribute_values(canonical, snapshots, declared)
    training = (slices["slice"] == "train").to_numpy()
    catalog = fit_catalog(params.features, canonical, declared, snapshots[training], values[training])
    matrix = np.empty((len(snapshots), len(catalog.features)), dtype=np.float32)
    for rows, block in matrix_batches(canonical, snapshots, values, catalog):
        matrix[rows] = block
    table = pa.Table.from_pandas(snapshots[["lead_id", "snapshot_at"]], preserve_index=False)
    for j, feature in enumerate(catalog.features):
        table = table.append_column(feature.name, pa.array(matrix[:, j]))
    return catalog, table


def main() -> None:
    """Split, fit, measure, print."""
    params = load_params(SECTIONS)
    published = read_yaml(Path("published.yaml"))
    floor = published.pop("floor", None)
    split = SplitParams(**{**params.split.model_dump(), **published.get("split", published)})
    data = params.paths.data_dir
    canonical = data / "canonical"
    export = read_table(canonical / "export.parquet", "export").to_pandas().iloc[0]
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    labels = read_table(data / "labels.parquet", "labels").to_pandas()
    joined = snapshots.merge(labels, on=["lead_id", "snapshot_at"], validate="one_to_one")
    days, delay = params.labels.label_days, params.labels.recording_delay_days
    slices = joined[["lead_id", "snapshot_at"]].assign(
        slice=assign_slices(joined, split, days, delay, export["clock"]).slice.to_numpy()
    )
    catalog, table = matrix_of(canonical, snapshots, slices, params)
    frame, matrix = labelled_rows(snapshots, labels, slices, table)
    frame["label"] = frame["label"].astype("int8")
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
        ordinal=export["clock"] == "ordinal",
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
    write_json(params.paths.metrics_dir / "published.json", result)
    title = f"published split (labels not purged): {result['rows']:,} test leads, base rate {result['base_rate']:.1%}"
    console.print(metrics_table(result, title))
    console.print(calibration_note(result))
    value, low, high = difference["value"], difference["low"], difference["high"]
    console.print(
        f"AUC of the product less untuned LightGBM on the same rows: {value:+.4f} ({low:+.4f}..{high:+.4f})"
        + (f"; published floor {floor}" if floor else "")
    )


if __name__ == "__main__":
    run_main(main)

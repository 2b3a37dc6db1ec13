"""What each group of features is worth: all of them, all minus each one, and the basic ones plus each one.

Run inside a workspace whose stages up to `split` have run (`runs/<source>` after `make demo SOURCE=<source>`, or the repository
after `make demo`; docs quote `runs/simulated_60000` after `make demo LEADS=60000`):

    python -m bench.feature_ablation

The test rows, the labels and the split are those of `params.yaml`. Each variant is fitted with several seeds on the same rows,
and the mean of its probabilities is compared with that of all groups, row by row: differences come with paired 95 % intervals,
bootstrapped by account. Every variant is a run in MLflow, under the experiment `<model name>-ablation`.
"""

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from bench.published_split import matrix_of
from bench.results import record
from features.catalog import Catalog
from features.operations import GROUPS
from models.calibration.capacity import capacity_rows
from models.fitting.recipe import fit_product
from models.fitting.row_weights import row_groups, snapshot_weights
from models.params import TrainParams
from models.quality.metrics import evaluate, paired_auc_gain, paired_log_loss_gain
from pipeline.console import console, progress, run_main
from pipeline.matrix.build import training_outcomes
from pipeline.matrix.labelled_rows import labelled_rows
from pipeline.mlflow_runs.store import open_store
from pipeline.mlflow_runs.summary import flat_metrics
from pipeline.params import load_params
from pipeline.tables.export import read_export
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table
from pipeline.tables.split_file import read_split

SECTIONS = (
    "calibration",
    "capacity",
    "evaluate",
    "features",
    "ingest",
    "labels",
    "paths",
    "publish",
    "split",
    "tiers",
    "train",
)
BASIC = ("engagement", "attributes")
SEEDS = 3


def available_groups(catalog: Catalog, matrix: np.ndarray) -> tuple[str, ...]:
    """List the groups with at least one column that differs between rows."""
    varies = np.array([len(np.unique(column[:10_000])) > 1 for column in np.nan_to_num(matrix, nan=-1e30).T])
    return tuple(
        group
        for group in GROUPS
        if any(varies[j] for j, feature in enumerate(catalog.features) if feature.group == group)
    )


def variants(groups: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Name the sets of groups to compare; the first is all of them."""
    found = {"all": groups}
    for group in groups:
        found[f"all minus {group}"] = tuple(other for other in groups if other != group)
    basic = tuple(group for group in groups if group in BASIC)
    found["basic"] = basic
    for group in groups:
        if group not in basic:
            found[f"basic plus {group}"] = tuple(other for other in groups if other in (*basic, group))
    return {name: chosen for name, chosen in found.items() if chosen}


def restricted(catalog: Catalog, groups: tuple[str, ...]) -> tuple[Catalog, np.ndarray]:
    """Give the catalog of some groups alone, and the columns that are left."""
    columns = [j for j, feature in enumerate(catalog.features) if feature.group in groups]
    features = tuple(catalog.features[j] for j in columns)
    params = catalog.params.model_copy(update={"groups": groups})
    attributes = catalog.attributes if "attributes" in groups else ()
    smaller = Catalog(
        features,
        params,
        attributes,
        catalog.known_kinds,
        catalog.known_channels,
        catalog.known_roles,
        catalog.buyer_profile,
    )
    return smaller, np.array(columns, dtype=np.int64)


def main() -> None:
    """Build the widest matrix, fit every variant, measure, print, track."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="models per variant")
    parser.add_argument("--out", type=Path, help="JSON file to write (default: ablation.json in data_dir)")
    parser.add_argument(
        "--record", action="store_true", help="write what groups are worth into docs/results.json and its tables"
    )
    arguments = parser.parse_args()
    params = load_params(SECTIONS)
    split = read_split(params.paths.metrics_dir)
    data = params.paths.data_dir
    export = read_export(data / "canonical")
    tables = [read_table(data / f"{name}.parquet", name).to_pandas() for name in ("snapshots", "labels", "slices")]
    snapshots, labels, slices = tables
    wide = SimpleNamespace(features=params.features.model_copy(update={"groups": GROUPS}))
    catalog, table = matrix_of(wide, data / "canonical", snapshots, training_outcomes(snapshots, slices, labels))
    frame, matrix = labelled_rows(snapshots, labels, slices, table)
    test = np.flatnonzero((frame["slice"] == "test").to_numpy())
    groups = available_groups(catalog, matrix)
    sets = variants(groups)
    probabilities: dict[str, np.ndarray] = {}
    with progress() as bar:
        task = bar.add_task("models", total=len(sets) * arguments.seeds)
        for name, chosen in sets.items():
            smaller, columns = restricted(catalog, chosen)
            some = np.ascontiguousarray(matrix[:, columns])
            found = []
            for seed in range(arguments.seeds):
                train = TrainParams(**{**params.train.model_dump(), "seed": params.train.seed + seed})
                product = fit_product(
                    some,
                    frame,
                    smaller,
                    train=train,
                    split=split,
                    calibration=params.calibration,
                    tiers=params.tiers,
                    label_days=params.labels.label_days,
                    recording_delay_days=params.labels.recording_delay_days,
                    ordinal=export.ordinal,
                )
                log_odds = product.classifier.predict_log_odds(some[test])
                found.append(np.asarray(product.calibration.apply(log_odds)[0], dtype=np.float64))
                bar.advance(task)
            probabilities[name] = np.mean(found, axis=0)
    rows = frame.iloc[test]
    headline = rows["is_headline"].to_numpy(dtype=bool)
    result = _measure(rows, np.ones(len(rows)), headline, probabilities, params)
    if not headline.all():
        every = _measure(rows, snapshot_weights(rows), np.ones(len(rows), dtype=bool), probabilities, params)
        for name in result:
            result[name]["all_snapshots"] = every[name]
    rows = rows[headline]
    for name, chosen in sets.items():
        result[name]["features"] = int(np.isin([f.group for f in catalog.features], chosen).sum())
    answer = {"source": params.ingest.source, "rows": len(rows), "positives": int(rows["label"].sum())}
    write_json(
        arguments.out or data / "ablation.json",
        {**answer, "seeds": arguments.seeds, "variants": result},
    )
    console.print(_table(answer, result))
    if arguments.record:
        record("groups", {answer["source"]: groups_row(result)})
    _track(params.publish.model_name, answer, sets, result)


def groups_row(result: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Take what the documents' table says of each group: the log loss that is lost without it, in nats, with its interval."""
    lost = {name.removeprefix("all minus "): found for name, found in result.items() if name.startswith("all minus ")}
    rows = {group: found.get("all_snapshots", found)["log_loss_gain"] for group, found in lost.items()}
    return {
        group: {"value": -gain["value"], "low": -gain["high"], "high": -gain["low"]} for group, gain in rows.items()
    }


def _measure(
    frame: pd.DataFrame, weights: np.ndarray, chosen: np.ndarray, probabilities: dict[str, np.ndarray], params: Any
) -> dict[str, dict[str, Any]]:
    """Measure every variant on the chosen rows, alone and against all groups (`basic plus`: against basic)."""
    rows, weights = frame[chosen], weights[chosen]
    labels, clusters = rows["label"].to_numpy(dtype=np.float64), row_groups(rows)
    capacity, settings = capacity_rows(rows, params.capacity), params.evaluate
    result: dict[str, dict[str, Any]] = {}
    for name in probabilities:
        mine = probabilities[name][chosen]
        against = probabilities["basic" if name.startswith("basic plus") else "all"][chosen]
        result[name] = {
            **evaluate(labels, mine, clusters, weights, capacity, settings, is_probability=True),
            "auc_gain": paired_auc_gain(labels, mine, against, clusters, weights, settings),
            "log_loss_gain": paired_log_loss_gain(labels, mine, against, clusters, weights, settings),
        }
    return result


def _table(answer: dict[str, Any], result: dict[str, dict[str, Any]]) -> Table:
    table = Table(
        title=f"{answer['source']}: {answer['rows']:,} test rows, {answer['positives']:,} positives; "
        "gains are against all groups, those of “basic plus” against basic"
    )
    table.add_column("variant")
    every = "all_snapshots" in result["all"]
    for column in ("features", "AUC", "AUC gain", "log loss", "log loss gain", *(["the same, all snapshots"] * every)):
        table.add_column(column, justify="right")
    for name, found in result.items():
        if name == "basic":
            table.add_section()
        row = [f"{found['auc']['value']:.4f}", _gain(found, "auc_gain"), f"{found['log_loss']['value']:.4f}"]
        row += [_gain(found, "log_loss_gain"), *([_gain(found["all_snapshots"], "log_loss_gain")] if every else [])]
        table.add_row(name, str(found["features"]), *row)
    return table


def _gain(found: dict[str, Any], key: str) -> str:
    gain = found[key]
    return f"{gain['value']:+.4f} ({gain['low']:+.4f}..{gain['high']:+.4f})"


def _track(
    model_name: str, answer: dict[str, Any], sets: dict[str, tuple[str, ...]], result: dict[str, dict[str, Any]]
) -> None:
    mlflow, experiment = open_store(Path.cwd(), f"{model_name}-ablation")
    with mlflow.start_run(experiment_id=experiment, run_name=f"ablation {answer['source']}"):
        mlflow.log_params({key: str(value) for key, value in answer.items()})
        mlflow.log_dict(result, "ablation.json")
        for name, found in result.items():
            with mlflow.start_run(experiment_id=experiment, run_name=name, nested=True):
                mlflow.log_params({"variant": name, "groups": ", ".join(sets[name]), "features": found["features"]})
                measured = {key: value for key, value in found.items() if key != "features"}
                mlflow.log_metrics(flat_metrics(measured))


if __name__ == "__main__":
    run_main(main)

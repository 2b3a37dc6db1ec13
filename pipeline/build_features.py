"""Stage `features`: what was known of each lead at each snapshot and on the newest lists, as one matrix, and its catalog."""

import argparse
from pathlib import Path

import pandas as pd

from features.errors import ParameterError
from pipeline.console import console, progress, run_main
from pipeline.matrix.build import fit_features, plan_matrix, training_outcomes, with_lists, write_matrix
from pipeline.matrix.fit_catalog import FittedCatalog
from pipeline.params import load_params
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main", "write_locally"]

SECTIONS = ("features", "paths")


def write_locally(
    canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, out: Path, since: Path | None = None
) -> int:
    """Write the folder `features` on this machine, and show how far it is; return how many rows were computed.

    Parameters are those of `plan_matrix` and `write_matrix`.
    """
    plan = plan_matrix(canonical, snapshots, fitted, since)
    if since is not None and plan.former is None:
        console.print(
            f"features: {since} was built with another catalog or other attributes with a history; building all rows"
        )
    with progress() as bar:
        task = bar.add_task("snapshots", total=len(plan.to_compute))
        write_matrix(canonical, plan, fitted, out, lambda rows: bar.advance(task, rows))
    return len(plan.to_compute)


def _write_with_spark(canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, out: Path) -> int:
    from pipeline.spark.matrix import write_matrix_file  # a dependency group

    with progress() as bar:
        task = bar.add_task("snapshots", total=len(snapshots))
        write_matrix_file(canonical, snapshots, fitted, out, lambda rows: bar.advance(task, rows))
    return len(snapshots)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.build_features", description=__doc__)
    parser.add_argument(
        "--since",
        type=Path,
        metavar="FOLDER",
        help="a copy of a former features folder: take the rows of accounts from it in which nothing changed since",
    )
    return parser.parse_args()


def main(since: Path | None = None) -> None:
    """Read canonical tables, snapshots, lists, slices and labels; write the folder `features`, taking from `since` what holds.

    `since` is a copy of a former such folder.
    """
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    canonical = data / "canonical"
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    lists = read_table(data / "lists.parquet", "lists").to_pandas()
    count, snapshots = len(snapshots), with_lists(snapshots, lists)
    slices = read_table(data / "slices.parquet", "slices").to_pandas()
    labels = read_table(data / "labels.parquet", "labels").to_pandas()
    outcome = training_outcomes(snapshots, slices, labels)
    fitted, _ = fit_features(params.features, canonical, snapshots, outcome)
    if params.features.engine == "spark":
        if since is not None:
            raise ParameterError(
                "--since: the engine `spark` builds all rows. Leave --since out, or set features.engine: local."
            )
        computed = _write_with_spark(canonical, snapshots, fitted, data / "features")
    else:
        computed = write_locally(canonical, snapshots, fitted, data / "features", since)
    taken = len(snapshots) - computed
    console.print(
        f"features: {count:,} snapshots and {len(snapshots) - count:,} more rows for lists x {len(fitted.catalog)} features, "
        f"fingerprint {fitted.catalog.fingerprint[:12]}" + (f"; {taken:,} rows taken from {since}" if taken else "")
    )


if __name__ == "__main__":
    run_main(lambda: main(_arguments().since))

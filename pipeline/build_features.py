"""Stage `features`: what was known about each lead at each snapshot, as one matrix, and the catalog that names it."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.catalog import Catalog
from features.errors import ParameterError
from features.params import FeaturesParams
from pipeline.console import console, progress, run_main
from pipeline.matrix.account_batches import COST_PER_BATCH, snapshot_batches
from pipeline.matrix.account_digests import account_digests
from pipeline.matrix.feature_rows import feature_rows
from pipeline.matrix.fit_catalog import FittedCatalog, fit_catalog
from pipeline.matrix.incremental import identity_of, in_matrix_order, merged, unchanged, write_state
from pipeline.params import load_params
from pipeline.population.attribute_history import eligible_attributes, read_attribute_values
from pipeline.tables.matrix_file import MatrixWriter
from pipeline.tables.parquet import read_table

__all__ = [
    "SECTIONS",
    "fit_features",
    "main",
    "matrix_batches",
    "training_outcomes",
    "write_matrix",
]

SECTIONS = ("features", "paths")


def fit_features(
    params: FeaturesParams, canonical: Path, snapshots: pd.DataFrame, outcome: np.ndarray
) -> tuple[FittedCatalog, pd.DataFrame]:
    """Look up the attributes of all snapshots, and fit the catalog on the training rows among them.

    Parameters
    ----------
    params : FeaturesParams
        The `features` section.
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    outcome : ndarray of float [snapshots]
        0 or 1 of a training row; NaN of every other.

    Returns
    -------
    fitted : FittedCatalog
    values : DataFrame
        Attribute values, row for row with `snapshots`.
    """
    declared = eligible_attributes(
        read_table(canonical / "attributes.parquet", "attributes").to_pandas(),
        use_known_at_export=params.use_known_at_export,
    )
    values = read_attribute_values(canonical, snapshots, declared)
    return fit_catalog(params, canonical, declared, snapshots, values, outcome), values


def training_outcomes(snapshots: pd.DataFrame, slices: pd.DataFrame, labels: pd.DataFrame) -> np.ndarray:
    """Give the outcomes that may be looked at: of training rows whose label has matured; NaN elsewhere.

    Parameters
    ----------
    snapshots, slices, labels : DataFrame
        As the tables of the same names; the answer is row for row with `snapshots`.
    """
    keys = ["lead_id", "snapshot_at"]
    joined = snapshots[keys].merge(slices, on=keys, how="left").merge(labels, on=keys, how="left")
    return joined["label"].astype("float64").where(joined["slice"] == "train").to_numpy(na_value=np.nan)


def matrix_batches(
    canonical: Path,
    snapshots: pd.DataFrame,
    catalog: Catalog,
    held_out: Sequence[Catalog] = (),
    cost_per_batch: int = COST_PER_BATCH,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield feature rows in bounded memory, by account, lead and time.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at, in any order; with `held_out` also part, see `by_catalog`.
    catalog : Catalog
        What to compute.
    held_out : sequence of Catalog
        For training rows, whose buyer profile must not know their own outcome.
    cost_per_batch : int
        See `account_batches`.

    Yields
    ------
    rows : ndarray of int64
        Positions in `snapshots`.
    matrix : ndarray of float32
        Their features, shape [len(rows), len(catalog)].
    """
    for batch, rows in snapshot_batches(canonical, snapshots, cost_per_batch):
        yield (
            rows,
            feature_rows(batch.tables, batch.lead_ids, snapshots.iloc[rows], catalog, held_out, recorded=batch.history),
        )


def _spark_blocks(
    canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, out: Path
) -> Iterator[tuple[Any, Any, np.ndarray]]:
    """Yield lead_id, snapshot_at and features of some rows; the same rows as on one machine, in an order of its own."""
    from pipeline.spark.matrix import matrix_tables  # an extra

    for table in matrix_tables(canonical, snapshots, fitted.catalog, fitted.held_out, out):
        columns = [table[name].to_numpy() for name in fitted.catalog.names]
        yield table["lead_id"], table["snapshot_at"], np.column_stack(columns)


def _write_with_spark(canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "catalog.json").write_text(fitted.catalog.to_json(), encoding="utf-8")
    with MatrixWriter(out / "matrix.parquet", fitted.catalog.names) as writer, progress() as bar:
        task = bar.add_task("snapshots", total=len(snapshots))
        for lead_ids, moments, matrix in _spark_blocks(canonical, snapshots.assign(part=fitted.part), fitted, out):
            writer.write(lead_ids, moments, matrix)
            bar.advance(task, len(matrix))


def write_matrix(
    canonical: Path,
    snapshots: pd.DataFrame,
    fitted: FittedCatalog,
    out: Path,
    since: Path | None = None,
) -> int:
    """Write `catalog.json`, `matrix.parquet` and what a later build needs to take rows from it; return how many were computed.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    fitted : FittedCatalog
        Of these snapshots.
    out : Path
        Folder to write.
    since : Path, optional
        A former folder of this kind. Rows of accounts whose canonical rows are the same now as then are taken from it: the same
        ones, to the bit, as would be computed. With another catalog all are computed, and it says so.
    """
    catalog, held_out = fitted.catalog, fitted.held_out
    out.mkdir(parents=True, exist_ok=True)
    ordered = in_matrix_order(canonical, snapshots.assign(part=fitted.part))
    identity, digests = identity_of(catalog, held_out, canonical), account_digests(canonical)
    former = None if since is None else unchanged(since, identity, digests, ordered)
    if since is not None and former is None:
        console.print(
            f"features: {since} was built with another catalog or other attributes with a history; building all rows"
        )
    row = np.full(len(ordered), -1) if former is None else former.row
    todo = ordered[row < 0].reset_index(drop=True)
    (out / "catalog.json").write_text(catalog.to_json(), encoding="utf-8")
    with MatrixWriter(out / "matrix.parquet", catalog.names) as writer, progress() as bar:
        task = bar.add_task("snapshots", total=len(todo))

        def computed() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for rows, matrix in matrix_batches(canonical, todo, catalog, held_out):
                bar.advance(task, len(rows))
                yield rows, matrix

        parts: Iterator[tuple[np.ndarray | slice, np.ndarray]] = computed()
        if former is not None:
            parts = merged(former, (matrix for _, matrix in computed()), len(catalog))
        for rows, matrix in parts:
            keys = ordered.iloc[rows]
            writer.write(keys["lead_id"], keys["snapshot_at"], matrix)
    write_state(out, identity, digests, ordered["part"].to_numpy())
    return len(todo)


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
    """Read canonical tables, snapshots, slices and labels; write the folder `features`, taking from `since` what holds.

    `since` is a copy of a former such folder.
    """
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    canonical = data / "canonical"
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    slices = read_table(data / "slices.parquet", "slices").to_pandas()
    labels = read_table(data / "labels.parquet", "labels").to_pandas()
    outcome = training_outcomes(snapshots, slices, labels)
    fitted, _ = fit_features(params.features, canonical, snapshots, outcome)
    if params.features.engine == "spark":
        if since is not None:
            raise ParameterError(
                "--since: the engine `spark` builds all rows. Leave --since out, or set features.engine: local."
            )
        _write_with_spark(canonical, snapshots, fitted, data / "features")
        computed = len(snapshots)
    else:
        computed = write_matrix(canonical, snapshots, fitted, data / "features", since)
    taken = len(snapshots) - computed
    console.print(
        f"features: {len(snapshots):,} snapshots x {len(fitted.catalog)} features, fingerprint "
        f"{fitted.catalog.fingerprint[:12]}" + (f"; {taken:,} rows taken from {since}" if taken else "")
    )


if __name__ == "__main__":
    run_main(lambda: main(_arguments().since))

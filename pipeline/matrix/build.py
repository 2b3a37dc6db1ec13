"""From canonical tables and snapshots to the folder `features`: the catalog fitted, its rows computed on one machine."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from features.catalog import Catalog
from features.params import FeaturesParams
from pipeline.matrix.account_batches import COST_PER_BATCH, snapshot_batches
from pipeline.matrix.feature_rows import feature_rows
from pipeline.matrix.fit_catalog import FittedCatalog, fit_catalog
from pipeline.matrix.incremental import (
    Former,
    account_digests,
    identity_of,
    in_matrix_order,
    merged,
    unchanged,
    write_state,
)
from pipeline.population.attribute_history import eligible_attributes, read_attribute_values
from pipeline.tables.matrix_file import MatrixWriter
from pipeline.tables.parquet import read_table

__all__ = [
    "MatrixPlan",
    "fit_features",
    "matrix_batches",
    "plan_matrix",
    "training_outcomes",
    "with_lists",
    "write_matrix",
]


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


def with_lists(snapshots: pd.DataFrame, lists: pd.DataFrame) -> pd.DataFrame:
    """Append the rows of the newest lists to the snapshots; what is both stays once.

    Parameters
    ----------
    snapshots : DataFrame
        As the table of that name.
    lists : DataFrame
        As `pipeline.population.lists.newest_lists` gives them.

    Returns
    -------
    DataFrame
        lead_id, account_id, snapshot_at: first the snapshots, in their order.
    """
    columns = ["lead_id", "account_id", "snapshot_at"]
    return pd.concat([snapshots[columns], lists[columns]]).drop_duplicates(
        ["lead_id", "snapshot_at"], ignore_index=True
    )


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


class MatrixPlan(NamedTuple):
    """Which rows of a matrix are computed, and which are taken from a former one.

    Attributes
    ----------
    snapshots : DataFrame
        lead_id, account_id, snapshot_at, part, key, as `in_matrix_order` sorts them: the rows of the matrix.
    to_compute : DataFrame
        Those of them that no former matrix gives, in the same order.
    former : Former or None
        Where the others come from; None: there are none, because no former matrix was named or because it was built with
        another catalog.
    identity : dict
        As `identity_of` gives it.
    digests : Table
        As `account_digests` gives them.
    """

    snapshots: pd.DataFrame
    to_compute: pd.DataFrame
    former: Former | None
    identity: dict[str, Any]
    digests: pa.Table


def plan_matrix(
    canonical: Path, snapshots: pd.DataFrame, fitted: FittedCatalog, since: Path | None = None
) -> MatrixPlan:
    """Find the rows of a matrix that must be computed.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at, in any order.
    fitted : FittedCatalog
        Of these snapshots.
    since : Path, optional
        A former folder that `write_matrix` wrote. Rows of accounts whose canonical rows are the same now as then are taken from
        it: the same ones, to the bit, as would be computed. With another catalog all are computed.

    Raises
    ------
    DataError
        If `since` holds no matrix with its state.
    """
    ordered = in_matrix_order(canonical, snapshots.assign(part=fitted.part))
    identity, digests = identity_of(fitted.catalog, fitted.held_out, canonical), account_digests(canonical)
    former = None if since is None else unchanged(since, identity, digests, ordered)
    to_compute = ordered if former is None else ordered[former.row < 0].reset_index(drop=True)
    return MatrixPlan(ordered, to_compute, former, identity, digests)


def write_matrix(
    canonical: Path, plan: MatrixPlan, fitted: FittedCatalog, out: Path, advance: Callable[[int], None]
) -> None:
    """Write `catalog.json`, `matrix.parquet` and what a later build needs to take rows from it.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    plan : MatrixPlan
        As `plan_matrix` makes it of the same canonical tables and catalog.
    fitted : FittedCatalog
    out : Path
        Folder to write.
    advance : callable
        Called with the number of rows of each batch that was computed, `len(plan.to_compute)` in all.
    """
    catalog = fitted.catalog
    out.mkdir(parents=True, exist_ok=True)
    (out / "catalog.json").write_text(catalog.to_json(), encoding="utf-8")

    def computed() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows, matrix in matrix_batches(canonical, plan.to_compute, catalog, fitted.held_out):
            advance(len(rows))
            yield rows, matrix

    parts: Iterator[tuple[np.ndarray | slice, np.ndarray]] = computed()
    if plan.former is not None:
        parts = merged(plan.former, (matrix for _, matrix in computed()), len(catalog))
    with MatrixWriter(out / "matrix.parquet", catalog.names) as writer:
        for rows, matrix in parts:
            keys = plan.snapshots.iloc[rows]
            writer.write(keys["lead_id"], keys["snapshot_at"], matrix)
    write_state(out, plan.identity, plan.digests, plan.snapshots["part"].to_numpy())

"""The feature matrix brought up to date: rows of accounts in which nothing changed are taken from a former matrix.

A row is made from its account's canonical rows, its moment and the catalog alone, so it stays as it is while these do. The
former matrix must have been built with the same catalog; what training rows teach anew makes another one, and then all is built
again.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.catalog import Catalog
from features.errors import DataError
from pipeline.population.attribute_history import history_of
from pipeline.tables.duckdb import connect, text_literal
from pipeline.tables.parquet import read_table

__all__ = ["Former", "account_digests", "identity_of", "in_matrix_order", "merged", "unchanged", "write_state"]

ROWS_AT_ONCE = 50_000

DIGESTS_BY = f"duckdb {duckdb.__version__}"
"""Another version may hash in another way."""

# how a row finds its account (or its lead, where that has none); {l} is the lead's row
KEYS = {
    "leads": "coalesce(t.account_id, t.lead_id)",
    "touchpoints": "coalesce(l.account_id, t.lead_id)",
    "stage_changes": "coalesce(l.account_id, t.lead_id)",
    "accounts": "t.account_id",
    "orders": "t.account_id",
    "attribute_changes": "coalesce(l.account_id, t.lead_id, t.account_id)",
}


class Former(NamedTuple):
    """What a former matrix can give.

    Attributes
    ----------
    matrix : Path
        The file.
    row : ndarray of int64 [snapshots]
        Each snapshot's row in it; -1: to be computed.
    """

    matrix: Path
    row: np.ndarray


def account_digests(canonical: Path) -> pa.Table:
    """Digest the canonical tables that features look at; one row per account, or lead without one.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; all but leads may be absent.

    Returns
    -------
    Table
        key (account_id, or lead_id), ascending, and digest (text); two are equal when the same rows are there, in any order.
    """
    parts = []
    for name, key in KEYS.items():
        path = canonical / f"{name}.parquet"
        if not path.exists():
            continue
        columns = ", ".join(f't."{column}"' for column in pq.read_schema(path).names)
        source = f"read_parquet({text_literal(path)}) t"
        if "l." in key:
            source += f" LEFT JOIN read_parquet({text_literal(canonical / 'leads.parquet')}) l ON t.lead_id = l.lead_id"
        parts.append(f"SELECT {key} AS key, hash('{name}', {columns}) AS row FROM {source}")
    # the sum of hashes does not depend on the order of the rows, and two equal rows do not cancel out
    query = (
        f"SELECT key, sum(row::HUGEINT)::VARCHAR || '/' || count(*) AS digest FROM ({' UNION ALL '.join(parts)}) "
        "WHERE key IS NOT NULL GROUP BY key ORDER BY key"
    )
    with connect() as connection:
        return connection.sql(query).to_arrow_table()


def identity_of(catalog: Catalog, held_out: Sequence[Catalog], canonical: Path) -> dict[str, Any]:
    """Give all that holds for every row of a matrix: two matrices can share rows only where it is equal."""
    path = canonical / "attribute_changes.parquet"
    changes = pq.read_table(path, columns=["lead_id", "account_id", "attribute"]) if path.exists() else None
    return {
        "fingerprint": catalog.fingerprint,
        "held_out": [other.fingerprint for other in held_out],
        "history": [list(pair) for pair in sorted(history_of(changes))],
        "digests_by": DIGESTS_BY,
    }


def in_matrix_order(canonical: Path, snapshots: pd.DataFrame) -> pd.DataFrame:
    """Sort snapshots as a matrix is sorted, by account, lead and time; column key is the account, or the lead without one."""
    leads = read_table(canonical / "leads.parquet", "leads")
    position = pc.index_in(pa.array(snapshots["lead_id"], pa.string()), value_set=leads["lead_id"])
    key = pc.coalesce(leads["account_id"], leads["lead_id"]).take(position)
    table = pa.table({"key": key, "lead_id": snapshots["lead_id"], "at": snapshots["snapshot_at"]})
    order = pc.sort_indices(table, [(name, "ascending") for name in table.column_names]).to_numpy()
    return pd.DataFrame(snapshots.assign(key=key.to_pandas().astype(object)).iloc[order].reset_index(drop=True))


def write_state(folder: Path, identity: dict[str, Any], digests: pa.Table, part: np.ndarray) -> None:
    """Write beside a matrix what `unchanged` asks of it: `state.json`, `accounts.parquet`, and `parts.parquet` row for row."""
    (folder / "state.json").write_text(json.dumps(identity, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    pq.write_table(digests, folder / "accounts.parquet", compression="zstd")
    pq.write_table(pa.table({"part": part}), folder / "parts.parquet", compression="zstd")


def unchanged(folder: Path, identity: dict[str, Any], digests: pa.Table, snapshots: pd.DataFrame) -> Former | None:
    """Find the rows of a former matrix that are as they would be computed now; None: it was built with another catalog.

    Parameters
    ----------
    folder : Path
        A former `features` folder.
    identity : dict
        As `identity_of` gives it now.
    digests : Table
        As `account_digests` gives them now.
    snapshots : DataFrame
        lead_id, snapshot_at, key, part, as `in_matrix_order` sorts them.

    Raises
    ------
    DataError
        If the folder holds no matrix with its state.
    """
    for name in ("state.json", "accounts.parquet", "parts.parquet", "matrix.parquet"):
        if not (folder / name).exists():
            raise DataError(
                f"--since {folder}: there is no {name}. Name a copy of a former features folder that this version built; DVC "
                "deletes a stage's outputs before it runs, so keep the copy elsewhere. Or leave --since out."
            )
    if json.loads((folder / "state.json").read_text(encoding="utf-8")) != identity:
        return None
    now, then = (
        table.to_pandas().set_index("key")["digest"] for table in (digests, pq.read_table(folder / "accounts.parquet"))
    )
    same = now.index[now.eq(then.reindex(now.index))]
    former = pq.read_table(folder / "matrix.parquet", columns=["lead_id", "snapshot_at"]).to_pandas()
    former["former_part"] = pq.read_table(folder / "parts.parquet")["part"].to_numpy()
    former["row"] = np.arange(len(former))
    found = snapshots.merge(former, on=["lead_id", "snapshot_at"], how="left")
    keep = found["key"].isin(same) & (found["former_part"] == found["part"])
    return Former(folder / "matrix.parquet", np.where(keep, found["row"].fillna(-1), -1).astype(np.int64))


def merged(former: Former, fresh: Iterator[np.ndarray], features: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the rows of the new matrix in its order, taken from the former one or from the freshly computed ones.

    Parameters
    ----------
    former : Former
        Its rows rise with the snapshots, since both are in matrix order.
    fresh : iterator of ndarray of float32
        The rows to be computed, in order, in blocks of any size.
    features : int
        Columns.

    Yields
    ------
    snapshots : slice
    matrix : ndarray of float32
    """
    old, new = _Rows(_blocks(former.matrix)), _Rows(fresh)
    for begin in range(0, len(former.row), ROWS_AT_ONCE):
        row = former.row[begin : begin + ROWS_AT_ONCE]
        out = np.empty((len(row), features), dtype=np.float32)
        kept = row >= 0
        out[kept] = old.take(row[kept], features)
        out[~kept] = new.take(new.passed + np.arange(np.count_nonzero(~kept)), features)
        yield slice(begin, begin + len(row)), out


class _Rows:
    """Rows that come in blocks and are asked for in rising order."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks, self._block, self._begin, self.passed = blocks, np.empty((0, 0), np.float32), 0, 0

    def take(self, rows: np.ndarray, features: int) -> np.ndarray:
        out = np.empty((len(rows), features), dtype=np.float32)
        done = 0
        while done < len(rows):
            end = self._begin + len(self._block)
            until = int(np.searchsorted(rows, end))
            if until == done:
                self._begin, self._block = end, next(self._blocks)
                continue
            out[done:until] = self._block[rows[done:until] - self._begin]
            done = until
        self.passed += len(rows)
        return out


def _blocks(path: Path) -> Iterator[np.ndarray]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=file.schema_arrow.names[2:]):
            yield np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])

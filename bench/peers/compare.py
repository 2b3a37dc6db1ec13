"""Do two contenders say the same? Row by row, column by column."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.peers.definition import FEATURES, KEYS

__all__ = ["TOLERANCE", "DifferentValuesError", "check_equal"]

TOLERANCE = 2e-6
"""Relative, and absolute below 1, for decayed counts, sums and days: a few roundings to float32. Counts are equal exactly."""

_EXACT = ("count", "distinct_days", "distinct_channels", "distinct_assets")


class DifferentValuesError(Exception):
    """Two contenders disagree, so their times can't be compared."""


def check_equal(expected: Path, got: Path) -> int:
    """Compare two results in any row order; `got` may hold only some of the leads, but all snapshots of these.

    Returns
    -------
    int
        Rows compared.

    Raises
    ------
    DifferentValuesError
        If rows are missing or too many, or a value differs.
    """
    ids = pc.unique(_text(pq.read_table(got, columns=["lead_id"])))
    order, keys = _sorted_rows(got, ids)
    wanted, wanted_keys = _sorted_rows(expected, ids)
    if len(order) != len(wanted) or not all(np.array_equal(a, b) for a, b in zip(keys, wanted_keys, strict=True)):
        raise DifferentValuesError(
            f"{got.stem}: has {len(order):,} rows of {len(ids):,} leads, {expected.stem} has {len(wanted):,} of them, or "
            f"their {' and '.join(KEYS)} differ. Mend bench/peers/with_{got.stem}.py."
        )
    for feature in FEATURES:
        a, b = _column(expected, feature.name)[wanted], _column(got, feature.name)[order]
        if feature.operation in _EXACT:
            wrong = np.flatnonzero(a != b)
        else:
            wrong = np.flatnonzero(~np.isclose(b, a, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
        if len(wrong):
            row = int(wrong[0])
            lead, at = ids[int(keys[0][row])].as_py(), np.datetime64(int(keys[1][row]), "us")
            raise DifferentValuesError(
                f"{got.stem}: {feature.name} of lead {lead!r} at {at} is {b[row]}, {expected.stem} says {a[row]}; "
                f"{len(wrong):,} of {len(order):,} rows differ. Mend bench/peers/with_{got.stem}.py."
            )
    return len(order)


def _text(table: pa.Table) -> pa.ChunkedArray:
    return table["lead_id"].cast(pa.string())


def _sorted_rows(path: Path, ids: pa.Array) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Give the rows of the given leads in the order of lead and moment, and these keys."""
    table = pq.read_table(path, columns=list(KEYS))
    lead = pc.index_in(_text(table), value_set=ids).fill_null(-1).to_numpy()
    at = table["snapshot_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    order = np.lexsort((at, lead))[np.count_nonzero(lead < 0) :]
    return order, (lead[order], at[order])


def _column(path: Path, name: str) -> np.ndarray:
    values = pq.read_table(path, columns=[name])[name]
    return values.cast(pa.float64()).to_numpy()

"""The audit of any delimited file with a column that holds the outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.errors import ParameterError
from pipeline.leakage.audit_table import AuditTable, Profile
from pipeline.leakage.columns import audit_columns
from pipeline.leakage.counts import read_delimited
from pipeline.leakage.duplicates import repeated_rows
from pipeline.leakage.finding import Finding
from pipeline.leakage.statistics import numbers
from pipeline.leakage.time_columns import moments_of
from pipeline.leakage.truncation import empty_ends, month_periods, rate_jumps
from pipeline.params import AuditParams

__all__ = ["AuditedFile", "audit_file"]

POSITIVE = ("1", "1.0", "true", "yes", "y", "t")
TEST_SHARE = 0.25  # the newest rows, as if they were the test: a file has no split of its own
NEGATIVE = ("0", "0.0", "false", "no", "n", "f")


@dataclass(frozen=True)
class AuditedFile:
    """What was found in a file: findings, the profile of each column, rows, and rows with the outcome."""

    findings: list[Finding]
    profiles: Mapping[str, Profile]
    rows: int
    positives: int


def _labels(values: pd.Series, name: str, positive: str | None) -> np.ndarray:
    """Read the outcome as 0 and 1, NaN where missing."""
    found = sorted(values.dropna().astype(str).unique())
    got = f"--label {name}: got the values {', '.join(map(repr, found[:6]))}{' ...' if len(found) > 6 else ''}"
    if positive is None:
        yes = [value for value in found if value.lower() in POSITIVE]
        no = [value for value in found if value.lower() in NEGATIVE]
        if len(found) != 2 or len(yes) != 1 or len(no) != 1:
            raise ParameterError(f"{got}; which of them means yes? Name it with --positive.")
        positive = yes[0]
    if positive not in found or len(found) < 2:
        raise ParameterError(f"{got}; --positive {positive!r} must be one of at least two.")
    return np.where(values.isna(), np.nan, (values.astype(str) == positive).astype(float))


def _order(values: pd.Series, name: str) -> tuple[np.ndarray, bool]:
    """Read the time column; returns microseconds or numbers, and whether they are moments."""
    moments = moments_of(values)
    if moments is not None:
        return moments, True
    plain = numbers(values)
    if plain is None:
        raise ParameterError(
            f"--time {name}: neither ISO moments nor numbers. Name a column that is, or leave --time out."
        )
    return plain.to_numpy(), False


def audit_file(
    path: Path,
    label: str,
    params: AuditParams,
    *,
    positive: str | None = None,
    time: str | None = None,
    ids: Sequence[str] = (),
    separator: str = ",",
) -> AuditedFile:
    """Audit a delimited file.

    Parameters
    ----------
    path : Path
        With a header line; empty fields are missing.
    label : str
        The column that holds the outcome; rows without one are left out.
    params : AuditParams
        Thresholds.
    positive : str, optional
        The label's value that means yes.
    time : str, optional
        A column of moments or of numbers in the order of time: the moment at which a row is looked at. Default: rows are taken
        to be in the order of time, which does no harm where they are in none.
    ids : sequence of str
        Columns that never are features; they are judged all the same.
    separator : str
        Between fields.

    Raises
    ------
    ParameterError
        A column is not there, the label is not of two kinds, or the time is none.
    DataError
        The file can't be read.
    """
    frame = read_delimited(path, separator)
    for name in [label, *([time] if time else []), *ids]:
        if name not in frame.columns:
            raise ParameterError(f"{path.name} has no column {name!r}; it has {', '.join(frame.columns)}.")
    outcome = _labels(frame[label], label, positive)
    order, is_moment = np.arange(len(frame), dtype=float), False
    if time is not None:
        order, is_moment = _order(frame[time], time)
    kept = np.flatnonzero(np.isfinite(outcome) & np.isfinite(order))
    kept = kept[np.argsort(order[kept], kind="stable")]
    if len(kept) > params.max_rows:
        kept = kept[np.linspace(0, len(kept) - 1, params.max_rows).astype(int)]
    y = outcome[kept].astype(np.int8)
    columns = frame.iloc[kept].drop(columns=[label, *([time] if time else [])]).reset_index(drop=True)
    table = AuditTable(columns, y, order[kept].astype(np.int64), order[kept].astype(np.int64) if is_moment else None)
    findings, profiles = audit_columns(table, params)
    newest = np.arange(len(y)) >= (1.0 - TEST_SHARE) * len(y)
    judged = columns.drop(columns=list(ids))
    findings += repeated_rows(judged, newest, np.ones(len(y), dtype=bool), params, worst="warn")
    if is_moment:
        moments = pd.Series(pd.to_datetime(order[kept].astype(np.int64), unit="us", utc=True))
        months, names = month_periods(moments)
        findings += rate_jumps(months, y, names, params) + empty_ends(months, y, names, params)
    return AuditedFile(findings, profiles, len(y), int(y.sum()))

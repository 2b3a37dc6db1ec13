"""One row per thing that has an outcome, as the detectors of columns look at it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.leakage.statistics import (
    Auc,
    column_codes,
    out_of_fold_rates,
    stratified_auc,
    time_strata,
)
from pipeline.params import AuditParams

__all__ = ["AuditTable", "Profile", "profile_columns"]


@dataclass(frozen=True)
class AuditTable:
    """Columns beside the outcome.

    Attributes
    ----------
    columns : DataFrame
        One row per snapshot (or row of a file); as it would be known to a model. Missing: not filled.
    label : ndarray of int8 [rows]
        0 or 1.
    order : ndarray of int64 [rows]
        Time, or merely an order; without any, the order of the file.
    snapshot_at : ndarray of int64 [rows] or None
        Microseconds UTC; None where times are only an order.
    days_to_outcome : ndarray of float64 [rows] or None
        From the snapshot on; NaN for rows without outcome.
    eventual : ndarray of int8 [rows] or None
        Whether the outcome ever came, also after the label's window: what is written because of it follows this, not the label.
        None: the label says it.
    beside : DataFrame or None
        What else a model will know of each row, such as counts of touchpoints: compared with, not judged.
    """

    columns: pd.DataFrame
    label: np.ndarray
    order: np.ndarray
    snapshot_at: np.ndarray | None = None
    days_to_outcome: np.ndarray | None = None
    eventual: np.ndarray | None = None
    beside: pd.DataFrame | None = None

    @property
    def outcome(self) -> np.ndarray:
        """Whether the outcome ever came, as far as it is known."""
        return self.label if self.eventual is None else self.eventual


@dataclass(frozen=True)
class Profile:
    """What a single column says about the outcome.

    Attributes
    ----------
    codes : ndarray of int64 [rows]
        0 where missing.
    rates : ndarray of float64 [rows]
        The outcome's rate among rows of the same code, out of fold.
    auc, fill_auc : Auc
        Of the rates, and of being filled alone, within strata of time.
    near, far : Auc or None
        The AUC for outcomes that came sooner, and later, than half of them; None without times.
    """

    codes: np.ndarray
    rates: np.ndarray
    auc: Auc
    fill_auc: Auc
    near: Auc | None
    far: Auc | None


def profile_columns(table: AuditTable, params: AuditParams) -> Mapping[str, Profile]:
    """Profile every column that has at least two values (missing counts as one)."""
    strata = time_strata(table.order, table.label)
    found = {}
    for name in table.columns.columns:
        codes = column_codes(table.columns[name])
        if len(np.unique(codes)) < 2:
            continue
        rates = out_of_fold_rates(codes, table.label)
        near, far = _by_time_to_outcome(table, rates, strata, params.confidence)
        found[str(name)] = Profile(
            codes,
            rates,
            stratified_auc(rates, table.label, strata, params.confidence),
            _either_way(stratified_auc((codes > 0).astype(float), table.label, strata, params.confidence)),
            near,
            far,
        )
    return found


def _either_way(auc: Auc) -> Auc:
    """Mirror an AUC below one half: being empty says as much as being filled."""
    return auc if not auc.value < 0.5 else Auc(1.0 - auc.value, 1.0 - auc.high, 1.0 - auc.low)


def _by_time_to_outcome(
    table: AuditTable, rates: np.ndarray, strata: np.ndarray, confidence: float
) -> tuple[Auc | None, Auc | None]:
    days = table.days_to_outcome
    if days is None or not (table.label == 1).any():
        return None, None
    half = np.nanmedian(days[table.label == 1])
    negative = table.label == 0
    rows = negative | (days <= half), negative | (days > half)
    near, far = (stratified_auc(rates[r], table.label[r], strata[r], confidence) for r in rows)
    return near, far

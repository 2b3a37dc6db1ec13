"""Detectors of columns that know the time: moments in the future, ids that follow time, fields that came and went."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.leakage.audit_table import AuditTable, Profile
from pipeline.leakage.finding import Finding
from pipeline.leakage.stated import WITHHOLD, stated
from pipeline.leakage.statistics import numbers, stratified_auc
from pipeline.params import AuditParams

__all__ = ["clock_columns", "fill_switches", "future_times", "moments_of"]

SECOND = 1_000_000
EPOCH_UNITS = (SECOND, 1_000, 1)  # microseconds per second, millisecond, microsecond: the units that systems count in
EARLIEST = pd.Timestamp("1990-01-01", tz="UTC").value // 1_000  # microseconds; older systems did not count so
LATEST = pd.Timestamp("2100-01-01", tz="UTC").value // 1_000
MOST = 0.99  # of the filled values
TENTHS = 10


def moments_of(values: pd.Series) -> np.ndarray | None:
    """Read a column as moments, where nearly all its filled values are: epoch seconds, milli- or microseconds, or ISO text.

    Returns
    -------
    ndarray of float64 or None
        Microseconds UTC, NaN where missing; None: the column holds something else.

    Examples
    --------
    >>> moments_of(pd.Series([1_400_000_000, 1_400_000_060])).tolist()
    [1400000000000000.0, 1400000060000000.0]
    >>> moments_of(pd.Series([1.0, 250.0])) is None
    True
    """
    filled = values.notna().to_numpy()
    if not filled.any():
        return None
    found = numbers(values)
    if found is not None:
        for unit in EPOCH_UNITS:
            moments = found.to_numpy() * unit
            if ((moments[filled] >= EARLIEST) & (moments[filled] < LATEST)).mean() >= MOST:
                return moments
        return None
    if isinstance(values.dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(values.dtype):
        parsed = pd.to_datetime(values, utc=True)
    else:
        sample = values[filled].astype(str)
        if not sample.head(100).str.match(r"\d{4}-\d{2}-\d{2}").all():
            return None
        parsed = pd.to_datetime(values.astype(object), utc=True, errors="coerce", format="ISO8601")
    good = parsed.notna().to_numpy()
    if good.sum() < MOST * filled.sum():
        return None
    micros = parsed.astype("datetime64[us, UTC]").astype("int64").to_numpy().astype(float)
    return np.where(good, micros, np.nan)


def future_times(table: AuditTable, params: AuditParams) -> list[Finding]:
    """Find columns that hold moments after their row's snapshot: they were written later; needs real times."""
    if table.snapshot_at is None:
        return []
    findings = []
    for name in table.columns.columns:
        moments = moments_of(table.columns[name])
        if moments is None:
            continue
        filled = np.isfinite(moments)
        later = moments[filled] >= table.snapshot_at[filled]
        if not later.any():
            continue
        share, count = float(later.mean()), int(later.sum())
        findings.append(
            Finding(
                str(name),
                "future_times",
                "block" if share >= params.future_share else "warn",
                {"share_after_snapshot": share, "rows": count},
                stated(
                    "It holds moments that lie after the snapshot.",
                ),
                stated(
                    "{count} rows, {share} of those filled.",
                    count=count,
                    share=share,
                ),
                stated(WITHHOLD),
            )
        )
    return findings


def clock_columns(table: AuditTable, params: AuditParams) -> list[Finding]:
    """Find columns that rise or fall with time, as running numbers do: a model learns the period from them, not the lead."""
    findings = []
    time = pd.Series(table.order).rank().to_numpy()
    for name in table.columns.columns:
        values = table.columns[name]
        found = moments_of(values)
        if found is None:
            as_numbers = numbers(values)
            if as_numbers is not None:
                found = as_numbers.to_numpy()
            elif values.nunique() > 0.5 * len(values):
                found = values.astype(object).rank().to_numpy()
        if found is None or not np.isfinite(found).sum() > TENTHS:
            continue
        filled = np.isfinite(found)
        ranks = pd.Series(found[filled]).rank().to_numpy()
        if ranks.std() == 0 or time[filled].std() == 0:
            continue
        correlation = float(np.corrcoef(ranks, time[filled])[0, 1])
        if abs(correlation) < params.clock_correlation:
            continue
        findings.append(
            Finding(
                str(name),
                "follows_time",
                "warn",
                {"rank_correlation": correlation},
                stated(
                    "It runs with time, as a running number does.",
                ),
                stated("Rank correlation with time {value}.", value=correlation),
                stated(
                    "Leave it out of the features: tomorrow's values lie beyond all that was learned.",
                ),
            )
        )
    return findings


def fill_switches(table: AuditTable, profiles: Mapping[str, Profile], params: AuditParams) -> list[Finding]:
    """Find columns that some process filled in for a while only, and the columns that it filled with them.

    `block` where the filled values of one of them tell the outcome; such a process looks back on leads, often long after.
    Columns that are filled on exactly the same rows are of one process, and share the verdict.
    """
    tenth = pd.Series(table.order).rank(method="first").to_numpy()
    tenth = ((tenth - 1) * TENTHS // len(tenth)).astype(int)
    groups: dict[bytes, list[str]] = {}
    for name, profile in profiles.items():
        filled = profile.codes > 0
        share = np.bincount(tenth, filled, TENTHS) / np.bincount(tenth, minlength=TENTHS)
        if np.abs(np.diff(share)).max() >= params.fill_jump:
            groups.setdefault(filled.tobytes(), []).append(name)
    findings: list[Finding] = []
    for names in groups.values():
        filled = profiles[names[0]].codes > 0
        share = np.bincount(tenth, filled, TENTHS) / np.bincount(tenth, minlength=TENTHS)
        aucs = {
            name: stratified_auc(profiles[name].rates[filled], table.label[filled], tenth[filled], params.confidence)
            for name in names
        }
        best = max(names, key=lambda name: aucs[name].low)
        knows = aucs[best].low >= params.suspicious_auc
        findings.extend(
            Finding(
                name,
                "fill_switches",
                "block" if knows else "warn",
                {
                    "filled_by_tenth_of_time": [float(value) for value in share],
                    "auc_where_filled": aucs[name]._asdict(),
                    "filled_together": sorted(names),
                },
                stated("Some process filled it in for a while only, and what it wrote tells the outcome.")
                if knows
                else stated("Some process filled it in for a while only."),
                stated(
                    "Filled on {low} to {high} of the rows of each tenth of time; together with {others} other column(s). "
                    "The best of them reaches an AUC of {auc} where filled.",
                    low=float(share.min()),
                    high=float(share.max()),
                    others=len(names) - 1,
                    auc=aucs[best].value,
                ),
                stated(WITHHOLD),
            )
            for name in names
        )
    return findings

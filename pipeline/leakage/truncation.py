"""Detectors of histories that begin late or end early: left truncation, right censoring, rates that jump."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from features.timeline import DAY_US
from pipeline.leakage.counts import NEVER
from pipeline.leakage.finding import Finding
from pipeline.leakage.stated import stated
from pipeline.params import AuditParams

__all__ = [
    "ChangePoint",
    "change_point",
    "empty_ends",
    "left_truncation",
    "month_periods",
    "rate_jumps",
    "right_censoring",
    "touchpoints_begin_late",
]

US = "datetime64[us]"
JUMP = 2.0  # a rate that at least doubles, or halves


class ChangePoint(NamedTuple):
    """Where a sequence of rates changes most: rates before and from `position` on, and the chance of such a change."""

    position: int
    before: float
    after: float
    chance: float


def change_point(positives: np.ndarray, rows: np.ndarray) -> ChangePoint | None:
    """Find the most likely single change of a rate over periods; None with fewer than two.

    The largest binomial log-likelihood ratio over all cuts; its chance is that of chi-square with one degree of freedom times
    the number of cuts (Bonferroni), at most 1.

    Examples
    --------
    >>> change_point(np.array([0, 0, 30, 28]), np.array([100, 100, 100, 100])).position
    2
    """
    if len(rows) < 2:
        return None
    whole = _log_likelihood(positives.sum(), rows.sum())
    gains = []
    for cut in range(1, len(rows)):
        parts = (slice(None, cut), slice(cut, None))
        gains.append(sum(_log_likelihood(positives[part].sum(), rows[part].sum()) for part in parts) - whole)
    cut = int(np.argmax(gains)) + 1
    before, after = (float(positives[part].sum() / max(rows[part].sum(), 1)) for part in (slice(cut), slice(cut, None)))
    chance = min(1.0, float(chi2.sf(2.0 * gains[cut - 1], 1)) * len(gains))
    return ChangePoint(cut, before, after, chance)


def _log_likelihood(positives: float, rows: float) -> float:
    inside = np.array([positives, rows - positives], dtype=float)
    inside = inside[inside > 0]
    return float((inside * np.log(inside / rows)).sum()) if rows else 0.0


def _months(moments: np.ndarray) -> np.ndarray:
    return moments.astype(US).astype("datetime64[M]")


def left_truncation(
    snapshot_at: np.ndarray, outcome_at: np.ndarray, label_days: int, used: np.ndarray, params: AuditParams
) -> list[Finding]:
    """Find snapshots from before outcomes were recorded: they look lost, whatever became of them.

    Had outcomes been recorded all along, snapshots before the first recorded outcome would have had, by then, as many as later
    snapshots have within as many days. Their expected number is that of a Poisson count which came out as 0.

    Parameters
    ----------
    snapshot_at : ndarray of int64 [snapshots]
        Microseconds UTC.
    outcome_at : ndarray of float64 [snapshots]
        First outcome at or after the snapshot, microseconds; NaN: none.
    label_days : int
        How far a label looks.
    used : ndarray of bool [snapshots]
        Whether the snapshot is in a slice. The finding is withheld where the split drops so many of the early ones that those
        left miss no more outcomes than chance explains.
    """
    happened = np.isfinite(outcome_at)
    if not happened.any():
        return []
    first = float(outcome_at[happened].min())
    early = snapshot_at < first
    if not early.any() or early.all():
        return []
    delay = np.where(happened, outcome_at - snapshot_at, np.inf)[~early]
    delay = np.sort(np.where(delay < label_days * DAY_US, delay, np.inf))
    waited = np.minimum(first - snapshot_at[early], label_days * DAY_US)
    missed = np.searchsorted(delay, waited, "left") / len(delay)
    expected, of_used = float(missed.sum()), float(missed[used[early]].sum())
    chance = float(np.exp(-expected))
    if chance >= params.rarity:
        return []
    rows, inside = int(early.sum()), int((early & used).sum())
    month_names, month = np.unique(_months(snapshot_at), return_inverse=True)
    within = happened & (outcome_at - snapshot_at < label_days * DAY_US)
    jump = change_point(np.bincount(month, within), np.bincount(month))
    day = str(np.datetime64(int(first), "us").astype("datetime64[D]"))
    return [
        Finding(
            "snapshots",
            "left_truncation",
            "block",
            {
                "first_outcome": day,
                "snapshots_before": rows,
                "of_them_used": inside,
                "expected_outcomes": expected,
                "expected_of_used": of_used,
                "chance": chance,
                "change_point": None if jump is None else {"month": str(month_names[jump.position]), **jump._asdict()},
            },
            stated(
                "Outcomes are recorded later than the leads begin: earlier leads look lost.",
            ),
            stated(
                "{rows} snapshots lie before the first outcome ({day}); {expected} outcomes were to be expected by then. "
                "{inside} of these snapshots are used, which miss {lost}.",
                rows=rows,
                day=day,
                expected=round(expected),
                lost=round(of_used),
                inside=inside,
            ),
            stated("Set split.train_from to {day} or later.", day=day),
            status="open" if np.exp(-of_used) < params.rarity else "withheld",
        )
    ]


def right_censoring(matured: np.ndarray, label: np.ndarray) -> list[Finding]:
    """Say how many snapshots are too young to have an outcome; `block` if any of them carries a label all the same."""
    young = int((~matured).sum())
    labelled = int((~matured & np.isfinite(label)).sum())
    if not young:
        return []
    return [
        Finding(
            "snapshots",
            "right_censoring",
            "block" if labelled else "info",
            {"too_young": young, "share": young / len(matured), "labelled_all_the_same": labelled},
            stated("Some leads are too young to have an outcome."),
            stated(
                "{young} snapshots ({share}); {labelled} of them carry a label.",
                young=young,
                share=young / len(matured),
                labelled=labelled,
            ),
            stated("Nothing, as long as immature labels stay missing."),
            status="open" if labelled else "withheld",
        )
    ]


def rate_jumps(order: np.ndarray, label: np.ndarray, names: np.ndarray, params: AuditParams) -> list[Finding]:
    """Find the period from which the outcome's rate differs, at least by a factor of two.

    Parameters
    ----------
    order : ndarray [rows]
        Period of each row, as an index into `names`.
    label : ndarray of int8 [rows]
        Labels of matured rows only.
    names : ndarray of str
        Periods in their order.
    """
    jump = change_point(np.bincount(order, label, len(names)), np.bincount(order, minlength=len(names)))
    if jump is None or jump.chance >= params.rarity:
        return []
    low, high = sorted((jump.before, jump.after))
    if high < JUMP * low:
        return []
    since = str(names[jump.position])
    return [
        Finding(
            "label",
            "rate_jumps",
            "warn",
            {"since": since, "rate_before": jump.before, "rate_after": jump.after, "chance": jump.chance},
            stated(
                "The outcome's rate jumps: the recording or the world changed.",
            ),
            stated(
                "{before} before {since}, {after} from then on.",
                before=jump.before,
                after=jump.after,
                since=since,
            ),
            stated(
                "Split by time, and ask whether outcomes were recorded before.",
            ),
        )
    ]


def empty_ends(order: np.ndarray, label: np.ndarray, names: np.ndarray, params: AuditParams) -> list[Finding]:
    """Find first and last periods without any outcome, where many were to be expected: not recorded yet, or not yet come.

    Parameters
    ----------
    order, label, names
        As for `rate_jumps`.
    """
    positives, rows = np.bincount(order, label, len(names)), np.bincount(order, minlength=len(names))
    periods = np.flatnonzero(positives)
    if not len(periods):
        return []
    first, last = int(periods[0]), int(periods[-1])
    rate = float(positives.sum() / rows[first : last + 1].sum())
    ends = (
        (rows[:first].sum(), names[first], "left_truncation", True),
        (rows[last + 1 :].sum(), names[last], "right_censoring", False),
    )
    return [
        Finding(
            "label",
            detector,
            "block",
            {"rows": int(count), "expected_outcomes": float(count) * rate, "outcomes_until_or_from": str(name)},
            stated("The first periods have no outcome at all: it was not recorded yet.")
            if is_first
            else stated("The last periods have no outcome at all: it was not recorded yet, or has not come yet."),
            stated(
                "{rows} rows, in which {expected} outcomes were to be expected; the nearest are of {name}.",
                rows=int(count),
                expected=round(float(count) * rate),
                name=str(name),
            ),
            stated("Leave these rows out."),
        )
        for count, name, detector, is_first in ends
        if np.exp(-float(count) * rate) < params.rarity
    ]


def touchpoints_begin_late(created_at: np.ndarray, first_at: np.ndarray, params: AuditParams) -> list[Finding]:
    """Find leads from before any touchpoint was recorded: their journeys are empty, or begin in the middle.

    In every history somebody waits for the first touchpoint of all. Such leads say nothing unless they would all have waited so
    long with a probability below `AuditParams.rarity`, going by how long later leads wait for theirs.

    Parameters
    ----------
    created_at, first_at : ndarray of int64 [leads]
        As `pipeline.leakage.counts.first_touchpoints` returns them.
    """
    first_of_all = int(first_at.min(initial=NEVER))
    early = created_at < first_of_all
    share = float(early.mean()) if len(early) else 0.0
    if first_of_all == NEVER or share < params.future_share:
        return []
    if not early.all():
        waits = np.sort(np.where(first_at == NEVER, NEVER, first_at - created_at)[~early])
        as_long = len(waits) - np.searchsorted(waits, first_of_all - created_at[early])
        if np.log((1 + as_long) / (1 + len(waits))).sum() >= np.log(params.rarity):
            return []
    day = str(np.datetime64(first_of_all, "us").astype("datetime64[D]"))
    return [
        Finding(
            "table:touchpoints",
            "touchpoints_begin_late",
            "warn",
            {"first_touchpoint": day, "leads_before": int(early.sum()), "share": share},
            stated(
                "Touchpoints are recorded later than the leads begin.",
            ),
            stated(
                "{rows} leads ({share}) are older than the first touchpoint ({day}).",
                rows=int(early.sum()),
                share=share,
                day=day,
            ),
            stated("Set split.train_from to {day} plus an observation, or later.", day=day),
        )
    ]


def month_periods(snapshot_at: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Give the calendar month (UTC) of each moment as a number, and the months' names."""
    months = snapshot_at.dt.tz_convert("UTC").dt.strftime("%Y-%m").to_numpy(dtype=object)
    names, codes = np.unique(months.astype(str), return_inverse=True)
    return codes, names

"""The models of hand-over timing on later leads: whether their chances came true, by what they would have advised."""

from typing import Any

import numpy as np
import pandas as pd

from features.timeline import DAY_US
from models.fitting.timing import FittedTiming, overlap
from models.quality.metric_kernels import Ranked
from models.quality.metrics import log_loss
from models.timing.model import Timing
from models.timing.policy import flips, shadow_price
from pipeline.handover.rows import TimingRows

__all__ = ["backtest", "facts_of_training", "trajectories"]

SOON_DAYS, LATE_DAYS = 3.5, 10.5
"""A call within `SOON_DAYS` of a look counts as one now, one up to `LATE_DAYS` after it as one a week later."""


def facts_of_training(rows: TimingRows, fitted: FittedTiming) -> dict[str, Any]:
    """Say what the models were learned from, and how far weeks without a call overlap with the others."""
    waited = rows.contacts["waited"]
    return {
        "calls": int((~np.isnan(rows.calls.label)).sum()),
        "qualified": float(np.nanmean(rows.calls.label)),
        "weeks": len(rows.queue.became),
        "weeks_without_call": rows.queue.pairs,
        "waited_days": {f"{q:.0%}": float(np.quantile(waited, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95, 0.98)},
        "overlap": overlap(rows.queue, fitted.stay),
    }


def held_looks(timing: Timing, rows: TimingRows) -> np.ndarray:
    """Tell at which looks the lead would have been held."""
    chances = timing.predict(rows.queue.matrix)
    age = rows.looks["week"].to_numpy() * 7.0
    return timing.holds(chances, age)


def backtest(timing: Timing, rows: TimingRows) -> dict[str, Any]:
    """Compare chances with what became of contacts after the models' history.

    Returns
    -------
    dict
        calls, and of f: auc, log_loss, predicted, qualified (means; None without both outcomes); advice: per `hold` and `now`,
        and for calls soon after a look and about a week after it: calls, predicted (f or W_7 at the look), qualified; held:
        share of looks; flips: share of three-week runs in which holding goes back and forth; flips_of_advice: the same of
        `wait_until`, `hand_over_now` and `later`, each week against the price of that week's queue.
    """
    known = ~np.isnan(rows.calls.label)
    labels = rows.calls.label[known]
    found: dict[str, Any] = {"calls": len(labels), "auc": None, "log_loss": None, "predicted": None, "qualified": None}
    if 0 < labels.sum() < len(labels):
        p = timing.predict(rows.calls.matrix[known]).now
        ones = np.ones(len(labels))
        auc = Ranked.of(labels, p).metrics(ones[None, :], 1.0)["auc"][0]
        found |= {"auc": float(auc), "log_loss": float(log_loss(labels, p, ones))}
        found |= {"predicted": float(p.mean()), "qualified": float(labels.mean())}
    chances = timing.predict(rows.queue.matrix)
    held = held_looks(timing, rows)
    call = _next_call(rows)
    contact = rows.contacts["snapshot_at"].astype("int64").to_numpy()
    look = rows.looks["snapshot_at"].astype("int64").to_numpy()
    label = np.where(call >= 0, rows.calls.label[np.maximum(call, 0)] if len(contact) else np.nan, np.nan)
    delay = np.where(call >= 0, (contact[np.maximum(call, 0)] if len(contact) else 0) - look, 0) / 86_400e6
    advice: dict[str, Any] = {}
    for name, of_advice in (("hold", held), ("now", ~held)):
        advice[name] = {}
        for when, low, high, predicted in (
            ("called_soon", 0.0, SOON_DAYS, chances.now),
            ("called_a_week_later", SOON_DAYS, LATE_DAYS, chances.later[0]),
        ):
            chosen = of_advice & ~np.isnan(label) & (delay >= low) & (delay < high)
            advice[name][when] = {
                "calls": int(chosen.sum()),
                "predicted": float(predicted[chosen].mean()) if chosen.any() else None,
                "qualified": float(label[chosen].mean()) if chosen.any() else None,
            }
    return {
        **found,
        "advice": advice,
        "held": float(held.mean()) if len(held) else None,
        "flips": flips(held, rows.queue.next_week) if len(held) else None,
        "flips_of_advice": flips(_advised(timing, rows, chances.now, held), rows.queue.next_week)
        if len(held)
        else None,
    }


def _advised(timing: Timing, rows: TimingRows, now: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Give what would have been advised at each look: 0 to wait, 1 to call, 2 later."""
    slots = round(timing.facts["slots_per_week"])
    week = rows.looks["snapshot_at"].astype("int64").to_numpy() // (7 * DAY_US)
    advice = np.where(held, 0, 1)
    for number in np.unique(week):
        queue = week == number
        price = shadow_price(now[queue], held[queue], slots)
        advice[queue & ~held & (now < price)] = 2
    return advice


def trajectories(timing: Timing, rows: TimingRows) -> pd.DataFrame:
    """Follow the chance of a first contact over the weeks after a lead was queued, by the advice of the first look.

    Returns
    -------
    DataFrame
        advice (`hold` or `now`), week, chance (mean of f), leads (still waiting); only what at least 20 leads stand for.
    """
    first = rows.looks["week"].to_numpy() == 0
    lead = np.cumsum(first) - 1
    advice = np.where(held_looks(timing, rows)[first], "hold", "now")[lead]
    table = pd.DataFrame(
        {"advice": advice, "week": rows.looks["week"], "chance": timing.predict(rows.queue.matrix).now}
    )
    found = table.groupby(["advice", "week"], as_index=False).agg(chance=("chance", "mean"), leads=("chance", "size"))
    return found[found["leads"] >= 20].reset_index(drop=True)


def _next_call(rows: TimingRows) -> np.ndarray:
    """Find the first contact that the lead of each look came to while it was looked at; -1: none."""
    first = rows.queue.call.copy()
    for row in range(len(first) - 1, -1, -1):
        if first[row] < 0 and rows.queue.next_week[row] >= 0:
            first[row] = first[rows.queue.next_week[row]]
    return first

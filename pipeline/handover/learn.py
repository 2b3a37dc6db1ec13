"""From rows to the models of hand-over timing, or to why there are none."""

import numpy as np
import pandas as pd
from scipy import stats

from features.catalog import Catalog
from models.fitting.timing import FittedTiming, fit_timing
from models.fitting.timing_boosting import probability
from models.params import CapacityParams, DecisionParams, TimingParams
from models.timing.model import Spread, Timing
from models.timing.policy import hold_back, shadow_price
from pipeline.handover.rows import TimingRows

__all__ = ["LONGEST_WAIT", "NO_HANDOVERS", "TOO_FEW_CALLS", "TOO_FEW_WEEKS", "learn_timing", "reason_for_none"]

NO_HANDOVERS, TOO_FEW_CALLS, TOO_FEW_WEEKS = "no_handovers", "too_few_calls", "too_few_weeks"
LONGEST_WAIT = 0.98
"""Quantile of the waits beyond which nothing is said: hardly anybody was called so late."""
PRICE_WEEKS = 26


def reason_for_none(rows: TimingRows | None, params: TimingParams) -> str | None:
    """Say why there can't be models of timing; None: there can."""
    if rows is None or not len(rows.contacts):
        return NO_HANDOVERS
    known = rows.calls.label[~np.isnan(rows.calls.label)]
    if len(known) < params.min_calls or len(np.unique(known)) < 2:
        return TOO_FEW_CALLS
    return TOO_FEW_WEEKS if rows.queue.pairs < params.min_pairs else None


def slots_per_week(capacity: CapacityParams, rows: TimingRows, weeks: float) -> float:
    """Give the leads that sales can call in a week; where only a share of a list is known, of those that arrive in one."""
    if capacity.leads_per_week is not None:
        return float(capacity.leads_per_week)
    return float(capacity.share or 0.0) * float((rows.looks["week"] == 0).sum()) / max(weeks, 1.0)


def learn_timing(
    rows: TimingRows,
    catalog: Catalog,
    params: TimingParams,
    capacity: CapacityParams,
    decision: DecisionParams,
    interval: float,
    until: pd.Timestamp,
) -> tuple[Timing, FittedTiming]:
    """Fit the models, and work out the price that the last slot of a week had.

    The price is the median, over the last weeks, of the chance of the last lead that would have got a slot, among the leads
    that waited at the end of each week.

    Parameters
    ----------
    rows : TimingRows
        Of the history until `until`.
    catalog : Catalog
        Of the rows' columns.
    params, capacity, decision
        Sections `timing`, `capacity` and `decision`.
    interval : float
        Nominal coverage of the chances' intervals.
    until : Timestamp
        The moment that the price is of.
    """
    fitted = fit_timing(
        rows.calls,
        rows.queue,
        catalog.names,
        catalog.categorical,
        params.trees,
        folds=params.folds,
        censoring=params.within_week,
    )
    held_out = [FittedTiming.held_out(values, fitted.fold_queue) for values in (fitted.f_queue, *fitted.w_queue)]
    now, *later = (probability(values) for values in held_out)
    age = rows.looks["week"].to_numpy() * 7.0
    costs = decision.costs
    held = hold_back(now, np.stack(later), age, params.hold, params.hold_days, costs.contact, costs.too_early)
    longest = float(np.quantile(rows.contacts["waited"], LONGEST_WAIT))
    at = rows.looks["snapshot_at"]
    history_weeks = (until - at.min()).days / 7.0
    slots = slots_per_week(capacity, rows, history_weeks)
    prices = []
    for week in range(PRICE_WEEKS):
        end = until - pd.Timedelta(7 * week, unit="D")
        waiting = ((at >= end - pd.Timedelta(7, unit="D")) & (at < end)).to_numpy() & (age <= longest)
        if waiting.any():
            prices.append(shadow_price(now[waiting], held[waiting], round(slots)))
    facts = {
        "horizon_days": params.horizon_days,
        "hold": params.hold,
        "hold_days": params.hold_days,
        "longest_wait_days": longest,
        "price": float(np.median(prices)) if prices else 0.0,
        "price_days": params.price_days,
        "price_at": until.isoformat(),
        "slots_per_week": slots,
        "contact_cost": costs.contact,
        "too_early_cost": costs.too_early,
        "explore_share": decision.explore_share,
        "z": float(stats.norm.ppf(0.5 + interval / 2.0)),
    }
    spreads = tuple(Spread.fit(values) for values in (fitted.f_queue, *fitted.w_queue))
    models = tuple(step.model for step in fitted.later)
    return Timing(fitted.now.model, models, spreads, facts), fitted

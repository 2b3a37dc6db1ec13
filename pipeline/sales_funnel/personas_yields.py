"""What leads of each persona yield: MQLs and SQLs per lead and per cost, over all matured leads that the rule assigns."""

from typing import Any, NamedTuple

import numpy as np

from models.quality.bootstrap import interval, resample_weights

__all__ = ["Shares", "persona_yields", "shares_of_campaigns"]


class Shares(NamedTuple):
    """What stands behind each MQL, by the campaign that drew it.

    Attributes
    ----------
    leads : ndarray of float64 [MQLs]
        Leads of its campaign per MQL of it: nobody knows which persona a lead is like that never became MQL, so each campaign's
        are shared out over its MQLs.
    cost : ndarray of float64 [MQLs] or None
        Cost of its campaign per MQL of it; NaN: unknown. None: no costs are given.
    """

    leads: np.ndarray
    cost: np.ndarray | None


def shares_of_campaigns(
    campaign_of_lead: np.ndarray, campaign_of_mql: np.ndarray, costs: dict[str, float] | None
) -> Shares:
    """Share out each campaign's leads and cost over its MQLs.

    Parameters
    ----------
    campaign_of_lead, campaign_of_mql : ndarray of object
        Campaign of each lead that is old enough, and of each matured MQL; missing values are one group.
    costs : dict of str to float, optional
        Cost of each campaign over the same time.
    """
    names = {name: code for code, name in enumerate(dict.fromkeys([*campaign_of_lead, *campaign_of_mql]))}
    lead = np.array([names[name] for name in campaign_of_lead], dtype=np.int64)
    mql = np.array([names[name] for name in campaign_of_mql], dtype=np.int64)
    leads, mqls = np.bincount(lead, minlength=len(names)), np.bincount(mql, minlength=len(names))
    cost = None
    if costs is not None:
        total = np.array([costs.get(name, np.nan) if isinstance(name, str) else np.nan for name in names])
        cost = (total / np.maximum(mqls, 1))[mql]
    return Shares((np.maximum(leads, mqls) / np.maximum(mqls, 1))[mql], cost)


def persona_yields(
    persona: np.ndarray,
    qualified: np.ndarray,
    shares: Shares,
    group: np.ndarray,
    number: int,
    resamples: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Measure the yields of each persona and, last, of all leads.

    Parameters
    ----------
    persona : ndarray of int64 [matured MQLs]
        As the rule assigns them; -1: none.
    qualified : ndarray of bool [matured MQLs]
        Sales-qualified within the label window.
    shares : Shares
        Row for row.
    group : ndarray of int64 [matured MQLs]
        Account: what is resampled.
    number : int
        Of personas.
    resamples, seed : int

    Returns
    -------
    list of dict
        mqls, sales_qualified, leads (shared out), cost (shared out; None: not known of any), and with ``value``, ``low`` and
        ``high``: sql_per_mql, mql_per_lead, sql_per_lead, mql_per_1000, sql_per_1000 (of cost, of the MQLs whose cost is known;
        None: of none).
    """
    codes, accounts = np.unique(group, return_inverse=True)
    cost = np.full(len(persona), np.nan) if shares.cost is None else shares.cost
    known = np.isfinite(cost)
    columns = np.column_stack(
        (np.ones(len(persona)), qualified, shares.leads, np.where(known, cost, 0.0), known, known & qualified)
    )
    whose = [*(persona == code for code in range(number)), np.ones(len(persona), dtype=np.bool_)]
    sums = np.zeros((len(codes), len(whose), columns.shape[1]))
    for place, rows in enumerate(whose):
        for column in range(columns.shape[1]):
            sums[:, place, column] = np.bincount(accounts[rows], weights=columns[rows, column], minlength=len(codes))
    total = sums.sum(axis=0)
    flat = sums.reshape(len(codes), -1)
    drawn = [
        weights @ flat for weights in resample_weights(np.arange(len(codes)), np.ones(len(codes)), resamples, seed)
    ]
    resampled = np.concatenate(drawn).reshape(-1, *total.shape) if len(codes) else np.zeros((1, *total.shape))
    return [_yields(total[place], resampled[:, place]) for place in range(len(whose))]


def _yields(total: np.ndarray, resampled: np.ndarray) -> dict[str, Any]:
    mqls, won, leads, cost = (float(value) for value in total[:4])
    ratios = {
        "sql_per_mql": (1, 0, 1.0),
        "mql_per_lead": (0, 2, 1.0),
        "sql_per_lead": (1, 2, 1.0),
        "mql_per_1000": (4, 3, 1000.0),
        "sql_per_1000": (5, 3, 1000.0),
    }
    result: dict[str, Any] = {
        "mqls": int(mqls),
        "sales_qualified": int(won),
        "leads": leads,
        "cost": cost if total[4] else None,
    }
    for name, (above, below, unit) in ratios.items():
        if total[below] <= 0:
            result[name] = None
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            values = unit * resampled[:, above] / resampled[:, below]
        result[name] = interval(unit * total[above] / total[below], values)
    return result

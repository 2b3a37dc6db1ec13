"""What became of each snapshot. The one module that may look at or past a snapshot."""

import numpy as np
import pandas as pd

from features.errors import DataError
from features.records import MICRO_UNITS
from features.timeline import DAY_US
from models.timing.rows import CALLED, CUT, LEFT, STAYED
from pipeline.params import LabelsParams
from pipeline.population.micros import micros

__all__ = [
    "growth_outcomes",
    "label_snapshots",
    "new_product_outcomes",
    "order_outcomes",
    "period_outcomes",
    "purchase_outcomes",
    "week_outcomes",
]


def period_outcomes(snapshots: pd.DataFrame, periods: pd.DataFrame) -> pd.Series:
    """Give each snapshot the moment at which its own risk period was sales-qualified (missing: it never was).

    Parameters
    ----------
    snapshots : DataFrame
        Columns lead_id, risk_period.
    periods : DataFrame
        As returned by `risk_set.mql_periods`.

    Returns
    -------
    Series of datetime64[us, UTC]
        In the order of `snapshots`. A qualification of a later period, after recycling, does not count.
    """
    won = periods.loc[periods["ended_by"] == "sales_qualified", ["lead_id", "risk_period", "ended_at"]]
    merged = snapshots[["lead_id", "risk_period"]].merge(won, on=["lead_id", "risk_period"], how="left")
    return merged["ended_at"].set_axis(snapshots.index)


def order_outcomes(snapshots: pd.DataFrame, orders: pd.DataFrame) -> pd.Series:
    """Give each snapshot the moment of its account's first order at or after it (missing: none).

    Parameters
    ----------
    snapshots : DataFrame
        Columns account_id, snapshot_at.
    orders : DataFrame
        Columns account_id, ordered_at.

    Returns
    -------
    Series of datetime64[us, UTC]
        In the order of `snapshots`.
    """
    left = snapshots[["account_id", "snapshot_at"]].assign(row=np.arange(len(snapshots)))
    left["account_id"] = left["account_id"].astype(object)
    right = orders[["account_id", "ordered_at"]].astype({"account_id": object}).sort_values("ordered_at")
    merged = pd.merge_asof(
        left.sort_values("snapshot_at"),
        right,
        left_on="snapshot_at",
        right_on="ordered_at",
        by="account_id",
        direction="forward",
    )
    return merged.sort_values("row")["ordered_at"].set_axis(snapshots.index)


def growth_outcomes(snapshots: pd.DataFrame, orders: pd.DataFrame, label_days: int) -> pd.Series:
    """Give each snapshot whose account buys for more than before the moment of its last order in the label window.

    It buys for more when it orders in [snapshot_at, snapshot_at + label_days) and these orders sum to more than those in
    [snapshot_at - label_days, snapshot_at). A credit note is an order with a negative amount. Amounts are compared as whole
    micro-units, so that equal sums are equal whatever order they are added in.

    Parameters
    ----------
    snapshots : DataFrame
        Columns account_id, snapshot_at.
    orders : DataFrame
        Columns account_id, ordered_at, amount.
    label_days : int
        Length of both windows, in days of 24 hours.

    Returns
    -------
    Series of datetime64[us, UTC]
        In the order of `snapshots`; missing: not more than before.

    Examples
    --------
    >>> day = pd.to_datetime(["2026-01-01", "2026-01-31", "2026-03-02"], utc=True)
    >>> orders = pd.DataFrame({"account_id": "A", "ordered_at": day, "amount": [1.0, 9.0, 9.0]})
    >>> snapshots = pd.DataFrame({"account_id": "A", "snapshot_at": day[1:2]})  # an order at the snapshot is ahead of it
    >>> growth_outcomes(snapshots, orders, 30).dt.day.tolist()
    [31]
    """
    codes = pd.Index(orders["account_id"].astype(object).unique())
    of_order = codes.get_indexer(orders["account_id"].astype(object))
    of_row = codes.get_indexer(snapshots["account_id"].astype(object))
    ordered, at = (micros(column) for column in (orders["ordered_at"], snapshots["snapshot_at"]))
    moments = np.unique(ordered)

    def key(account: np.ndarray, moment: np.ndarray) -> np.ndarray:
        # The number of known moments before this one: accounts and moments in one integer that sorts like the pair.
        return account * (len(moments) + 1) + np.searchsorted(moments, moment)

    in_order = np.argsort(key(of_order, ordered), kind="stable")
    keys = key(of_order, ordered)[in_order]
    # Sums may wrap around, their differences don't.
    cumulated = np.rint(orders["amount"].to_numpy(dtype=np.float64) * MICRO_UNITS).astype(np.int64)[in_order].cumsum()
    cumulated = np.concatenate(([0], cumulated))
    window = label_days * DAY_US
    begin, middle, end = (np.searchsorted(keys, key(of_row, at + shift)) for shift in (-window, 0, window))
    more = cumulated[end] - cumulated[middle] > cumulated[middle] - cumulated[begin]
    more &= (end > middle) & (of_row >= 0)
    last = np.where(more, ordered[in_order][np.maximum(end, 1) - 1] if len(keys) else 0, 0)
    moment = pd.Series(pd.to_datetime(last, unit="us", utc=True), index=snapshots.index)
    return moment.astype("datetime64[us, UTC]").where(more)


def new_product_outcomes(snapshots: pd.DataFrame, orders: pd.DataFrame) -> pd.Series:
    """Give each snapshot the moment at which its account next orders a product that it never ordered before.

    Parameters
    ----------
    snapshots : DataFrame
        Columns account_id, snapshot_at.
    orders : DataFrame
        Columns account_id, ordered_at, product; an order without a product brings nothing new.

    Returns
    -------
    Series of datetime64[us, UTC]
        In the order of `snapshots`; missing: none.

    Raises
    ------
    DataError
        If no order names a product.
    """
    named = orders[orders["product"].notna()]
    if named.empty:
        raise DataError(
            "labels: labels.purchase is 'new_product', but no order names a product. Add the column `product` to the view "
            "`orders` of the source's SQL, or use 'again' or 'more'."
        )
    by_product = named.astype({"account_id": object, "product": object}).groupby(["account_id", "product"])
    return order_outcomes(snapshots, by_product["ordered_at"].min().reset_index())


def purchase_outcomes(snapshots: pd.DataFrame, orders: pd.DataFrame, params: LabelsParams) -> pd.Series:
    """Give each customer's snapshot the moment of what `labels.purchase` asks for (missing: it does not happen).

    Parameters
    ----------
    snapshots : DataFrame
        Columns account_id, snapshot_at.
    orders : DataFrame
        Columns account_id, ordered_at, amount, product.
    params : LabelsParams
        The `labels` section.
    """
    if params.purchase == "more":
        return growth_outcomes(snapshots, orders, params.label_days)
    if params.purchase == "new_product":
        return new_product_outcomes(snapshots, orders)
    return order_outcomes(snapshots, orders)


def label_snapshots(
    snapshots: pd.DataFrame, outcome_at: pd.Series, params: LabelsParams, exported_at: pd.Timestamp, *, ordinal: bool
) -> pd.DataFrame:
    """Label each snapshot; one row per snapshot.

    The label is 1 when the outcome lies in [snapshot_at, snapshot_at + label_days), else 0. A snapshot is matured when
    ``snapshot_at + label_days + recording_delay_days`` is at or before the export; before that the label is missing, for
    early positives too: counting them would make the newest months look better than they are.

    Parameters
    ----------
    snapshots : DataFrame
        Columns lead_id, snapshot_at.
    outcome_at : Series of datetime64[us, UTC]
        The outcome's moment in the order of `snapshots`; missing: no outcome.
    params : LabelsParams
        label_days and recording_delay_days, in days of 24 hours.
    exported_at : Timestamp
        The moment of the export.
    ordinal : bool
        Times are only an order: every snapshot is matured, and any outcome counts.

    Returns
    -------
    DataFrame
        lead_id, snapshot_at, label (Int8, missing: immature), matured, label_window_end.

    Examples
    --------
    >>> day = pd.Timestamp("2026-01-01", tz="UTC")
    >>> rows = pd.DataFrame({"lead_id": ["L"], "snapshot_at": [day]})
    >>> at_the_end = pd.Series([day + pd.Timedelta(days=30)])
    >>> params = LabelsParams(label_days=30)
    >>> label_snapshots(rows, at_the_end, params, day + pd.Timedelta(days=30), ordinal=False)["label"].tolist()
    [0]
    """
    window = pd.Timedelta(params.label_days * DAY_US, unit="us")
    delay = pd.Timedelta(params.recording_delay_days * DAY_US, unit="us")
    snapshot_at = snapshots["snapshot_at"]
    end = snapshot_at + window
    if ordinal:
        label = outcome_at.notna()
        matured = pd.Series(True, index=snapshots.index)
    else:
        label = (outcome_at >= snapshot_at) & (outcome_at < end)
        matured = end + delay <= exported_at
    return pd.DataFrame(
        {
            "lead_id": snapshots["lead_id"],
            "snapshot_at": snapshot_at,
            "label": label.astype("Int8").mask(~matured),
            "matured": matured,
            "label_window_end": end.astype("datetime64[us, UTC]"),
        }
    )


def week_outcomes(
    looks: pd.DataFrame, periods: pd.DataFrame, contacts: pd.Series, exported_at: pd.Timestamp
) -> tuple[np.ndarray, np.ndarray]:
    """Say what became of each lead in the queue within [look, look + 7 days).

    A week that ends after the export is `CUT`, also where something happened in it: counting it would choose by outcome.

    Parameters
    ----------
    looks : DataFrame
        As returned by `queue.queue_looks`.
    periods : DataFrame
        The risk periods that they were laid over.
    contacts : Series
        First contacts in the order of `periods`.
    exported_at : Timestamp
        The moment of the export.

    Returns
    -------
    became : ndarray of int8
        `STAYED`, `CALLED`, `LEFT` or `CUT` of `models.timing.rows`. A contact counts when it is not after the period's end.
    value : ndarray of float64
        Of a lead that left without a call: 1 if it qualified, else 0; NaN of all others.
    """
    period = looks["period"].to_numpy()
    at = looks["snapshot_at"]
    end = at + pd.Timedelta(7, unit="D")
    contact, over = (
        moments.astype("datetime64[us, UTC]").iloc[period].set_axis(looks.index)
        for moments in (contacts, periods["ended_at"])
    )
    called = (contact >= at) & (contact < end) & ~(over < contact)
    left = (over >= at) & (over < end) & ~called
    cut = end > exported_at
    became = np.select([cut, called, left], [CUT, CALLED, LEFT], STAYED).astype(np.int8)
    won = (periods["ended_by"] == "sales_qualified").to_numpy()[period]
    return became, np.where(became == LEFT, won.astype(np.float64), np.nan)

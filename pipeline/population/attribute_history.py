"""Attributes as they were known at each snapshot, from current values and, where it exists, their history."""

from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa

from pipeline.tables.parquet import read_table

__all__ = [
    "History",
    "accounts_at",
    "attribute_lists",
    "attributes_at",
    "eligible_attributes",
    "first_known",
    "history_of",
    "read_attribute_values",
]

FEATURE_KNOWN_AT = ("creation", "mql")
KEYS = ("lead_id", "account_id")
ACCOUNT = "account_id"

History: TypeAlias = frozenset[tuple[str, str]]
"""Attributes with recorded changes: (lead_id or account_id, attribute)."""


def history_of(changes: pa.Table | None) -> History:
    """List the attributes of which any change is recorded.

    Parameters
    ----------
    changes : Table or None
        Canonical `attribute_changes`, of all leads and accounts; None: the source keeps no history.
    """
    found: set[tuple[str, str]] = set()
    if changes is None:
        return frozenset()
    for key in KEYS:
        if key in changes.column_names:
            of_key = changes["attribute"].filter(changes[key].is_valid())
            found |= {(key, attribute) for attribute in of_key.unique().to_pylist()}
    return frozenset(found)


def eligible_attributes(attributes: pd.DataFrame, *, use_known_at_export: bool) -> pd.DataFrame:
    """Keep the declared attributes that may become features; one row per attribute.

    Parameters
    ----------
    attributes : DataFrame
        The canonical table: entity, attribute, type, known_at.
    use_known_at_export : bool
        Also keep those whose only known value is the one at the export.

    Returns
    -------
    DataFrame
        The kept rows. Attributes known `after` the outcome are never among them.
    """
    allowed = (*FEATURE_KNOWN_AT, "export") if use_known_at_export else FEATURE_KNOWN_AT
    return attributes[attributes["known_at"].isin(allowed)].reset_index(drop=True)


def attributes_at(
    snapshots: pd.DataFrame,
    declared: pd.DataFrame,
    leads: pd.DataFrame,
    accounts: pd.DataFrame | None,
    changes: pd.DataFrame | None,
    recorded: History | None = None,
    stage_changes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Look up every attribute as it was known at each snapshot; one row per snapshot, in the snapshots' order.

    An attribute of an entity with recorded changes takes the newest value with ``occurred_at`` and ``recorded_at`` both
    before ``snapshot_at``, and is missing before the first; the current value is never used for it. An attribute without
    any recorded change in the whole table takes the current value. One that is known from the MQL on is missing where the lead
    becomes MQL after the snapshot, or never: an existing customer may be looked at before. An account's attributes are those of
    the account that the lead had at the snapshot, see `accounts_at`.

    Parameters
    ----------
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    declared : DataFrame
        entity, attribute, type and known_at of the attributes to look up.
    leads, accounts : DataFrame
        Canonical tables with one column per attribute; accounts None: the source has none.
    changes : DataFrame or None
        Canonical `attribute_changes`; None: the source keeps no history.
    recorded : frozenset, optional
        The attributes with a recorded change in the whole table, where `changes` is a part of it; see `history_of`.
    stage_changes : DataFrame, optional
        Canonical table: lead_id, stage, occurred_at; None: no lead ever becomes MQL.

    Returns
    -------
    DataFrame
        One column per declared attribute.
    """
    keys = snapshots[["lead_id", "account_id", "snapshot_at"]].reset_index(drop=True)
    keys = keys.assign(account_id=accounts_at(keys, changes))
    columns: dict[str, pd.Series] = {}
    for entity, table, key in (("lead", leads, "lead_id"), ("account", accounts, "account_id")):
        names = declared.loc[declared["entity"] == entity, "attribute"].tolist()
        if not names:
            continue
        current = keys[[key]].astype(object).merge(_by_key(table, key, names), on=key, how="left")
        history = _history(changes, key, names)
        for name in names:
            mine = history[history["attribute"] == name]
            kind = declared.loc[declared["attribute"] == name, "type"].iloc[0]
            if not mine.empty:
                columns[name] = _typed(_as_of(keys, mine, key), kind)
            elif recorded is not None and (key, name) in recorded:
                columns[name] = _typed(pd.Series([None] * len(keys), dtype=object), kind)
            else:
                columns[name] = current[name]
    early = declared.loc[declared["known_at"] == "mql", "attribute"]
    if len(early):
        is_mql = _is_mql(keys, stage_changes)
        columns |= {name: columns[name].where(is_mql, None) for name in early}
    return pd.DataFrame({name: columns[name] for name in declared["attribute"]}, index=keys.index)


def accounts_at(snapshots: pd.DataFrame, changes: pd.DataFrame | None) -> pd.Series:
    """Give the account that each snapshot's lead was linked to, as far as it was known then; in the snapshots' order.

    `account_id` is an attribute with history: of a lead with recorded changes of it the newest one before the snapshot counts,
    and before the first it has no account. A lead without any has the account of `snapshots` all along.

    Parameters
    ----------
    snapshots : DataFrame
        lead_id, account_id (as it is now), snapshot_at.
    changes : DataFrame or None
        Canonical `attribute_changes`; None: the source keeps no history.
    """
    keys = snapshots[["lead_id", "account_id", "snapshot_at"]].reset_index(drop=True)
    now = keys["account_id"].astype(object)
    links = _history(changes, "lead_id", [ACCOUNT])
    if links.empty:
        return now.set_axis(snapshots.index)
    linked = keys["lead_id"].astype(object).isin(links["lead_id"])
    return now.mask(linked, _as_of(keys, links, "lead_id")).set_axis(snapshots.index)


def read_attribute_values(canonical: Path, snapshots: pd.DataFrame, declared: pd.DataFrame) -> pd.DataFrame:
    """Read leads, accounts and attribute changes, and look up the declared attributes at each snapshot.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables; accounts, attribute_changes and stage_changes may be absent.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at.
    declared : DataFrame
        The attributes to look up, as rows of the canonical `attributes` table.

    Returns
    -------
    DataFrame
        One row per snapshot in its order, one column per attribute.
    """

    def optional(name: str) -> pd.DataFrame | None:
        path = canonical / f"{name}.parquet"
        return read_table(path, name).to_pandas() if path.exists() else None

    leads = read_table(canonical / "leads.parquet", "leads").to_pandas()
    accounts, changes, stages = (optional(name) for name in ("accounts", "attribute_changes", "stage_changes"))
    return attributes_at(snapshots, declared, leads, accounts, changes, stage_changes=stages)


def attribute_lists(values: pd.DataFrame) -> dict[str, list[Any]]:
    """Give attribute values as plain lists, missing as None."""
    plain = values.astype(object)
    return {str(name): column.where(column.notna(), None).tolist() for name, column in plain.items()}


def first_known(
    leads: pa.Table, changes: pa.Table | None, attribute: str, recorded: History | None = None
) -> tuple[pa.Array, pa.Array]:
    """Give each lead's first value of an attribute, and from when on it was known; row for row with `leads`.

    Parameters
    ----------
    leads : Table
        lead_id and the attribute, as it is now.
    changes : Table or None
        Canonical `attribute_changes`; an attribute without any recorded change was known from the beginning.
    attribute : str
        A category.
    recorded : frozenset, optional
        As for `attributes_at`.

    Returns
    -------
    value : Array of string
    known_at : Array of timestamp
        Null: from the beginning.
    """
    moment = pa.timestamp("us", tz="UTC")
    history = _history(None if changes is None else changes.to_pandas(), "lead_id", [attribute])
    if history.empty:
        if recorded is not None and ("lead_id", attribute) in recorded:
            return pa.nulls(len(leads), pa.string()), pa.nulls(len(leads), moment)
        return leads[attribute].cast(pa.string()), pa.nulls(len(leads), moment)
    first = history.sort_values(["visible_from", "occurred_at", "recorded_at"], kind="stable").drop_duplicates(
        "lead_id"
    )
    mine = leads.select(["lead_id"]).to_pandas().astype(object).merge(first, on="lead_id", how="left")
    return pa.array(mine["value"], pa.string()), pa.array(mine["visible_from"], moment)


def _is_mql(keys: pd.DataFrame, stage_changes: pd.DataFrame | None) -> pd.Series:
    """Tell of each snapshot whether its lead became MQL at it or before."""
    if stage_changes is None:
        return pd.Series(False, index=keys.index)
    mql = stage_changes[stage_changes["stage"] == "mql"].astype({"lead_id": object})
    first = mql.groupby("lead_id")["occurred_at"].min().reindex(pd.Index(keys["lead_id"].astype(object)))
    return first.set_axis(keys.index) <= keys["snapshot_at"]


def _by_key(table: pd.DataFrame | None, key: str, names: list[str]) -> pd.DataFrame:
    if table is None:
        return pd.DataFrame({column: pd.Series(dtype=object) for column in (key, *names)})
    return table[[key, *names]].astype({key: object})


def _history(changes: pd.DataFrame | None, key: str, names: list[str]) -> pd.DataFrame:
    if changes is None or changes.empty:
        return pd.DataFrame(columns=["attribute", key, "value", "visible_from", "occurred_at", "recorded_at"])
    kept = changes[changes["attribute"].isin(names) & changes[key].notna()]
    recorded = kept["recorded_at"].fillna(kept["occurred_at"])
    visible_from = kept["occurred_at"].where(kept["occurred_at"] > recorded, recorded)
    return kept.assign(recorded_at=recorded, visible_from=visible_from).astype({key: object})


def _as_of(keys: pd.DataFrame, history: pd.DataFrame, key: str) -> pd.Series:
    # Of all changes visible at the snapshot the one that occurred last counts, of one instant the one recorded last; a change
    # recorded after a newer one is therefore hidden by it from the start.
    ordered = history.sort_values(["visible_from", "occurred_at", "recorded_at"], kind="stable")
    newest = ordered.groupby(key)["occurred_at"].cummax()
    ordered = ordered[ordered["occurred_at"] == newest]
    left = keys.assign(row=range(len(keys))).astype({key: object})
    known = left[left[key].notna()].sort_values("snapshot_at", kind="stable")
    merged = pd.merge_asof(
        known,
        ordered[[key, "visible_from", "value"]],
        left_on="snapshot_at",
        right_on="visible_from",
        by=key,
        allow_exact_matches=False,
    )
    return merged.set_index("row")["value"].reindex(range(len(keys)))


def _typed(values: pd.Series, kind: str) -> pd.Series:
    if kind == "number":
        return pd.to_numeric(values).astype("float64")
    if kind == "boolean":
        return values.map({"true": True, "false": False})
    return values

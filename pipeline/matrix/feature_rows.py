"""From canonical tables of some whole accounts to feature rows: what every engine calls, wherever it got the tables from."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from features.attributes import AttributeValues
from features.catalog import Catalog
from features.compute import Snapshots, compute_features
from features.journeys import Journeys
from pipeline.population.attribute_history import History, accounts_at, attribute_lists, attributes_at, first_known

__all__ = ["attributes_of", "by_catalog", "declared_attributes", "feature_rows", "journeys_of", "snapshots_of"]


def declared_attributes(catalog: Catalog) -> pd.DataFrame:
    """List the attributes that a catalog takes, as rows of the canonical table."""
    rows = [(spec.entity, spec.name, spec.type, spec.known_at) for spec in catalog.attributes]
    return pd.DataFrame(rows, columns=["entity", "attribute", "type", "known_at"])


def journeys_of(
    tables: Mapping[str, pa.Table],
    lead_ids: list[str],
    role_attribute: str | None = None,
    recorded: History | None = None,
) -> Journeys:
    """Put canonical tables together as journeys.

    Parameters
    ----------
    tables : mapping of str to Table
        leads, and where there are any touchpoints, stage_changes, attribute_changes, orders.
    lead_ids : list of str
        The leads, with all others of their accounts: a lead whose colleagues are missing has no buying group.
    role_attribute : str, optional
        The leads' attribute that names their role at the account. Of one with a history the first value counts, from when it
        was known on.
    recorded : frozenset, optional
        See `feature_rows`.
    """
    leads = tables["leads"]
    columns = {name: leads[name] for name in ("lead_id", "account_id", "created_at") if name in leads.column_names}
    if role_attribute is not None and role_attribute in leads.column_names:
        role, known_at = first_known(leads, tables.get("attribute_changes"), role_attribute, recorded)
        columns |= {"role": role, "role_known_at": known_at}
    return Journeys.from_arrow(
        tables.get("touchpoints"),
        tables.get("stage_changes"),
        pa.table(columns),
        lead_ids,
        orders=tables.get("orders"),
    )


def snapshots_of(lead_ids: list[str], snapshots: pd.DataFrame) -> Snapshots:
    """Give snapshots (lead_id, snapshot_at) in the engine's terms; their leads must be among `lead_ids`."""
    of_lead = pd.Index(lead_ids, dtype=object).get_indexer(pd.Index(snapshots["lead_id"].astype(object)))
    return Snapshots(of_lead, snapshots["snapshot_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy())


def attributes_of(
    tables: Mapping[str, pa.Table], snapshots: pd.DataFrame, catalog: Catalog, recorded: History | None = None
) -> AttributeValues:
    """Look up the catalog's attributes as they were known at each snapshot; see `feature_rows`."""
    if not catalog.attributes:
        return {}
    accounts, changes, stages = (
        tables[name].to_pandas() if name in tables else None
        for name in ("accounts", "attribute_changes", "stage_changes")
    )
    leads, declared = tables["leads"].to_pandas(), declared_attributes(catalog)
    return attribute_lists(attributes_at(snapshots, declared, leads, accounts, changes, recorded, stages))


def by_catalog(
    part: np.ndarray | None, catalog: Catalog, held_out: Sequence[Catalog]
) -> Iterator[tuple[np.ndarray | slice, Catalog]]:
    """Say which rows are looked at with which catalog.

    Parameters
    ----------
    part : ndarray of int64 [rows], or None
        Position in `held_out`; -1: `catalog`. None: all with `catalog`.
    catalog : Catalog
    held_out : sequence of Catalog
        With the same columns.

    Yields
    ------
    rows : ndarray of int64, or slice
    catalog : Catalog
    """
    if part is None or not held_out:
        yield slice(None), catalog
        return
    for position in np.unique(part).tolist():
        yield np.flatnonzero(part == position), catalog if position < 0 else held_out[position]


def feature_rows(
    tables: Mapping[str, pa.Table],
    lead_ids: list[str],
    snapshots: pd.DataFrame,
    catalog: Catalog,
    held_out: Sequence[Catalog] = (),
    recorded: History | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Compute the features of some snapshots; one row per snapshot, in their order.

    Parameters
    ----------
    tables : mapping of str to Table
        Canonical tables, of whole accounts: leads, and where there are any touchpoints, stage_changes, accounts,
        attribute_changes, orders.
    lead_ids : list of str
        All leads of these accounts, distinct; rows of others are an error.
    snapshots : DataFrame
        lead_id, account_id, snapshot_at, of some of these leads; with `held_out` also part, see `by_catalog`.
    catalog : Catalog
        What to compute.
    held_out : sequence of Catalog
        For training rows, whose buyer profile must not know their own outcome.
    recorded : frozenset, optional
        What has a recorded history anywhere, as `attribute_history.history_of` lists it for the whole table; None: these tables
        are the whole source. An attribute is then never filled with its current value because this batch holds no change of it.
    threads : int, optional
        See `compute_features`.

    Returns
    -------
    ndarray of float32 [snapshots, features]
    """
    looks = snapshots_of(lead_ids, snapshots)
    values = attributes_of(tables, snapshots, catalog, recorded)
    out = np.empty((len(snapshots), len(catalog)), dtype=np.float32)
    part = snapshots["part"].to_numpy() if held_out else None
    alone = _without_their_account(tables, snapshots)
    for whose, rows_of_these in ((tables, np.flatnonzero(~alone)), (_each_alone(tables), np.flatnonzero(alone))):
        if not len(rows_of_these) and (len(snapshots) or whose is not tables):
            continue
        journeys = journeys_of(whose, lead_ids, catalog.role_attribute, recorded)
        for rows, chosen in by_catalog(None if part is None else part[rows_of_these], catalog, held_out):
            rows = rows_of_these[rows]
            some = {name: np.asarray(column, dtype=object)[rows].tolist() for name, column in values.items()}
            looked_at = Snapshots(looks.lead_index[rows], looks.snapshot_at[rows])
            out[rows] = compute_features(journeys, looked_at, chosen, some, threads)
    return out


def _without_their_account(tables: Mapping[str, pa.Table], snapshots: pd.DataFrame) -> np.ndarray:
    """Tell which snapshots' leads were not yet linked to the account that they have now: nobody knew their colleagues."""
    if "attribute_changes" not in tables:
        return np.zeros(len(snapshots), dtype=np.bool_)
    now = snapshots["account_id"].astype(object)
    then = accounts_at(snapshots, tables["attribute_changes"].to_pandas())
    return np.asarray(now.notna() & (then != now), dtype=np.bool_)


def _each_alone(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Give the same tables with every lead by itself, at no account."""
    leads = tables["leads"]
    position = leads.schema.get_field_index("account_id")
    if position < 0:
        return dict(tables)
    nobody = pa.nulls(len(leads), leads.schema.field(position).type)
    return {**tables, "leads": leads.set_column(position, "account_id", nobody)}

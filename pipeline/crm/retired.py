"""Ids that stand for no record any more: merged into another one, or deleted. Pure: no network, no clock.

A CRM answers for an old id with the record that it was merged into, or not at all; a list of what changed names neither. So old
ids are kept: they leave all tables, and whoever still holds one (a score file, a log, a list) can ask what became of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

__all__ = ["ACCOUNT", "CONTACT", "CRM_ACCOUNT", "LEAD", "Retired", "Row", "learn", "resolve", "without_retired"]

Row: TypeAlias = dict[str, Any]
Retired: TypeAlias = dict[tuple[str, str], str | None]
"""(entity, old id) -> the id that it was merged into; None: deleted."""

LEAD, ACCOUNT = "lead", "account"
CONTACT, CRM_ACCOUNT = "contact", "crm_account"  # Salesforce: what a lead was converted into

# entity -> (table, column) whose rows go to the record that the old id was merged into, or go with a deleted one
FOLLOWS: dict[str, tuple[tuple[str, str], ...]] = {
    LEAD: (("touchpoints", "lead_id"), ("orders", "lead_id")),
    ACCOUNT: (("orders", "account_id"),),
    CONTACT: (("touchpoints", "lead_id"),),
    CRM_ACCOUNT: (("orders", "account_id"),),
}
# (table, column) that only points there: emptied with a deleted one
POINTS: dict[str, tuple[tuple[str, str], ...]] = {
    LEAD: (),
    ACCOUNT: (("leads", "account_id"),),
    CONTACT: (("leads", "contact_id"),),
    CRM_ACCOUNT: (("leads", "crm_account_id"),),
}
# (table, column) of what the surviving record tells itself: its own history holds what the CRM took over
TOLD_BY_THE_RECORD: dict[str, tuple[tuple[str, str], ...]] = {
    LEAD: (
        ("leads", "id"),
        ("stage_changes", "lead_id"),
        ("owner_changes", "lead_id"),
        ("attribute_changes", "lead_id"),
    ),
    ACCOUNT: (("accounts", "id"), ("attribute_changes", "account_id")),
    CONTACT: (),
    CRM_ACCOUNT: (),
}
OF_A_DEAL = "deal-"  # a stage change that another record tells: it goes along as a touchpoint does


def resolve(retired: Mapping[tuple[str, str], str | None], entity: str, record_id: str) -> str | None:
    """Follow an old id to the record that stands for it today.

    Returns
    -------
    str or None
        `record_id` itself where it is not retired; None: deleted, or merged into one that was deleted.

    Examples
    --------
    >>> resolve({("lead", "1"): "2", ("lead", "2"): "50"}, "lead", "1")
    '50'
    """
    passed = set()
    current: str | None = record_id
    while current is not None and (entity, current) in retired:
        if current in passed:  # a circle is no record
            return None
        passed.add(current)
        current = retired[entity, current]
    return current


def learn(known: Retired, rows: Iterable[Mapping[str, Any]], alive: Mapping[str, set[str]]) -> Retired:
    """Add what a pull says about old ids to what was known before it.

    Parameters
    ----------
    known : dict
        Of earlier pulls.
    rows : iterable of mapping
        entity, id, into (None: deleted). A merge counts more than a deletion: the CRM lists merged records as deleted, too.
    alive : mapping of str to set of str
        By entity: ids whose records came with this pull. One that was retired before has been restored.
    """
    said: Retired = {}
    for row in rows:
        key, into = (row["entity"], row["id"]), row["into"]
        if into != row["id"] and (into is not None or said.get(key) is None):
            said[key] = into
    kept = {key: into for key, into in known.items() if key[1] not in alive.get(key[0], set())}
    for key, into in said.items():
        if into is not None or kept.get(key) is None:
            kept[key] = into
    return kept


def without_retired(tables: Mapping[str, Iterable[Row]], retired: Retired) -> dict[str, list[Row]]:
    """Give the tables without old ids: rows about them go to the record that stands for them, or go.

    Parameters
    ----------
    tables : mapping of str to iterable of dict
        By table, rows of `pipeline.crm.records.COLUMNS`; they are not changed.
    retired : dict
    """
    result = {name: list(rows) for name, rows in tables.items()}
    now = {key: resolve(retired, *key) for key in retired}
    for entity in dict.fromkeys(entity for entity, _ in retired):
        for name, column in TOLD_BY_THE_RECORD[entity]:
            result[name] = [
                row
                for row in result.get(name, [])
                if (entity, row.get(column)) not in now or (name == "stage_changes" and row["id"].startswith(OF_A_DEAL))
            ]
        follows = FOLLOWS[entity] + ((("stage_changes", "lead_id"),) if entity == LEAD else ())
        for name, column in follows:
            moved = [_pointed(row, entity, column, now) for row in result.get(name, [])]
            result[name] = [
                row for row, old in zip(moved, result.get(name, []), strict=True) if row[column] or not old[column]
            ]
        for name, column in POINTS[entity]:
            result[name] = [_pointed(row, entity, column, now) for row in result.get(name, [])]
        if entity == ACCOUNT:
            result["attribute_changes"] = [
                _pointed(row, entity, "value", now) if row["attribute"] == "account_id" else row
                for row in result.get("attribute_changes", [])
            ]
    return result


def _pointed(row: Row, entity: str, column: str, now: Retired) -> Row:
    key = (entity, row.get(column))
    return {**row, column: now[key]} if key in now else row

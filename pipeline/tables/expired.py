"""Rows past their retention: they feed neither tables nor training."""

from collections.abc import Callable, Iterable

from pipeline.tables.contract_sql import quoted
from pipeline.tables.duckdb import Connection, text_literal
from pipeline.tables.left_out import delete_rows
from pipeline.tables.merged_leads import MERGED_LEADS, TABLES_OF_LEADS

__all__ = ["RetentionDays", "clear_expired", "keep_all", "leave_out_expired"]

RetentionDays = Callable[[str, str], int | None]
"""Takes a section of the purpose registry (`attributes`, `touchpoint_kinds`, `tables`) and a name; gives days, or None: kept.

Rows and values of a lead's history are as old as what they tell; a lead, and its attributes without a history, as its creation.
What holds of an account is no old value, however long it has held: its values are as old as what replaced them."""

MOMENTS = {
    "stage_changes": "occurred_at",
    "handovers": "handed_over_at",
    "orders": "ordered_at",
    "identities": "identified_at",
}


def keep_all(section: str, name: str) -> int | None:
    """Keep everything: there is no registry."""
    return None


def leave_out_expired(
    connection: Connection, name: str, retention: RetentionDays, exported_at: str | None
) -> dict[str, int]:
    """Take rows that are older than their retention at the export out of `checked_<name>` and `raw_<name>`.

    Parameters
    ----------
    connection : Connection
        With both tables.
    name : str
        Of a canonical table.
    retention : callable
        See `RetentionDays`.
    exported_at : str or None
        SQL literal; None: times are only an order, and nothing has an age.

    Returns
    -------
    dict of str to int
        Rows by why they were left out; empty: none were.
    """
    if exported_at is None:
        return {}
    rows = _out_with_their_leads(connection, name, retention, exported_at)
    if name == "touchpoints":
        kinds = connection.execute("SELECT DISTINCT kind FROM checked_touchpoints WHERE kind IS NOT NULL").fetchall()
        days: dict[int, list[str]] = {}
        for (kind,) in kinds:
            kept = retention("touchpoint_kinds", kind)
            if kept is not None:
                days.setdefault(kept, []).append(kind)
        for kept, names in sorted(days.items()):
            listed = ", ".join(map(text_literal, names))
            rows += delete_rows(connection, name, f"kind IN ({listed}) AND {_older('occurred_at', kept, exported_at)}")
    elif name == "attribute_changes":
        changed = connection.execute(
            "SELECT DISTINCT attribute, lead_id IS NOT NULL FROM checked_attribute_changes WHERE attribute IS NOT NULL"
        ).fetchall()
        for attribute, is_lead in sorted(changed):
            kept = retention("attributes", f"{'lead' if is_lead else 'account'}.{attribute}")
            if kept is not None:
                whose = f"attribute = {text_literal(attribute)} AND lead_id IS {'NOT ' if is_lead else ''}NULL"
                too_old = _older("occurred_at", kept, exported_at) if is_lead else _replaced(kept, exported_at)
                rows += delete_rows(connection, name, f"{whose} AND {too_old}")
    elif name in MOMENTS:
        kept_days = retention("tables", name)
        if kept_days is not None:
            rows += delete_rows(connection, name, _older(MOMENTS[name], kept_days, exported_at))
    return {"past their retention": rows} if rows else {}


def clear_expired(
    connection: Connection, declared: Iterable[str], retention: RetentionDays, exported_at: str | None
) -> dict[str, int]:
    """Clear attributes of leads that were created longer ago than the attribute is kept, in `checked_leads`.

    Parameters
    ----------
    connection : Connection
        With the table.
    declared : iterable of str
        Attributes of leads.
    retention, exported_at
        As for `leave_out_expired`.

    Returns
    -------
    dict of str to int
        Values by what became of them, as in `Counts.values`; those without any are left out.
    """
    cleared: dict[str, int] = {}
    for attribute in declared if exported_at is not None else ():
        kept = retention("attributes", f"lead.{attribute}")
        if kept is not None:
            column = quoted(attribute)
            [(rows,)] = connection.execute(
                f"UPDATE checked_leads SET {column} = NULL WHERE {column} IS NOT NULL "
                f"AND {_older('created_at', kept, str(exported_at))}"
            ).fetchall()
            cleared |= {f"past its retention {attribute}": int(rows)} if rows else {}
    return cleared


def _older(moment: str, days: int, exported_at: str) -> str:
    return f"{moment} < {exported_at} - INTERVAL {days} DAY"


def _replaced(days: int, exported_at: str) -> str:
    next_at = "lead(occurred_at) OVER (PARTITION BY account_id, attribute ORDER BY occurred_at, _row)"
    changes = f"SELECT _row, {next_at} AS replaced_at FROM checked_attribute_changes WHERE account_id IS NOT NULL"
    return f"_row IN (SELECT _row FROM ({changes}) WHERE {_older('replaced_at', days, exported_at)})"


def _out_with_their_leads(connection: Connection, name: str, retention: RetentionDays, exported_at: str) -> int:
    """Take leads out that were created too long ago, and later whatever is told of them and of the visitors that they were."""
    days = retention("tables", "leads")
    if days is None:
        return 0
    gone = "lead_id IN (FROM expired_leads)"
    if name == "leads":
        too_old = _older("created_at", days, exported_at)
        connection.execute(f"CREATE TEMP TABLE expired_leads AS SELECT lead_id FROM checked_leads WHERE {too_old}")
        connection.execute("CREATE TEMP TABLE expired_visitors (visitor_id VARCHAR)")
    elif name == MERGED_LEADS:
        gone = "merged_into IN (FROM expired_leads)"
        connection.execute(f"INSERT INTO expired_leads SELECT lead_id FROM checked_merged_leads WHERE {gone}")
    elif name == "identities":
        connection.execute(
            f"INSERT INTO expired_visitors SELECT visitor_id FROM checked_identities WHERE visitor_id IS NOT NULL AND {gone}"
        )
    elif name == "touchpoints":
        gone += " OR (lead_id IS NULL AND visitor_id IN (FROM expired_visitors))"
    elif name not in TABLES_OF_LEADS:
        return 0
    return delete_rows(connection, name, gone)

"""Rows past their retention: they feed neither tables nor training."""

from collections.abc import Callable

from pipeline.tables.duckdb import Connection
from pipeline.tables.left_out import delete_rows

__all__ = ["RetentionDays", "keep_all", "leave_out_expired"]

RetentionDays = Callable[[str, str], int | None]
"""Takes a section of the purpose registry (`touchpoint_kinds`, `tables`) and a name; gives days, or None: kept."""

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
    rows = 0
    if name == "touchpoints":
        kinds = connection.execute("SELECT DISTINCT kind FROM checked_touchpoints WHERE kind IS NOT NULL").fetchall()
        days: dict[int, list[str]] = {}
        for (kind,) in kinds:
            kept = retention("touchpoint_kinds", kind)
            if kept is not None:
                days.setdefault(kept, []).append(kind)
        for kept, names in sorted(days.items()):
            listed = ", ".join("'" + kind.replace("'", "''") + "'" for kind in names)
            condition = f"kind IN ({listed}) AND occurred_at < {exported_at} - INTERVAL {kept} DAY"
            rows += delete_rows(connection, name, condition)
    elif name in MOMENTS:
        kept_days = retention("tables", name)
        if kept_days is not None:
            rows += delete_rows(connection, name, f"{MOMENTS[name]} < {exported_at} - INTERVAL {kept_days} DAY")
    return {"past their retention": rows} if rows else {}

"""Account order: the touchpoints of an account stand together, by lead and time, so that a file is read once, in parts."""

from pathlib import Path

from pipeline.tables.duckdb import connect, text_literal

__all__ = ["write_in_account_order"]


def write_in_account_order(touchpoints: Path, leads: Path | None, out: Path) -> None:
    """Sort touchpoints by account (the lead itself where it has none), lead and time, in bounded memory.

    Parameters
    ----------
    touchpoints : Path
        Parquet with at least lead_id, occurred_at.
    leads : Path or None
        Parquet with lead_id and, where there are accounts, account_id; None: no lead has an account.
    out : Path
        Parquet to write. Touchpoints without a lead stand last.
    """
    with connect() as connection:
        # sorting loses nothing when ties keep no order: journeys have a total order of their own
        connection.execute("SET preserve_insertion_order = false")
        source = f"read_parquet({text_literal(touchpoints)}) t"
        order = "t.lead_id NULLS LAST, t.occurred_at"
        if leads is not None:
            source += (
                f" LEFT JOIN (SELECT lead_id, account_id FROM read_parquet({text_literal(leads)})) l USING (lead_id)"
            )
            order = f"coalesce(l.account_id, t.lead_id) NULLS LAST, {order}"
        connection.execute(
            f"COPY (SELECT t.* FROM {source} ORDER BY {order}) TO {text_literal(out)} (FORMAT parquet, COMPRESSION snappy)"
        )

"""Old ids of leads: what a source says of them belongs to the lead that they were merged into."""

from pathlib import Path

from features.errors import DataError
from pipeline.tables.duckdb import Connection
from pipeline.tables.parquet import read_table

__all__ = ["MERGED_LEADS", "TABLES_OF_LEADS", "follow_merges", "merged_ids", "resolve_chains"]

MERGED_LEADS = "merged_leads"
TABLES_OF_LEADS = ("stage_changes", "identities", "touchpoints", "handovers", "advices", "attribute_changes")
LONGEST_CHAIN = 64


def resolve_chains(connection: Connection) -> None:
    """Let each old id name the lead that stands for it today, where one was merged after another.

    Works on `checked_merged_leads`.

    Raises
    ------
    DataError
        If ids are merged in a circle.
    """
    for _ in range(LONGEST_CHAIN):
        [(moved,)] = connection.execute(
            """UPDATE checked_merged_leads c SET merged_into = later.merged_into FROM checked_merged_leads later
            WHERE later.lead_id = c.merged_into AND c.lead_id <> c.merged_into
              AND later._reason IS NULL AND c._reason IS NULL"""
        ).fetchall()
        if not moved:
            break
    [(circles,)] = connection.execute(
        """SELECT count(*) FROM checked_merged_leads c JOIN checked_merged_leads later
        ON later.lead_id = c.merged_into WHERE c._reason IS NULL AND later._reason IS NULL"""
    ).fetchall()
    if circles:
        raise DataError(
            "view 'merged_leads': ids are merged into one another in a circle. Of each group one lead stays, and is no old id."
        )


def follow_merges(connection: Connection, name: str) -> None:
    """Give rows about an old id to the lead that it was merged into; works on `checked_<name>`, before it is held to leads."""
    connection.execute(
        f"""UPDATE checked_{name} c SET lead_id = m.merged_into FROM checked_merged_leads m
        WHERE m.lead_id = c.lead_id AND m._reason IS NULL"""
    )


def merged_ids(canonical: Path) -> dict[str, str]:
    """Read which lead stands for each old id; empty where the source knows of none.

    Parameters
    ----------
    canonical : Path
        Folder of canonical tables.
    """
    path = canonical / f"{MERGED_LEADS}.parquet"
    if not path.exists():
        return {}
    table = read_table(path, MERGED_LEADS)
    return dict(zip(table["lead_id"].to_pylist(), table["merged_into"].to_pylist(), strict=True))

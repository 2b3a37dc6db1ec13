"""A trial of the proposed source: `ingest` itself says which rows it will set aside, and why."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from features.errors import DataError
from pipeline.tables.ingested import ingest
from pipeline.tables.personal_fields import EMPTY, PersonalFields, personal_fields

__all__ = ["MOST_TRIAL_BYTES", "NO_TRIAL", "Trial", "try_source"]

MOST_TRIAL_BYTES = 100_000_000  # of larger files the rows are counted by ingest alone
MARGIN = 1.5  # next month's export is not the same
NO_LIMIT = 1.0
MANY = 0.1  # of a table's rows; more are no stray mistakes


class Trial(NamedTuple):
    """What one reading of the files showed.

    Attributes
    ----------
    shares : dict
        Per table and reason, the share of its rows that may be bad, with some room.
    refusal : str or None
        Why `ingest` stops at these files, where it does.
    fields : PersonalFields
        Which fields they hold; none where `ingest` stops.
    bad : tuple of str
        Tables of which many rows are set aside, in words: the preset lets them pass, so somebody must read it.
    """

    shares: dict[str, dict[str, float]]
    refusal: str | None
    fields: PersonalFields
    bad: tuple[str, ...] = ()


NO_TRIAL = Trial({}, None, EMPTY)


def try_source(sql: str, raw_dir: Path) -> Trial:
    """Read the files with a source: count what is set aside, and name the fields.

    Parameters
    ----------
    sql : str
        The source.
    raw_dir : Path
        Its files.
    """
    with tempfile.TemporaryDirectory(prefix="lead-init-") as folder:
        source = Path(folder, "source.sql")
        source.write_text(sql, encoding="utf-8")
        try:
            counts = ingest(source, raw_dir, Path(folder, "canonical"), Path(folder, "quarantine"), NO_LIMIT)
        except DataError as error:
            return Trial({}, str(error).replace(str(source), "the source").replace(folder, "data"), EMPTY)
        fields = personal_fields(Path(folder, "canonical"))
    shares: dict[str, dict[str, float]] = {}
    bad = tuple(
        f"{table}: {sum(count.quarantined.values()):,} of {count.rows:,} rows will be set aside: "
        + ", ".join(f"{n:,} {reason}" for reason, n in count.quarantined.items())
        for table, count in counts.items()
        if sum(count.quarantined.values()) > MANY * count.rows
    )
    for table, count in counts.items():
        for reason, rows in count.quarantined.items():
            room = min(NO_LIMIT, max(rows * MARGIN / count.rows, 0.005))
            shares.setdefault(table, {})[reason] = round(room + 0.0005, 3)
    return Trial(shares, None, fields, bad)

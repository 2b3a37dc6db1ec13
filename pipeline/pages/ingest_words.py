"""What ingest says beside its table: values that were not taken, the export's moment and age, outcomes that have no place."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.tables.export import Export
from pipeline.tables.ingest_counts import Counts
from pipeline.tables.parquet import read_table

__all__ = ["export_lines", "remark_lines", "unplaced_lines"]

DAY_US = 86_400_000_000
LONG_GAP_DAYS = 90
OUTCOMES = ("sales_qualified", "disqualified")


def remark_lines(counts: Mapping[str, Counts]) -> list[str]:
    """List by table the values of rows that stay, and what is worth knowing of its rows."""
    lines = []
    for name, count in counts.items():
        if count.values:
            lines.append(
                f"{name}: rows that stay: " + ", ".join(f"{rows:,} {what}" for what, rows in count.values.items())
            )
        lines += [f"{name}: {rows:,} row(s) left out: {why}" for why, rows in count.left_out.items()]
        lines += [f"{name}: {rows:,} lead(s) with an outcome, {what}: not bad" for what, rows in count.notes.items()]
    return lines


def export_lines(canonical: Path, export: Export, said_by: str) -> list[str]:
    """Say when the files were exported, who says so, and how old the rows are beside it.

    The age is that of the newest lead or stage change, and of all but the newest hundredth of them: no clock is read, and a
    moment with a year typed wrong shows as a long time without rows.
    """
    if export.ordinal:
        return ["export: times are only an order"]
    moments = [read_table(canonical / "leads.parquet", "leads")["created_at"]]
    if (canonical / "stage_changes.parquet").exists():
        moments.append(read_table(canonical / "stage_changes.parquet", "stage_changes")["occurred_at"])
    times = np.concatenate([column.cast(pa.int64()).to_numpy() for column in moments])
    if not len(times):
        return [f"export: {export.exported_at:%Y-%m-%d %H:%M} UTC, said by {said_by}"]
    age = (export.exported_at.value // 1000 - np.array([times.max(), np.quantile(times, 0.99)])) / DAY_US
    line = (
        f"export: {export.exported_at:%Y-%m-%d %H:%M} UTC, said by {said_by}; its newest lead or stage change is "
        f"{age[0]:.1f} days older, 99 of 100 are more than {age[1]:.1f} days older"
    )
    if age[1] <= LONG_GAP_DAYS:
        return [line]
    hint = "  Was a year typed wrong, or is the export older than it says? Then set ingest.exported_at."
    return [line, hint]


def unplaced_lines(months: pa.Table) -> list[str]:
    """Say of which leads the outcome can't be placed, by outcome and month, and which months are therefore cut."""
    lines = []
    for row in months.to_pylist():
        counts = ", ".join(f"{row[f'{name}_unplaced']:,} of {row[name]:,} {name}" for name in OUTCOMES if row[name])
        month = "without a readable MQL" if row["month"] is None else f"of {row['month']:%Y-%m}"
        verdict = "; the month is cut from training" if row["cut"] else ""
        lines.append(
            f"outcomes that can't be placed, MQLs {month}: {counts}; {row['leads_unplaced']:,} of {row['mqls']:,} leads left "
            f"the risk set{verdict}"
        )
    return lines

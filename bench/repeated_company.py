"""A large company out of a small one: its canonical tables some times over, under other names. For measuring time and memory.

Simulating and reading in a million leads takes longer than all that is measured on them. What analyses find is not what a
company of that size would show: every copy is alike.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["repeat_company", "repeat_table"]

NAMES = ("lead_id", "account_id", "touchpoint_id", "visitor_id")


def repeat_table(source: Path, target: Path, times: int) -> None:
    """Write a table `times` over, one copy after another: a file in account order stays one.

    Parameters
    ----------
    source, target : Path
        Parquet files. One without names of leads or accounts is copied once.
    times : int
        At most 1000.
    """
    table = pq.read_table(source)
    named = [name for name in NAMES if name in table.column_names]
    with pq.ParquetWriter(target, table.schema) as writer:
        for copy in range(times if named else 1):
            part = table
            for name in named:
                place = part.schema.get_field_index(name)
                column = part[name].cast(pa.string())
                renamed = pc.binary_join_element_wise(f"{copy:03d}-", column, "").cast(part.schema.field(place).type)
                part = part.set_column(place, part.schema.field(place), renamed)
            writer.write_table(part)


def repeat_company(folder: Path, target: Path, times: int) -> None:
    """Repeat ``canonical/`` and ``risk_periods.parquet`` of a folder in another one."""
    (target / "canonical").mkdir(parents=True)
    for path in [*(folder / "canonical").glob("*.parquet"), folder / "risk_periods.parquet"]:
        repeat_table(path, target / path.relative_to(folder), times)

"""What the canonical table `export` says: when the files were exported, and whether their times are times."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.tables.parquet import read_table

__all__ = ["Export", "read_export"]


@dataclass(frozen=True)
class Export:
    """The one row of the table.

    Attributes
    ----------
    exported_at : Timestamp
        UTC; nothing is known at or after it.
    clock : {"real", "ordinal"}
        Ordinal: times are only an order.
    """

    exported_at: pd.Timestamp
    clock: str

    @property
    def ordinal(self) -> bool:
        """Whether times are only an order."""
        return self.clock == "ordinal"


def read_export(canonical: Path) -> Export:
    """Read the table from a folder of canonical tables."""
    row = read_table(canonical / "export.parquet", "export").to_pandas().iloc[0]
    return Export(row["exported_at"], str(row["clock"]))

"""Stage `split`: which snapshots train, stop, calibrate and test.

It comes before `features`, because what is fitted on training rows alone (known categories, known kinds) has to know them.
"""

import pyarrow as pa
from rich.table import Table

from models.fitting.splits import assign_slices, describe_slices
from pipeline.console import console, run_main
from pipeline.params import load_params
from pipeline.tables.export import read_export
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table, write_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("labels", "paths", "split")


def main() -> None:
    """Read snapshots and labels, write `slices.parquet` and `metrics/split.json`."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    clock = read_export(data / "canonical").clock
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    labels = read_table(data / "labels.parquet", "labels").to_pandas()
    frame = snapshots.merge(labels, on=["lead_id", "snapshot_at"], validate="one_to_one")
    slices = assign_slices(frame, params.split, params.labels.label_days, params.labels.recording_delay_days, clock)
    table = frame[["lead_id", "snapshot_at"]].assign(slice=slices.slice, reason=slices.reason)
    write_table(data / "slices.parquet", "slices", pa.Table.from_pandas(table, preserve_index=False))
    description = describe_slices(frame, slices)
    write_json(params.paths.metrics_dir / "split.json", description)
    shown = Table("slice", "rows", "positives", "first snapshot", "last snapshot", title="slices")
    for name, row in description["slices"].items():
        shown.add_row(name, f"{row['rows']:,}", f"{row['positives']:,}", row["first"] or "", row["last"] or "")
    console.print(shown)
    console.print("dropped: " + ", ".join(f"{n:,} {reason}" for reason, n in description["dropped"].items()))


if __name__ == "__main__":
    run_main(main)

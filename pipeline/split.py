"""Stage `split`: what the history allows, and which snapshots train, stop, calibrate and test.

It comes before `features`, because what is fitted on training rows alone (known categories, known kinds) has to know them.
"""

from dataclasses import asdict

import pyarrow as pa
from rich.table import Table

from models.fitting.split_plan import STRICTEST, longer_history, plan_split
from models.fitting.splits import describe_slices
from pipeline.console import console, run_main
from pipeline.pages.split_words import split_sentences
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
    known = (params.labels.label_days, params.labels.recording_delay_days, clock)
    plan = plan_split(frame, params.split, *known)
    slices, chosen = plan.slices, plan.params
    table = frame[["lead_id", "snapshot_at"]].assign(slice=slices.slice, reason=slices.reason)
    write_table(data / "slices.parquet", "slices", pa.Table.from_pandas(table, preserve_index=False))
    given_up = [n for n, value in STRICTEST.items() if getattr(params.split, n) is None and getattr(chosen, n) != value]
    more_days, gained = longer_history(frame, params.split, given_up, *known) if given_up else (None, ())
    description = {
        **describe_slices(frame, slices),
        "settings": chosen.model_dump(mode="json"),
        "given_up": given_up,
        "more_days": more_days,
        "more_days_give": list(gained),
        "sentences": split_sentences(chosen, plan.considered[-1], given_up, gained, more_days),
        "considered": [asdict(counts) for counts in plan.considered],
    }
    write_json(params.paths.metrics_dir / "split.json", description)
    shown = Table("slice", "rows", "positives", "first snapshot", "last snapshot", title="slices")
    for name, row in description["slices"].items():
        shown.add_row(name, f"{row['rows']:,}", f"{row['positives']:,}", row["first"] or "", row["last"] or "")
    console.print(shown)
    console.print(description["sentences"]["en"], markup=False)
    console.print("dropped: " + ", ".join(f"{n:,} {reason}" for reason, n in description["dropped"].items()))


if __name__ == "__main__":
    run_main(main)

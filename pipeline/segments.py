"""Stage `segments`: the test by month, channel, account size and the like, fairness, and how far the population moved."""

from typing import Any

import pyarrow.parquet as pq
from rich.table import Table

from models.bundle import Bundle
from models.calibration.capacity import capacity_rows
from models.quality.segment_report import measure_segments, most_used, population
from pipeline.console import console, run_main
from pipeline.matrix.segment_rows import plot_rows
from pipeline.matrix.segments import segment_values
from pipeline.params import load_params
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("capacity", "evaluate", "paths", "segments")


def main() -> None:
    """Read predictions and the bundle, write `segments.json` and the plot rows of segments."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    bundle = Bundle.load(data / "bundle")
    predictions = read_table(data / "predictions.parquet", "predictions").to_pandas()
    headline = predictions[predictions["is_headline"]]
    test = headline[headline["slice"] == "test"].reset_index(drop=True)
    training = headline[headline["slice"] == "train"]
    with console.status("measuring by segment"):
        result = measure_segments(
            test,
            segment_values(data / "canonical", test, training, params.segments.by),
            segment_values(data / "canonical", test, training, params.segments.fairness, "segments.fairness"),
            bundle.cutoffs,
            capacity_rows(test, params.capacity),
            params.segments.min_positives,
            params.evaluate,
            (bundle.metadata["base_rate"], bundle.metadata["population_rate"]),
        )
        columns = ["lead_id", "snapshot_at", *most_used(bundle)]
        values = pq.read_table(data / "features" / "matrix.parquet", columns=columns).to_pandas()
        result["population"] = population(predictions, values, bundle)
    write_json(data / "segments.json", result)
    for name, rows in plot_rows(result).items():
        write_json(params.paths.plots_dir / f"{name}.json", rows)
    console.print(_summary(result))
    console.print(
        f"calibration gaps: {result['apart']} of {result['compared']} segments apart from 0 by their own interval, "
        f"{result['flagged']} after Holm's correction"
    )


def _summary(result: dict[str, Any]) -> Table:
    table = Table(title="test by segment")
    table.add_column("segments by")
    for name in ("values", "measured", "AUC, lowest to highest", "largest calibration gap"):
        table.add_column(name, justify="right")
    for dimension, cells in result["by"].items():
        measured = [cell for cell in cells if cell["measured"]]
        aucs = [cell["auc"]["value"] for cell in measured if cell["auc"]["value"] is not None]
        gap = max((cell["calibration_gap"]["value"] for cell in measured), key=abs, default=None)
        table.add_row(
            dimension,
            str(len(cells)),
            str(len(measured)),
            f"{min(aucs):.3f}..{max(aucs):.3f}" if aucs else "too few",
            "-" if gap is None else f"{gap:+.3f}",
        )
    return table


if __name__ == "__main__":
    run_main(main)

"""Do the intervals of the last simulated model hold the true probabilities? Run after `dvc repro`, from the repository root.

50 groups of test rows with like probabilities; a group is covered when its mean interval contains its mean true probability.
"""

import pandas as pd
from rich.table import Table

from features.errors import DataError
from models.calibration.interval_coverage import covered_means
from pipeline.console import console, run_main
from pipeline.params import load_params


def main() -> None:
    params = load_params(("labels", "paths"))
    data = params.paths.data_dir
    truth_file = data / "truth" / "snapshot_truth.parquet"
    if not truth_file.exists():
        raise DataError(
            f"{truth_file}: no such file. Only the simulator knows the true probabilities; run `dvc repro`."
        )
    column = f"true_probability_{params.labels.label_days}d"
    keys = ["lead_id", "snapshot_at"]
    truth = pd.read_parquet(truth_file, columns=[*keys, column]).astype({"lead_id": str})
    rows = pd.read_parquet(data / "predictions.parquet").astype({"lead_id": str})
    rows = rows[rows["slice"] == "test"].merge(truth, on=keys)
    table = Table(title="groups whose mean interval contains the mean true probability")
    for name in ("test rows", "rows", "groups covered", "mean width", "mean probability", "mean true probability"):
        table.add_column(name, justify="left" if name == "test rows" else "right")
    for name, chosen in (("MQL moments", rows[rows["is_headline"]]), ("every snapshot", rows)):
        p, low, high, true = (chosen[c].to_numpy() for c in ("probability", "low", "high", column))
        covered = covered_means(p, low, high, true)
        table.add_row(
            name,
            f"{len(chosen):,}",
            f"{covered:.0%}",
            f"{(high - low).mean():.3f}",
            f"{p.mean():.4f}",
            f"{true.mean():.4f}",
        )
    console.print(table)


if __name__ == "__main__":
    run_main(main)

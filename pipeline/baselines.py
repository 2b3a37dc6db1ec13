"""Stage `baselines`: fit what the product is measured against, on the same rows, and predict every labelled row.

Apart from `train`, so that trying out a parameter of the product leaves them as they are.
"""

import numpy as np
import pyarrow as pa

from models.fitting.random_folds import headline_fold_probabilities
from models.fitting.recipe import fit_baselines
from pipeline.console import console, run_main
from pipeline.leakage.finding import read_findings, refuse_leaks
from pipeline.matrix.labelled_rows import read_labelled_rows
from pipeline.params import load_params
from pipeline.tables.parquet import write_table

__all__ = ["SECTIONS", "main"]

SECTIONS = (
    "features.observation_days",
    "paths",
    "points",
    "train.num_threads",
    "train.population_rate",
    "train.seed",
)


def main() -> None:
    """Read features, labels and slices; write `baselines.parquet`."""
    params = load_params(SECTIONS)
    data, train = params.paths.data_dir, params.train
    refuse_leaks(read_findings(data / "audit" / "findings.json"))
    frame, matrix, catalog, _, _ = read_labelled_rows(data)
    with console.status("fitting baselines"):
        values = fit_baselines(
            matrix,
            frame,
            catalog,
            points=params.points,
            observation_days=params.features.observation_days,
            predict=np.arange(len(frame)),
            population_rate=train.population_rate,
            workers=train.num_threads,
        )
        promised = headline_fold_probabilities(frame, matrix, catalog.categorical, train.seed, train.num_threads)
    rows = frame[["lead_id", "snapshot_at"]].assign(random_folds=promised, **values)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    write_table(data / "baselines.parquet", "baselines", table)
    console.print(f"baselines: {', '.join(values)}, on {len(frame):,} rows")


if __name__ == "__main__":
    run_main(main)

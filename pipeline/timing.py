"""Stage `timing`: when to hand over, learned from first contacts and weeks in the queue; a backtest on later leads."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.console import console, run_main
from pipeline.handover.backtest import backtest, facts_of_training, trajectories
from pipeline.handover.learn import learn_timing, reason_for_none
from pipeline.handover.rows import TimingRows, parts_of, timing_rows
from pipeline.matrix.build import fit_features, training_outcomes
from pipeline.params import LabelsParams, load_params
from pipeline.tables.export import read_export
from pipeline.tables.json_files import records, write_json
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("calibration", "capacity", "features", "labels", "paths", "timing", "train")


def _test_start(slices: pd.DataFrame, exported_at: pd.Timestamp) -> pd.Timestamp:
    test = slices.loc[slices["slice"] == "test", "snapshot_at"]
    return exported_at if test.empty else test.min()


def _read_rows(params: Any, data: Path) -> tuple[TimingRows | None, TimingRows | None, Any, pd.Timestamp]:
    """Put together the rows before the test and those after its start; None where the source has no hand-overs."""
    canonical = data / "canonical"
    export = read_export(canonical)
    tables = {
        name: read_table(data / f"{name}.parquet", name).to_pandas() for name in ("snapshots", "slices", "labels")
    }
    start = _test_start(tables["slices"], export.exported_at)
    if export.ordinal or not (canonical / "handovers.parquet").exists():
        return None, None, None, start
    fitted, _ = fit_features(params.features, canonical, tables["snapshots"], training_outcomes(**tables))
    periods = read_table(data / "risk_periods.parquet", "risk_periods").to_pandas()
    handovers = read_table(canonical / "handovers.parquet", "handovers").to_pandas()
    labels = LabelsParams(
        label_days=params.timing.horizon_days, recording_delay_days=params.labels.recording_delay_days
    )

    def rows(of: pd.DataFrame, until: pd.Timestamp) -> TimingRows:
        return timing_rows(
            canonical,
            of,
            handovers,
            until,
            fitted,
            parts_of(tables["snapshots"], fitted),
            labels,
            params.timing.queue_days,
        )

    earlier = periods[periods["started_at"] < start].reset_index(drop=True)
    later = periods[periods["started_at"] >= start].reset_index(drop=True)
    return rows(earlier, start), rows(later, export.exported_at), fitted.catalog, start


def main() -> None:
    """Read canonical tables, risk periods and slices; write `data/timing`, `metrics/timing.json` and the rows of its plot."""
    params = load_params(SECTIONS)
    data, metrics, plots = params.paths.data_dir, params.paths.metrics_dir, params.paths.plots_dir
    before, after, catalog, start = _read_rows(params, data)
    missing = reason_for_none(before, params.timing)
    folder = data / "timing"
    folder.mkdir(parents=True, exist_ok=True)
    if missing or before is None or after is None:
        (folder / "timing.json").write_text("null\n", encoding="utf-8")
        write_json(metrics / "timing.json", {"missing": missing})
        write_json(plots / "timing.json", [])
        console.print(f"timing: no advice about when to call: {missing}. docs/timing.md says what it takes.")
        return
    timing, fitted = learn_timing(
        before, catalog, params.timing, params.train, params.capacity, params.calibration.interval, start
    )
    for name, text in timing.texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    training, test = facts_of_training(before, fitted), backtest(timing, after)
    result = {"missing": None, "training": training, "test": test, "price": timing.facts["price"]}
    write_json(metrics / "timing.json", result)
    write_json(plots / "timing.json", records(trajectories(timing, after)))
    console.print(
        f"timing: {training['calls']:,} first contacts, {before.queue.pairs:,} weeks without a call; on "
        f"{test['calls']:,} later contacts AUC {test['auc'] or float('nan'):.3f}, {test['held'] or 0.0:.0%} of looks held"
    )


if __name__ == "__main__":
    run_main(main)

"""Stage `labels`: what became of each snapshot, by `pipeline.population.outcomes`."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from features.errors import ParameterError
from models.answers.risk_set import CUSTOMERS
from pipeline.console import console, run_main
from pipeline.params import LabelsParams, load_params
from pipeline.population.outcomes import label_snapshots, period_outcomes, purchase_outcomes
from pipeline.population.own_influence import left_out, read_influence
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table, write_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("labels", "paths", "snapshots")


def without_uncalled(
    labels: pd.DataFrame, snapshots: pd.DataFrame, data: Path, params: LabelsParams
) -> tuple[pd.DataFrame, int]:
    """Leave labels open of snapshots at which the product advised to call nobody, and nobody did; give how many."""
    tables = read_influence(data / "canonical") if params.uncalled == "leave_out" else None
    if tables is None:
        return labels, 0
    periods = read_table(data / "risk_periods.parquet", "risk_periods").to_pandas()
    unknown = left_out(snapshots, periods, *tables) & labels["matured"].to_numpy(dtype=bool)
    open_labels = labels.assign(label=labels["label"].mask(unknown), matured=labels["matured"] & ~unknown)
    return open_labels, int(unknown.sum())


def main() -> None:
    """Read snapshots, risk periods and canonical tables, write `labels.parquet`."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    canonical = data / "canonical"
    export = read_export(canonical)
    snapshots = read_table(data / "snapshots.parquet", "snapshots").to_pandas()
    if params.snapshots.risk_set == CUSTOMERS:
        orders = read_table(canonical / "orders.parquet", "orders").to_pandas()
        outcome_at = purchase_outcomes(snapshots, orders, params.labels)
    elif params.labels.purchase != "again":
        raise ParameterError(
            f"params.yaml: labels.purchase is {params.labels.purchase!r}, but the risk set 'mql' knows no purchase. "
            "Set snapshots.risk_set to customers, or labels.purchase to again."
        )
    else:
        periods = read_table(data / "risk_periods.parquet", "risk_periods").to_pandas()
        outcome_at = period_outcomes(snapshots, periods)
    labels = label_snapshots(snapshots, outcome_at, params.labels, export.exported_at, ordinal=export.ordinal)
    young = ~labels["matured"] & snapshots["is_headline"]
    labels, uncalled = without_uncalled(labels, snapshots, data, params.labels)
    write_table(data / "labels.parquet", "labels", pa.Table.from_pandas(labels, preserve_index=False))
    matured = labels["matured"]
    rate = labels.loc[matured, "label"].mean() if matured.any() else float("nan")
    console.print(f"labels: {int(matured.sum()):,} of {len(labels):,} snapshots matured, {rate:.1%} of them positive")
    if came := int((young & outcome_at.notna()).sum()):
        console.print(
            f"labels: of {int(young.sum()):,} risk periods too young for a label, {came:,} have the outcome already"
        )
    if uncalled:
        console.print(f"labels: {uncalled:,} snapshots at which nobody called because of our advice are left out")


if __name__ == "__main__":
    run_main(main)

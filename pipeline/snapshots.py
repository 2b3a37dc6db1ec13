"""Stage `snapshots`: who is at risk, and the moments at which they are looked at, by `pipeline.population.risk_set`."""

import pyarrow as pa

from features.errors import DataError
from models.answers.risk_set import CUSTOMERS, RiskSet
from pipeline.console import console, run_main
from pipeline.params import load_params
from pipeline.population.customers import customer_snapshots
from pipeline.population.lists import newest_lists
from pipeline.population.risk_set import mql_snapshots, outside_cut_months, risk_periods
from pipeline.tables.export import read_export
from pipeline.tables.parquet import write_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("paths", "snapshots")


def main() -> None:
    """Read the canonical tables, write `risk_periods.parquet`, `snapshots.parquet` and `lists.parquet`."""
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    export = read_export(data / "canonical")
    risk_set = RiskSet(params.snapshots.risk_set, params.snapshots.expire_days)
    periods = risk_periods(data / "canonical", risk_set)
    # An order has no days; leads of cut months are listed all the same
    lists = newest_lists(periods.iloc[:0] if export.ordinal else periods, risk_set, export.exported_at)
    if risk_set.name == CUSTOMERS:
        snapshots = customer_snapshots(periods, export.exported_at)
    else:
        periods = outside_cut_months(periods, data / "canonical")
        snapshots = mql_snapshots(periods, params.snapshots, export.exported_at, ordinal=export.ordinal)
    if snapshots.empty:
        raise DataError(
            f"snapshots: no lead is ever at risk (risk set '{risk_set.name}'). The source needs `mql` stage "
            "changes, or orders for the risk set 'customers'. Check the source's SQL."
        )
    accounts = periods[["lead_id", "account_id"]].drop_duplicates("lead_id")
    tables = {
        "risk_periods": periods,
        "snapshots": snapshots.merge(accounts, on="lead_id", how="left"),
        "lists": lists,
    }
    for name, rows in tables.items():
        write_table(data / f"{name}.parquet", name, pa.Table.from_pandas(rows, preserve_index=False))
    console.print(
        f"snapshots: {len(snapshots):,} of {snapshots['lead_id'].nunique():,} leads, "
        f"{int(snapshots['is_headline'].sum()):,} at the start of a risk period"
    )


if __name__ == "__main__":
    run_main(main)

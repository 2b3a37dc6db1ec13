"""Stage `funnel`: how many leads go from step to step, and whose gap a bad MQL-SQL rate is, marketing's or sales'.

`python -m pipeline.funnel --example` writes the textbook case as a page, `funnel_example.html` among the reports.
"""

import sys

from models.analyses.figures import Absence, Absent
from models.analyses.funnel import FUNNEL
from pipeline.console import console, run_main
from pipeline.pages.analysis_page import analysis_report, write_analysis
from pipeline.params import load_params
from pipeline.sales_funnel.example import example_funnel
from pipeline.sales_funnel.funnel_analysis import FunnelSetting, analyse_funnel, cost_remarks
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("features", "funnel", "ingest", "labels", "paths", "snapshots")


def main() -> None:
    """Read canonical tables and risk periods; write the analysis and its report."""
    params = load_params(SECTIONS)
    paths = params.paths
    if "--example" in sys.argv[1:]:
        page = paths.reports_dir / "funnel_example.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(analysis_report(FUNNEL, example_funnel()), encoding="utf-8")
        console.print(f"funnel: {page}")
        return
    canonical = paths.data_dir / "canonical"
    export = read_export(canonical)
    periods = read_table(paths.data_dir / "risk_periods.parquet", "risk_periods").to_pandas()
    absence: Absence | None = "no_mqls" if params.snapshots.risk_set != "mql" or periods.empty else None
    if export.ordinal:
        absence = "no_clock"
    if absence is not None:
        write_analysis(
            paths, FUNNEL, Absent(source=params.ingest.source, exported_at=export.exported_at, absent=absence)
        )
        console.print(f"funnel: not made ({absence.replace('_', ' ')})")
        return
    setting = FunnelSetting(params.funnel, params.features, params.labels, params.snapshots)
    with console.status("working out the funnel and the ledger"):
        content = analyse_funnel(canonical, periods, export, params.ingest.source, setting)
    write_analysis(paths, FUNNEL, content)
    for line in cost_remarks(content):
        console.print(line, markup=False, soft_wrap=True)
    blamed = sum(bool(gap.blamed) for gap in content.gaps)
    console.print(
        f"funnel: {content.total.mql:,} MQLs, {content.total.sales_qualified:,} sales-qualified; {blamed} of "
        f"{len(content.gaps)} campaigns lose rate by lead quality or handling",
        soft_wrap=True,
    )


if __name__ == "__main__":
    run_main(main)

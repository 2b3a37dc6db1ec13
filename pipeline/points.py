"""Stage `points`: the points audit, which of the MQLs that the company's points table makes are none; and a proposed table."""

from typing import Any

from models.analyses.figures import Absence, Absent
from models.analyses.points_audit import POINTS_AUDIT, PointsAudit
from pipeline.console import console, run_main
from pipeline.pages.analysis_page import write_analysis
from pipeline.params import load_params
from pipeline.sales_funnel.points_at import check_rules
from pipeline.sales_funnel.points_audit import audit_points
from pipeline.sales_funnel.points_export import export_table
from pipeline.sales_funnel.points_setting import PointsSetting
from pipeline.tables.export import Export, read_export
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("capacity", "evaluate", "features", "ingest", "labels", "paths", "points", "snapshots")


def _absence(params: Any, export: Export) -> Absence | None:
    """Say why there is nothing to audit."""
    if params.points is None:
        return "no_points_table"
    if params.snapshots.risk_set != "mql":
        return "no_mqls"
    if export.ordinal:
        return "no_clock"
    return None if (params.paths.data_dir / "canonical" / "touchpoints.parquet").exists() else "no_touchpoints"


def _told(content: PointsAudit) -> str:
    replay, highest = content.replay, content.replay.highest
    if replay.reached == 0:
        best = "no touchpoint of any lead has points" if highest is None else f"the most that a lead has is {highest:g}"
        return (
            f"points: nobody reaches the threshold of {content.threshold:g} points; {best}. Lower points.mql_threshold in "
            "params.yaml, or correct the rules."
        )
    return (
        f"points: the table makes {replay.reached:,} of {replay.leads:,} leads MQL, the CRM {replay.mqls:,}, "
        f"{replay.both:,} of them are the same"
    )


def main() -> None:
    """Read canonical tables, risk periods and predictions; write the analysis, its report, and the proposed table."""
    params = load_params(SECTIONS)
    paths = params.paths
    canonical = paths.data_dir / "canonical"
    export = read_export(canonical)
    absence = _absence(params, export)
    files = paths.reports_dir / "points_table"
    if absence is not None:
        absent = Absent(source=params.ingest.source, exported_at=export.exported_at, absent=absence)
        write_analysis(paths, POINTS_AUDIT, absent)
        export_table(files, None)
        console.print(f"points: not made ({absence.replace('_', ' ')})")
        return
    check_rules(params.points, params.features)
    setting = PointsSetting(params.points, params.features, params.labels, params.capacity, params.evaluate)
    with console.status("replaying the points table"):
        content = audit_points(
            canonical,
            read_table(paths.data_dir / "risk_periods.parquet", "risk_periods").to_pandas(),
            read_table(paths.data_dir / "predictions.parquet", "predictions").to_pandas(),
            export,
            params.ingest.source,
            setting,
        )
    write_analysis(paths, POINTS_AUDIT, content)
    export_table(files, content.proposed)
    console.print(_told(content), soft_wrap=True)


if __name__ == "__main__":
    run_main(main)

"""Stage `personas`: who buys, which behaviour announces it, and over which channels; three analyses with their reports."""

from typing import Any

from models.analyses import Analysis
from models.analyses.behaviour import BEHAVIOUR
from models.analyses.channels import CHANNELS
from models.analyses.figures import Absence, Absent
from models.analyses.personas import PERSONAS
from pipeline.console import console, run_main
from pipeline.pages.analysis_page import write_analysis
from pipeline.params import load_params
from pipeline.sales_funnel.buying_content import behaviour_content, channels_content
from pipeline.sales_funnel.first_mqls import read_first_mqls
from pipeline.sales_funnel.journey_paths import read_paths
from pipeline.sales_funnel.personas import make_personas
from pipeline.sales_funnel.personas_names import read_names
from pipeline.tables.export import Export, read_export

__all__ = ["SECTIONS", "main"]

SECTIONS = ("features", "ingest", "labels", "paths", "personas", "snapshots")


def _absence(params: Any, export: Export) -> Absence | None:
    """Say why nothing can be made of these data."""
    if params.snapshots.risk_set != "mql":
        return "no_mqls"
    if export.ordinal:
        return "no_clock"
    return None if (params.paths.data_dir / "canonical" / "touchpoints.parquet").exists() else "no_touchpoints"


def main() -> None:
    """Read canonical tables, risk periods and names; write the analyses `personas`, `behaviour`, `channels`."""
    params = load_params(SECTIONS)
    canonical = params.paths.data_dir / "canonical"
    export = read_export(canonical)
    source, exported_at = params.ingest.source, export.exported_at.to_pydatetime()

    def write(analysis: Analysis, content: Any, absent: Absence = "too_few") -> None:
        instead = Absent(source=source, exported_at=exported_at, absent=absent)
        write_analysis(params.paths, analysis, content or instead)

    absence = _absence(params, export)
    if absence is not None:
        for analysis in (PERSONAS, BEHAVIOUR, CHANNELS):
            write(analysis, None, absence)
        console.print(f"personas: not made ({absence.replace('_', ' ')})")
        return
    names = read_names()
    with console.status("reading journeys"):
        paths = read_paths(canonical, params.features.selectors)
        mqls = read_first_mqls(canonical, params.paths.data_dir / "risk_periods.parquet", paths)
    facts = (params.features, params.labels, params.personas)
    with console.status("looking for segments of customers"):
        personas = make_personas(canonical, paths, mqls, source, *facts, names=names)
    with console.status("looking for behaviour that announces"):
        behaviour = behaviour_content(paths, mqls, source, *facts)
        channels = channels_content(paths, mqls, source, params.labels, params.personas)
    write(PERSONAS, personas)
    write(BEHAVIOUR, behaviour)
    write(CHANNELS, channels)
    told = (
        "too few customers"
        if personas is None
        else f"{len(personas.personas)} segments of {personas.customers:,} customers"
    )
    sentences = 0 if behaviour is None else len(behaviour.sentences)
    paths_told = "no converted path" if channels is None else f"channels on {channels.paths:,} paths"
    console.print(f"personas: {told}; {sentences} patterns announce; {paths_told}", soft_wrap=True)


if __name__ == "__main__":
    run_main(main)

"""Simulated companies as canonical tables with their truth."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from rich.progress import Progress

from models.answers.risk_set import RiskSet
from pipeline.params import load_params
from pipeline.population.risk_set import risk_periods
from pipeline.simulate import SECTIONS, simulate
from pipeline.tables.ingested import ingest
from pipeline.tables.parquet import write_table


class Company(NamedTuple):
    """Where a simulated company's tables are."""

    canonical: Path
    truth: Path
    risk_periods: Path


def make_company(root: Path, folder: Path, **simulator: object) -> Company:
    """Simulate and ingest a company; `simulator` are values of the section."""
    params = load_params(SECTIONS, root / "params.yaml")
    made = params.simulator.model_copy(update=simulator)
    with Progress(disable=True) as bar:
        simulate(made, params, folder / "raw", folder / "truth", bar)
    canonical = folder / "canonical"
    ingest(root / "pipeline/sources/simulated.sql", folder / "raw", canonical, folder / "quarantine", 0.05)
    periods = risk_periods(canonical, RiskSet("mql", 120))
    write_table(folder / "risk_periods.parquet", "risk_periods", pa.Table.from_pandas(periods, preserve_index=False))
    return Company(canonical, folder / "truth", folder / "risk_periods.parquet")

"""The history that hand-over timing is learned from and tested on, read from canonical tables and what stages made of them."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from features.catalog import Catalog
from pipeline.handover.influence import own_influence
from pipeline.handover.next_content import next_content
from pipeline.handover.rows import TimingRows, parts_of, timing_rows
from pipeline.matrix.build import fit_features, training_outcomes
from pipeline.params import LabelsParams
from pipeline.tables.export import read_export
from pipeline.tables.parquet import read_table

__all__ = ["TimingHistory", "read_history"]


class TimingHistory(NamedTuple):
    """Rows before the test begins, and after.

    Attributes
    ----------
    before, after : TimingRows
    catalog : Catalog
        Of the rows' columns.
    start : Timestamp
        When the test begins.
    next_content : dict of str to tuple of str
        As `handover.next_content` counts it, before the test.
    own_influence : list of dict or None
        As `handover.influence` counts it, over all periods.
    """

    before: TimingRows
    after: TimingRows
    catalog: Catalog
    start: pd.Timestamp
    next_content: dict[str, tuple[str, ...]]
    own_influence: list[dict[str, Any]] | None


def read_history(params: Any, data: Path) -> TimingHistory | None:
    """Put together the rows before the test and those after its start; None where the source has no hand-overs.

    Parameters
    ----------
    params : Params
        Sections features and timing, and labels.recording_delay_days.
    data : Path
        The folder of data.
    """
    canonical = data / "canonical"
    export = read_export(canonical)
    if export.ordinal or not (canonical / "handovers.parquet").exists():
        return None
    handovers = read_table(canonical / "handovers.parquet", "handovers").to_pandas()
    if handovers.empty:
        return None
    tables = {
        name: read_table(data / f"{name}.parquet", name).to_pandas() for name in ("snapshots", "slices", "labels")
    }
    start = _test_start(tables["slices"], export.exported_at)
    fitted, _ = fit_features(params.features, canonical, tables["snapshots"], training_outcomes(**tables))
    periods = read_table(data / "risk_periods.parquet", "risk_periods").to_pandas()
    labels = LabelsParams(
        label_days=params.timing.horizon_days, recording_delay_days=params.labels.recording_delay_days
    )
    parts = parts_of(tables["snapshots"], fitted)

    def rows(of: pd.DataFrame, until: pd.Timestamp) -> TimingRows:
        return timing_rows(canonical, of, handovers, until, fitted, parts, labels, params.timing.queue_days)

    earlier = periods[periods["started_at"] < start].reset_index(drop=True)
    later = periods[periods["started_at"] >= start].reset_index(drop=True)
    content = next_content(canonical, periods, start)
    influence = own_influence(canonical, periods)
    return TimingHistory(
        rows(earlier, start), rows(later, export.exported_at), fitted.catalog, start, content, influence
    )


def _test_start(slices: pd.DataFrame, exported_at: pd.Timestamp) -> pd.Timestamp:
    test = slices.loc[slices["slice"] == "test", "snapshot_at"]
    return exported_at if test.empty else test.min()

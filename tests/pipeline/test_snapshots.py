"""The stage's two tables, and who reads the risk periods."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from features.errors import DataError
from models.answers.risk_set import RiskSet
from pipeline import labels, snapshots
from pipeline.params import SnapshotsParams, dump_yaml
from pipeline.population.risk_set import leads_at_risk, risk_periods
from pipeline.tables.parquet import read_table, write_table

START = pd.Timestamp("2026-01-01", tz="UTC")


def write(name: str, frame: pd.DataFrame) -> None:
    folder = Path("data/canonical")
    write_table(folder / f"{name}.parquet", name, pa.Table.from_pandas(frame, preserve_index=False))


def stage_changes(*rows: tuple[str, str, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["lead_id", "stage", "day"])
    return frame.assign(occurred_at=START + pd.to_timedelta(frame.pop("day"), unit="D"))


CHANGES = (("a", "mql", 0), ("a", "sales_qualified", 5), ("b", "mql", 0), ("b", "recycled", 3), ("b", "mql", 40))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of two leads, in which the stage ran."""
    monkeypatch.chdir(tmp_path)
    params = {
        "paths": {"data_dir": "data", "metrics_dir": "metrics", "plots_dir": "plots", "reports_dir": "reports"},
        "snapshots": {"risk_set": "mql", "every_days": None, "expire_days": 120},
        "labels": {"label_days": 30},
    }
    Path("params.yaml").write_text(dump_yaml(params))
    write("export", pd.DataFrame({"exported_at": [START + pd.Timedelta(days=100)], "clock": "real"}))
    write("leads", pd.DataFrame({"lead_id": ["a", "b", "c"], "account_id": ["A", None, "A"], "created_at": START}))
    write("stage_changes", stage_changes(*CHANGES))
    snapshots.main()
    return tmp_path / "data"


def test_risk_periods_are_written_as_they_are_worked_out(folder: Path) -> None:
    written = read_table(folder / "risk_periods.parquet", "risk_periods").to_pandas()
    pd.testing.assert_frame_equal(written, risk_periods(folder / "canonical", RiskSet("mql", 120)))
    rows = read_table(folder / "snapshots.parquet", "snapshots").to_pandas()
    assert rows["lead_id"].tolist() == ["a", "b", "b"]
    assert rows["account_id"].fillna("none").tolist() == ["A", "none", "none"]
    assert rows["risk_period"].tolist() == [0, 0, 1]


def test_labels_come_of_the_written_periods(folder: Path) -> None:
    (folder / "canonical" / "stage_changes.parquet").unlink()  # nothing is cut a second time
    labels.main()
    assert read_table(folder / "labels.parquet", "labels").to_pandas()["label"].tolist() == [1, 0, 0]
    (folder / "risk_periods.parquet").unlink()
    with pytest.raises(DataError, match=r"risk_periods\.parquet: no such file.*dvc repro"):
        labels.main()


def test_outcomes_of_leads_that_are_too_young_for_a_label_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("stage_changes", stage_changes(*CHANGES, ("c", "mql", 90), ("c", "sales_qualified", 95)))
    snapshots.main()
    labels.main()
    assert read_table(folder / "labels.parquet", "labels").to_pandas()["label"].isna().sum() == 1
    assert "of 1 risk periods too young for a label, 1 have the outcome already" in capsys.readouterr().out


def test_a_lead_newer_than_the_written_periods_is_at_risk(folder: Path) -> None:
    params = SnapshotsParams(expire_days=120)
    assert leads_at_risk(folder / "canonical", params)["lead_id"].tolist() == ["b"]
    write("stage_changes", stage_changes(*CHANGES, ("c", "mql", 99)))
    assert leads_at_risk(folder / "canonical", params)["lead_id"].tolist() == ["b", "c"]

"""The proposed points table as files: CSV for people, and the section `points` for params.yaml."""

import csv
import shutil
from pathlib import Path

from models.analyses.points_audit import ProposedTable
from pipeline.params import dump_yaml

__all__ = ["export_table", "points_section"]

COLUMNS = ("rule", "points", "present_points")


def points_section(table: ProposedTable) -> str:
    """Write the section `points` of params.yaml.

    Parameters
    ----------
    table : ProposedTable
        Fitted among handed-over leads.
    """
    section: dict[str, object] = {
        "interactions": {rule.name: rule.points for rule in table.rules},
        "mql_threshold": table.threshold,
    }
    if table.decay:
        section["decay"] = [{"after_days": step.after_days, "share": step.share} for step in table.decay]
    return dump_yaml({"points": section})


def export_table(folder: Path, table: ProposedTable | None) -> None:
    """Write ``points_table.csv`` and ``points.yaml``; a folder without files where nothing is proposed.

    Parameters
    ----------
    folder : Path
        Emptied first.
    table : ProposedTable or None
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if table is None:
        return
    with (folder / "points_table.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for rule in table.rules:
            writer.writerow([rule.name, rule.points, "" if rule.present is None else f"{rule.present:g}"])
    (folder / "points.yaml").write_text(points_section(table), encoding="utf-8")

"""Stage `tracking`: one MLflow run per training, with everything that decides and describes it.

`python -m pipeline.tracking --ui` opens the pages of the same store.
"""

import sys
from pathlib import Path

from pipeline.console import console, run_main
from pipeline.mlflow_runs.comparison import comparison_sentence
from pipeline.mlflow_runs.store import show_pages
from pipeline.mlflow_runs.training import compare_with_champion, track
from pipeline.pages.charts import read_plots
from pipeline.params import load_params
from pipeline.tables.json_files import read_json, write_json

__all__ = ["SECTIONS", "main"]

SECTIONS = (
    "calibration",
    "capacity",
    "decision",
    "evaluate",
    "features",
    "ingest",
    "labels",
    "paths",
    "points",
    "publish",
    "segments",
    "simulator",
    "snapshots",
    "split",
    "tiers",
    "timing",
    "train",
)
NOT_LOGGED = ("paths", "publish", "segments")  # they decide nothing about a model


def main() -> None:
    """Read everything that the stages before left, record the run, write `tracking.json`."""
    sections = load_params(SECTIONS)
    if "--ui" in sys.argv[1:]:
        return show_pages(Path.cwd(), sections.publish.model_name)
    paths = sections.paths
    result = read_json(paths.metrics_dir / "evaluate.json", "evaluate")
    params = {key: value for key, value in sections.model_dump(mode="json").items() if key not in NOT_LOGGED}
    if sections.ingest.source != "simulated":
        del params["simulator"]
    data = paths.data_dir
    with console.status("comparing with the champion"):
        comparison = compare_with_champion(Path.cwd(), sections.publish.model_name, data, sections.evaluate)
    with console.status("recording the run in MLflow"):
        record = track(
            Path.cwd(),
            sections.publish.model_name,
            data / "bundle",
            result,
            read_plots(paths.plots_dir),
            params,
            sorted(paths.reports_dir.glob("*.html")),
            sorted((paths.reports_dir / "pictures").glob("*.png")),
            segments=read_json(data / "segments.json", "segments"),
            slices=read_json(paths.metrics_dir / "split.json", "split")["slices"],
            comparison=comparison,
        )
    write_json(data / "tracking.json", record)
    console.print(f"tracking: run [bold]{record['run_name']}[/bold] in experiment {record['experiment']}")
    console.print(comparison_sentence(comparison).replace("**", ""), markup=False)


if __name__ == "__main__":
    run_main(main)

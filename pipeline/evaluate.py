"""Stage `evaluate`: metrics with intervals on the test rows, beside the baselines, and the rows behind the plots."""

from models.bundle import Bundle
from models.presentation.terminal import calibration_note, coverage_note, metrics_table, signal_note, unseen_note
from models.quality.evaluation import evaluate_predictions, plot_points
from pipeline.console import console, run_main
from pipeline.params import load_params
from pipeline.tables.json_files import records, write_json
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main"]

SECTIONS = ("capacity", "evaluate", "paths", "publish")


def main() -> None:
    """Read predictions and the bundle, write `evaluate.json` and the plot rows."""
    params = load_params(SECTIONS)
    bundle = Bundle.load(params.paths.data_dir / "bundle")
    frame = read_table(params.paths.data_dir / "predictions.parquet", "predictions").to_pandas()
    with console.status("bootstrapping intervals"):
        result = evaluate_predictions(frame, bundle, params.capacity, params.publish, params.evaluate)
    write_json(params.paths.metrics_dir / "evaluate.json", result)
    headline = frame[(frame["slice"] == "test") & frame["is_headline"]]
    for name, points in plot_points(headline, bundle).items():
        write_json(params.paths.plots_dir / f"{name}.json", records(points))
    console.print(metrics_table(result))
    console.print(calibration_note(result))
    console.print(coverage_note(result))
    console.print(signal_note(result["verdict"]))
    console.print(unseen_note(result["unseen_accounts"]))


if __name__ == "__main__":
    run_main(main)

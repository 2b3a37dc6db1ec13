"""Stage `report`: the model card, the report and interactive figures, self-contained pages in every language."""

from pathlib import Path

from models.bundle import Bundle
from pipeline.console import console, run_main
from pipeline.leakage.finding import read_findings
from pipeline.mlflow_runs.provenance import bundle_hash, data_hashes
from pipeline.pages.charts import read_plots
from pipeline.pages.model_card import model_card
from pipeline.pages.pictures import write_pictures
from pipeline.pages.report_page import figures_page, report_page
from pipeline.pages.trained import Trained, top_features
from pipeline.params import load_params
from pipeline.tables.json_files import read_json

__all__ = ["SECTIONS", "main"]

SECTIONS = ("memorisation", "paths", "snapshots", "train")


def main() -> None:
    """Read the bundle, metrics and plot rows; write `model_card.html`, `report.html`, `figures.html` and `pictures/`."""
    params = load_params(SECTIONS)
    paths = params.paths
    folder = paths.data_dir / "bundle"
    bundle = Bundle.load(folder)
    trained = Trained(
        metadata=bundle.metadata,
        result=read_json(paths.metrics_dir / "evaluate.json", "evaluate"),
        split=read_json(paths.metrics_dir / "split.json", "split"),
        features=top_features(bundle),
        cutoffs=bundle.cutoffs,
        calibration=bundle.calibration.method,
        fingerprint=bundle.catalog.fingerprint,
        bundle_sha256=bundle_hash(folder),
        feature_count=len(bundle.catalog.features),
        plots=read_plots(paths.plots_dir),
        every_days=params.snapshots.every_days,
        expire_days=params.snapshots.expire_days,
        hashes=data_hashes(Path("dvc.lock")),
        segments=read_json(paths.data_dir / "segments.json", "segments"),
        findings=read_findings(paths.data_dir / "audit" / "findings.json"),
        train=params.train,
        memorisation=params.memorisation,
    )
    paths.reports_dir.mkdir(parents=True, exist_ok=True)
    pages = {"model_card": model_card(trained), "report": report_page(trained), "figures": figures_page(trained)}
    for name, text in pages.items():
        (paths.reports_dir / f"{name}.html").write_text(text, encoding="utf-8")
    pictures = {name: trained.picture(name, "en") for name, rows in trained.plots.items() if rows}
    write_pictures(pictures, paths.reports_dir / "pictures")
    console.print(f"report: {', '.join(f'{paths.reports_dir}/{name}.html' for name in pages)}")


if __name__ == "__main__":
    run_main(main)

"""Command `monitor`: drift and live quality from the score log and what became of the leads; says whether to retrain.

Exit codes: 0 nothing to do, 4 retraining is recommended, 1 something is wrong.
"""

import argparse
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from features.errors import DataError
from models.answers.risk_set import RiskSet
from models.bundle import Bundle
from models.monitoring.retrain_verdict import RETRAIN
from models.monitoring.score_log import FOLDER, KEY, LogSettings, Model
from pipeline.console import RECOMMENDED, console, run_main
from pipeline.handover.influence import influence_lines, own_influence
from pipeline.monitoring.judge import judge, promise_of
from pipeline.pages.machine_traffic_words import traffic_lines
from pipeline.pages.monitor_page import monitor_page, monitor_summary
from pipeline.pages.monitor_words import summary_lines, verdict_word
from pipeline.params import load_params
from pipeline.population.risk_set import risk_periods
from pipeline.scoring.log import log_snapshots, model_of, replayed_snapshots
from pipeline.tables.export import read_export
from pipeline.tables.json_files import write_json
from pipeline.tables.parquet import read_table

__all__ = ["SECTIONS", "main", "monitor"]

SECTIONS = ("capacity", "monitor", "paths", "publish", "snapshots")


def replay(bundle: Bundle, model: Model, canonical: Path, snapshots: Path, folder: Path, risk_set: str) -> None:
    """Make a score log of the snapshots after the model's training; an older one in the same folder is replaced.

    Raises
    ------
    DataError
        The snapshots are of another population than the model's.
    """
    own = bundle.metadata.get("risk_set", risk_set)
    if own != risk_set:
        raise DataError(
            f"--replay: the model {model.name!r} learned from the risk set {own!r}, and {snapshots} holds that of "
            f"{risk_set!r} (snapshots.risk_set). Replay it in the workspace that it was trained in."
        )
    export = read_export(canonical)
    table = read_table(snapshots, "snapshots").to_pandas()
    rows = replayed_snapshots(table, bundle.metadata, export.clock)
    shutil.rmtree(folder, ignore_errors=True)
    with console.status(f"scoring {len(rows):,} snapshots"):
        log_snapshots(bundle, canonical, rows, LogSettings(folder), model, "replay", rows["snapshot_at"])


def monitor(
    bundle_dir: Path, log_folder: Path, canonical: Path, out: Path, params: Any, key: str = ""
) -> dict[str, Any]:
    """Judge a model, write the page and its figures as JSON beside it; return the figures.

    Parameters
    ----------
    bundle_dir : Path
        The model whose answers are judged.
    log_folder : Path
        The score log.
    canonical : Path
        Folder of canonical tables.
    out : Path
        The page; the JSON has the same name.
    params : object
        The sections `SECTIONS`.
    key : str
        Of the log's pseudonyms, where it has any.

    Raises
    ------
    DataError, BundleError
        If there is no log, a file in it is damaged, or the model can't be compared with.
    """
    bundle = Bundle.load(bundle_dir)
    model = model_of(bundle_dir, bundle, params.publish.model_name)
    promise = promise_of(bundle_dir, params.paths.metrics_dir, params.paths.data_dir)
    with console.status("comparing with the training"):
        result = judge(bundle, model, log_folder, canonical, promise, params, key)
    if not bundle.of_customers:
        periods = risk_periods(canonical, RiskSet.of(bundle.metadata))
        result["own_influence"] = own_influence(canonical, periods)
    write_json(out.with_suffix(".json"), {**result, "summary": monitor_summary(result)})
    out.write_text(monitor_page(result), encoding="utf-8")
    return result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.monitor", description=__doc__)
    parser.add_argument("--log", type=Path, help=f"folder of the score log (default: {FOLDER}, else data/score_log)")
    parser.add_argument("--in", dest="canonical", type=Path, help="folder of canonical tables (data/canonical)")
    parser.add_argument("--bundle", type=Path, help="the model (default: the champion in data/champion)")
    parser.add_argument(
        "--out", type=Path, help="page to write (reports/monitor.html); its figures go beside it as .json"
    )
    parser.add_argument(
        "--replay",
        action="store_true",
        help="score the snapshots after the training now, as if they had been served, into data/replayed_log, and judge these",
    )
    return parser.parse_args()


def main() -> None:
    """Monitor the champion.

    Raises
    ------
    SystemExit
        With `RECOMMENDED` when retraining is recommended.
    """
    arguments = _arguments()
    params = load_params(SECTIONS)
    data = params.paths.data_dir
    canonical = arguments.canonical or data / "canonical"
    bundle_dir = arguments.bundle or data / "champion"
    log = arguments.log or Path(os.environ.get(FOLDER) or data / "score_log")
    bundle = Bundle.load(bundle_dir)
    model = model_of(bundle_dir, bundle, params.publish.model_name)
    # Another model than this workspace's has files of its own
    suffix = "" if model.name == params.publish.model_name else f"-{quote(model.name, safe='')}"
    if arguments.replay:
        log = arguments.log or data / f"replayed_log{suffix}"
        if arguments.log and log.exists():
            raise DataError(
                f"--replay --log {log}: this folder exists, and a replay begins with an empty one. Name a new one."
            )
        replay(bundle, model, canonical, data / "snapshots.parquet", log, params.snapshots.risk_set)
    out = arguments.out or params.paths.reports_dir / f"monitor{suffix}.html"
    result = monitor(bundle_dir, log, canonical, out, params, os.environ.get(KEY, ""))
    for line in (*summary_lines(result, "en"), *traffic_lines(result["machine_traffic"])):
        console.print(line, markup=False)
    for line in influence_lines(result.get("own_influence")):
        console.print(line, markup=False)
    style = "bold red" if result["verdict"] == RETRAIN else "bold"
    console.print(f"monitor: {verdict_word(result['verdict'], 'en')}; {out}", style=style, markup=False)
    if result["verdict"] == RETRAIN:
        raise SystemExit(RECOMMENDED)


if __name__ == "__main__":
    run_main(main)

"""Command `score`: score with the champion, into CSV or Parquet, what a CRM imports.

Of a folder of canonical tables every open lead, or customer, at the moment of the export; of a file each lead in it.
"""

import argparse
import datetime as dt
import os
from pathlib import Path
from typing import get_args

import pandas as pd

from features.errors import BundleError, DataError
from features.params import Engine
from models.answers.request_fields import parse_moment
from models.answers.risk_set import CUSTOMERS
from models.bundle import NO_CHAMPION, Bundle
from models.monitoring.score_log import FOLDER, LogSettings
from pipeline.console import console, progress, run_main
from pipeline.params import load_params
from pipeline.population.risk_set import leads_at_risk
from pipeline.scoring.files import score_file
from pipeline.scoring.list_file import FORMATS, list_of, remember, write_list
from pipeline.scoring.log import log_snapshots, model_of
from pipeline.scoring.snapshots import score_open_leads

__all__ = ["SECTIONS", "main"]

SECTIONS = ("features", "paths", "publish", "snapshots")
ENDINGS = {None: (".csv", ".parquet"), "xlsx": (".xlsx",), "csv-de": (".csv",)}


def _score_folder(bundle: Bundle, canonical: Path, leads: pd.DataFrame, language: str, engine: Engine) -> pd.DataFrame:
    """Score leads of canonical tables on one machine or on a cluster; the scores are the same."""
    if engine == "spark":
        from pipeline.spark.scoring import score_leads  # an extra

        return score_leads(bundle, canonical, leads, language)
    with progress() as bar:
        task = bar.add_task("open leads", total=len(leads))
        return score_open_leads(bundle, canonical, leads, language, lambda rows: bar.advance(task, rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline.score", description=__doc__)
    parser.add_argument(
        "--in",
        dest="source",
        type=Path,
        help="folder of canonical tables (default: data/canonical), or file of leads as in POST /score: .jsonl, .csv, .parquet",
    )
    parser.add_argument(
        "--snapshot-at", help="moment for the leads of a file that name none, with offset (default: now)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="file to write; .csv or .parquet, with --format .xlsx or .csv"
    )
    parser.add_argument("--format", choices=FORMATS, help="a list for people: Excel, or a CSV for a German Excel")
    parser.add_argument("--bundle", type=Path, help="model to use (default: the champion in data/champion)")
    parser.add_argument("--language", choices=["en", "de"], default="en", help="of the reasons")
    parser.add_argument("--engine", choices=get_args(Engine), help="where to compute (default: features.engine)")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="also write the scores to this score log")
    return parser.parse_args()


def main() -> None:
    """Score the open leads of a folder of canonical tables, or the leads of a file."""
    arguments = _arguments()
    params = load_params(SECTIONS)
    endings = ENDINGS[arguments.format]
    if arguments.out.suffix not in endings:
        raise DataError(f"--out {arguments.out}: unknown ending {arguments.out.suffix!r}; use {' or '.join(endings)}")
    source = arguments.source or params.paths.data_dir / "canonical"
    bundle_dir = arguments.bundle or params.paths.data_dir / "champion"
    if arguments.bundle is None and not bundle_dir.is_dir():
        raise BundleError(
            f"no champion to score with: there is no bundle in {bundle_dir}. {NO_CHAMPION}; or name a bundle's folder by "
            "--bundle."
        )
    bundle = Bundle.load(bundle_dir)
    # Who is open is a matter of the model's own population; older models don't say when it is left
    own = {name: bundle.metadata[name] for name in ("risk_set", "expire_days") if name in bundle.metadata}
    population = params.snapshots.model_copy(update=own)
    who = "customers" if population.risk_set == CUSTOMERS else "open leads"
    settings = LogSettings.from_environment({**os.environ, FOLDER: str(arguments.log or "")})
    if source.is_dir():
        leads = leads_at_risk(source, population)
        engine = arguments.engine or params.features.engine
        scores = _score_folder(bundle, source, leads, arguments.language, engine)
    elif settings is not None:
        raise DataError(f"--log with --in {source}: only a folder of canonical tables can be logged. Leave --log out.")
    elif source.exists():
        at = parse_moment(arguments.snapshot_at or dt.datetime.now(dt.UTC), "--snapshot-at")
        scores, who = score_file(bundle, source, at, arguments.language), "leads"
    else:
        raise DataError(
            f"--in {source}: there is no such folder or file. Name one, or run `make demo` for data/canonical."
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    if arguments.format is not None:
        if not source.is_dir():
            raise DataError(
                f"--format with --in {source}: a list needs a folder of canonical tables. Leave --format out."
            )
        former = remember(scores, params.paths.data_dir / "lists")
        rows = list_of(scores, source, arguments.language, params.publish.lead_link, former)
        write_list(rows, arguments.out, arguments.format)
    elif arguments.out.suffix == ".csv":
        scores.to_csv(arguments.out, index=False)
    else:
        scores.to_parquet(arguments.out, index=False)
    if settings is not None:
        answered = leads.merge(scores[["lead_id", "not_scored", "warnings"]], on="lead_id")
        now = pd.Series([pd.Timestamp(dt.datetime.now(dt.UTC))] * len(answered), dtype="datetime64[us, UTC]")
        model = model_of(bundle_dir, bundle, params.publish.model_name)
        log_snapshots(bundle, source, answered, settings, model, "batch", now)
    tiers = scores["tier"].value_counts().sort_index().to_dict()
    console.print(f"score: {len(scores):,} {who} in {arguments.out}, tiers {tiers or 'none'}")


if __name__ == "__main__":
    run_main(main)

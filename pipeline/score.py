"""Command `score`: score with the champion, into CSV or Parquet, what a CRM imports.

Of a folder of canonical tables every open lead, or customer, at the moment of the export; of a file each lead in it.
"""

import argparse
import datetime as dt
import os
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import pandas as pd

from features.errors import BundleError, DataError
from features.params import Engine
from models.answers.requests.fields import parse_moment
from models.answers.risk_set import CUSTOMERS
from models.answers.slot_price import PRICE_FILE, read_price, write_price
from models.audit_log.settings import say
from models.bundle import NO_CHAMPION, Bundle
from models.data_protection.crm_ids import crm_ids
from models.data_protection.suppression import suppression_list
from models.monitoring.score_log import FOLDER, LogSettings
from models.presentation.catalogues import by_language
from models.presentation.list_file import FORMATS, WORDS, list_words, write_list
from pipeline.console import console, progress, run_main
from pipeline.params import load_params
from pipeline.population.risk_set import leads_at_risk
from pipeline.scoring.files import score_file
from pipeline.scoring.list_file import list_of, remember
from pipeline.scoring.log import log_snapshots, model_of
from pipeline.scoring.queue_price import with_price_of_queue
from pipeline.scoring.snapshots import score_open_leads

__all__ = ["SECTIONS", "main"]

SECTIONS = ("crm", "features", "ingest", "paths", "privacy", "publish", "snapshots")
ENDINGS = {None: (".csv", ".parquet", ".xlsx"), "xlsx": (".xlsx",), "csv-de": (".csv",)}
UNPROMOTED = "unpromoted"


def _score_folder(bundle: Bundle, canonical: Path, leads: pd.DataFrame, language: str, engine: Engine) -> pd.DataFrame:
    """Score leads of canonical tables on one machine or on a cluster; the scores are the same."""
    if engine == "spark":
        from pipeline.spark.scoring import score_leads  # a dependency group

        return score_leads(bundle, canonical, leads, language)
    with progress() as bar:
        task = bar.add_task("scoring", total=len(leads))
        return score_open_leads(bundle, canonical, leads, language, lambda rows: bar.advance(task, rows))


def _model(arguments: argparse.Namespace, data: Path) -> tuple[Path, str | None]:
    """Choose the bundle's folder, and what must stand beside its scores; a champion goes before what the gate refused."""
    if arguments.bundle is not None:
        return arguments.bundle, None
    champion, refused = data / "champion", data / "bundle"
    if champion.is_dir():
        return champion, None
    if not arguments.unpromoted:
        raise BundleError(
            f"no champion to score with: there is no bundle in {champion}. {NO_CHAMPION}; or look at what the model that the "
            "gate refused would say, by --unpromoted; or name a bundle's folder by --bundle."
        )
    if not refused.is_dir():
        raise BundleError(
            f"--unpromoted: no model was trained; there is no bundle in {refused}. Run `dvc repro` first."
        )
    return refused, UNPROMOTED


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
        "--out",
        type=Path,
        required=True,
        action="append",
        help="file to write, may be repeated: .csv or .parquet for programs, .xlsx for people",
    )
    parser.add_argument("--format", choices=FORMATS, help="a list for people: Excel, or a CSV for a German Excel")
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--bundle", type=Path, help="model to use (default: the champion in data/champion)")
    model.add_argument(
        "--unpromoted",
        action="store_true",
        help="without a champion, use the model that the gate refused, and mark every row so",
    )
    parser.add_argument("--language", choices=["en", "de"], help="of the reasons (default: crm.language)")
    parser.add_argument("--engine", choices=get_args(Engine), help="where to compute (default: features.engine)")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help="also write the scores to this score log")
    return parser.parse_args()


def main() -> None:
    """Score the open leads of a folder of canonical tables, or the leads of a file."""
    arguments = _arguments()
    params = load_params(SECTIONS)
    language = arguments.language or params.crm.language
    for out in arguments.out:
        if out.suffix not in ENDINGS[arguments.format]:
            allowed = " or ".join(ENDINGS[arguments.format])
            raise DataError(f"--out {out}: unknown ending {out.suffix!r}; use {allowed}")
    price_file = params.paths.data_dir / PRICE_FILE
    source = arguments.source or params.paths.data_dir / "canonical"
    bundle_dir, note = _model(arguments, params.paths.data_dir)
    bundle = Bundle.load(bundle_dir)
    model = model_of(bundle_dir, bundle, params.publish.model_name)
    # Another model's scores have another price of a slot, and other lists to be compared with
    is_usual = model.name == params.publish.model_name
    # Who is open is a matter of the model's own population; older models don't say when it is left
    own = {name: bundle.metadata[name] for name in ("risk_set", "expire_days") if name in bundle.metadata}
    population = params.snapshots.model_copy(update=own)
    who = "customers" if population.risk_set == CUSTOMERS else "open leads"
    ids = crm_ids(Path.cwd(), params.privacy.ids_of(params.ingest.source))
    settings = LogSettings.from_environment({**os.environ, FOLDER: str(arguments.log or "")})
    if source.is_dir():
        leads = leads_at_risk(source, population)
        out = suppression_list(Path.cwd()).suppressed(leads["lead_id"])
        leads = leads[~leads["lead_id"].isin(out)].reset_index(drop=True)
        engine = arguments.engine or params.features.engine
        scores, price = with_price_of_queue(_score_folder(bundle, source, leads, language, engine), bundle, language)
        if price is not None and note is None and is_usual:
            write_price(price, price_file)
    elif settings is not None:
        raise DataError(f"--log with --in {source}: only a folder of canonical tables can be logged. Leave --log out.")
    elif source.exists():
        at = parse_moment(arguments.snapshot_at or dt.datetime.now(dt.UTC), "--snapshot-at")
        listed = suppression_list(Path.cwd())
        scores, who = (
            score_file(bundle, source, at, language, read_price(price_file) if is_usual else None, listed),
            "leads",
        )
    else:
        raise DataError(
            f"--in {source}: there is no such folder or file. Name one, or run `make demo` for data/canonical."
        )
    lists = [out for out in arguments.out if arguments.format is not None or out.suffix == ".xlsx"]
    if lists and not source.is_dir():
        raise DataError(
            f"--out {lists[0]} with --in {source}: a list for people is of a folder of canonical tables. "
            "Write .csv or .parquet."
        )
    for out in arguments.out:
        out.parent.mkdir(parents=True, exist_ok=True)
    if lists:
        # Figures of a refused model and of a champion are no change of one another.
        former = remember(
            scores, params.paths.data_dir / "lists" / (note or "") / ("" if is_usual else quote(model.name, safe=""))
        )
        orders = source if population.risk_set == CUSTOMERS else None
        rows = list_of(scores, source, language, params.publish.lead_link, former, note, ids, orders)
        for out in lists:
            write_list(rows, out, arguments.format or "xlsx")
    marked = scores.assign(lead_id=scores["lead_id"].map(ids.outward), model=model.name, model_version=model.version)
    marked = marked if note is None else marked.assign(note=list_words(language)[note])
    for out in [out for out in arguments.out if out not in lists]:
        if out.suffix == ".csv":
            marked.to_csv(out, index=False)
        else:
            marked.to_parquet(out, index=False)
    if settings is not None:
        answered = leads.merge(scores[["lead_id", "not_scored", "warnings"]], on="lead_id")
        now = pd.Series([pd.Timestamp(dt.datetime.now(dt.UTC))] * len(answered), dtype="datetime64[us, UTC]")
        log_snapshots(bundle, source, answered, settings, model, "batch", now)
    say(Path.cwd(), "scored", scores["lead_id"].astype(str).tolist(), to="file", unpromoted=note is not None)
    tiers = scores["tier"].value_counts().sort_index().to_dict()
    files = ", ".join(map(str, arguments.out))
    console.print(f"score: {len(scores):,} {who} in {files}, tiers {tiers or 'none'}")
    if note is not None:
        console.print(f"score: {' / '.join(by_language(WORDS[note]).values())}", style="yellow")


if __name__ == "__main__":
    run_main(main)

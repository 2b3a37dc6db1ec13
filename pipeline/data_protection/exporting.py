"""Subcommand `export`: answer a person who asks for access (Art. 15), as JSON and as a letter in English and German."""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from features.errors import DataError, LeadQualificationError, ParameterError
from models.answers.access_explanation import explained
from models.answers.requests import parse_lead
from models.audit_log.settings import audit_log, say
from models.bundle import Bundle
from models.data_protection.crm_ids import CrmIds, crm_ids
from models.data_protection.suppression import suppression_list
from models.monitoring.score_log import FOLDER
from pipeline.console import console
from pipeline.data_protection.access_data import accesses_of, logged_scores, rows_of, verdicts_of
from pipeline.data_protection.access_letter import letter
from pipeline.data_protection.person_ids import find_person
from pipeline.data_protection.registry import PurposeRegistry, read_registry, registry_file
from pipeline.data_protection.replaying import Bundles, ids_in_log
from pipeline.mlflow_runs.registry import Registry
from pipeline.params import load_params
from pipeline.scoring.requests import lead_requests
from pipeline.tables.export import read_export

__all__ = ["HELP", "SECTIONS", "add_arguments", "gathered", "run"]

HELP = "answer a person who asks for access: stored data, scores, reasons, verdicts; JSON and a letter"
SECTIONS = ("ingest", "paths", "privacy", "publish")
MOST_SECONDS = 600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("lead", metavar="LEAD", help="lead_id, as the CRM knows it")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to (default: exports/access-<day>)")
    parser.add_argument("--log", type=Path, metavar="FOLDER", help=f"the score log (default: {FOLDER})")


def run(arguments: argparse.Namespace) -> None:
    """Gather, write both files, and tell the audit log.

    Raises
    ------
    DataError
        Nothing is known of the lead.
    ParameterError
        The source has no purpose registry.
    """
    params = load_params(SECTIONS)
    path = registry_file(params.ingest.source)
    registry = read_registry(path)
    if registry is None:
        raise ParameterError(
            f"{path} does not exist, and the letter says what the data is used for. Write drafts: python -m pipeline.privacy "
            "purposes --draft"
        )
    log = arguments.log or (Path(os.environ[FOLDER]).expanduser() if os.environ.get(FOLDER) else None)
    now = dt.datetime.now(dt.UTC)
    data = gathered(Path.cwd(), arguments.lead, params, log, now)
    folder = arguments.out or Path("exports", f"access-{now:%Y-%m-%dT%H%M%S}")
    write_answer(folder, data, registry)
    ids = crm_ids(Path.cwd(), params.privacy.ids_of(params.ingest.source))
    say(Path.cwd(), "exported", [ids.inward(one) for one in data["lead_ids"]], to="access")
    console.print(f"written: {folder}/access.json and {folder}/letter.html", markup=False)
    console.print("They hold personal data: hand them over to this person alone, and delete them then.")
    drafts = len(registry.drafts())
    if drafts:
        console.print(f"{drafts:,} purposes are drafts; have them confirmed before the letter leaves.", style="yellow")


def write_answer(folder: Path, data: dict[str, Any], registry: PurposeRegistry) -> None:
    """Write both files, readable by their owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = {
        "access.json": json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n",
        "letter.html": letter(data, registry),
    }
    for name, text in texts.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)


def gathered(workspace: Path, lead_id: str, params: Any, log: Path | None, now: dt.datetime) -> dict[str, Any]:
    """Gather all that is known of a lead.

    Parameters
    ----------
    workspace : Path
    lead_id : str
        As the CRM knows it.
    params : object
        Sections `ingest`, `paths` and `publish`.
    log : Path or None
        The score log.
    now : datetime
        With a time zone.

    Returns
    -------
    dict
        Plain values, without the names of employees.

    Raises
    ------
    DataError
        Nothing is known of it.
    """
    data, canonical = workspace / params.paths.data_dir, workspace / params.paths.data_dir / "canonical"
    names = crm_ids(workspace, params.privacy.ids_of(params.ingest.source))
    person = find_person(lead_id, [canonical], ids=names)
    ids = [lead_id, *(one for one in person.leads if one != lead_id)]
    visitors = [one for one in person.ids if one not in (*person.leads, *ids_in_log(list(person.leads)))]
    bundles = Bundles([data / name for name in ("champion", "bundle", "last_champion")], _registry(workspace, params))
    stored = rows_of(canonical, ids, visitors) if canonical.is_dir() else {}
    of_store = _of_store(workspace, ids)
    store_rows = {} if of_store is None else {one: rows for one, rows in of_store["stored"].items() if rows}
    scores = logged_scores(log, ids_in_log(ids), bundles.find)
    if not stored and not store_rows and not scores:
        raise DataError(
            f"export: nothing is known of this lead: no row in {canonical}, in the store, or in the score log. Check its "
            "id; it may have been erased, which its certificate says."
        )
    explanation = None if of_store is None else of_store["score"]
    return {
        "lead_id": lead_id,
        "lead_ids": list(dict.fromkeys(map(names.if_known, ids))),
        "generated_at": now.isoformat(timespec="seconds"),
        "source": params.ingest.source,
        "stored": _named({"canonical": stored, "store": store_rows}, names),
        "scores": scores,
        "verdicts": verdicts_of([stored, *store_rows.values()]),
        "explanation": explanation or _from_tables(workspace, data, ids),
        "webhooks_sent": 0 if of_store is None else of_store["webhooks_sent"],
        "accesses": accesses_of(audit_log(workspace), ids),
    }


def _named(value: Any, names: CrmIds) -> Any:
    """Give plain values with the CRM's ids where they hold pseudonyms."""
    if isinstance(value, str):
        return names.if_known(value)
    if isinstance(value, Mapping):
        return {names.if_known(key): _named(item, names) for key, item in value.items()}
    return [_named(item, names) for item in value] if isinstance(value, Sequence) else value


def _registry(workspace: Path, params: Any) -> Registry | None:
    return Registry.find(workspace, params.publish.model_name)


def _of_store(workspace: Path, ids: Sequence[str]) -> dict[str, Any] | None:
    """Let the serving side say what the store holds; None: there is no store here."""
    if not os.environ.get("LEAD_STORE_URL") and not (workspace / "store.db").exists():
        return None
    command = [sys.executable, "-m", "serving.export_lead", *ids]
    try:
        done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LeadQualificationError(
            f"export: the store did not answer within {MOST_SECONDS} s. Run it again when it is less busy."
        ) from error
    if done.returncode:
        raise LeadQualificationError(f"export: the store could not be read: {done.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _from_tables(workspace: Path, data: Path, ids: Sequence[str]) -> dict[str, Any] | None:
    """Explain a lead by what canonical tables hold, as of their export; None: there is no model, or no such lead."""
    canonical = data / "canonical"
    folder = next((data / name for name in ("champion", "bundle") if (data / name).is_dir()), None)
    if folder is None or not (canonical / "leads.parquet").exists():
        return None
    export = read_export(canonical)
    leads = pq.read_table(canonical / "leads.parquet", columns=["lead_id", "account_id"]).to_pandas()
    leads = leads[leads["lead_id"].isin(list(ids))].head(1)
    if leads.empty or export.ordinal:
        return None
    bundle = Bundle.load(folder)
    at = pd.Series([pd.Timestamp(export.exported_at)] * len(leads), index=leads.index, dtype="datetime64[us, UTC]")
    (request,) = lead_requests(canonical, leads.assign(snapshot_at=at).reset_index(drop=True), bundle.catalog)
    listed = suppression_list(workspace)
    objected = any(listed.cause(one) is not None for one in ids)
    lead = replace(parse_lead(request), objected=objected)
    return {"version": None, "sha256": bundle.sha256, **explained(bundle, lead)}

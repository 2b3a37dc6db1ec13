"""Subcommand `erase`: take a person out of everything here, prove it by a search, and write a certificate.

Interrupted anywhere, it can be run again: the suppression entry comes first, so the person can't come back meanwhile.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from rich.progress import Progress

from features.errors import LeadQualificationError
from models.audit_log.settings import say
from models.data_protection.crm_ids import CrmIds, crm_ids
from models.data_protection.key_ring import KeyRing, keys_file, read_keys
from models.data_protection.names import forget_names, names_folder, read_names
from models.data_protection.suppression import Entry, remember, suppression_list
from pipeline.console import REFUSED, console, progress
from pipeline.data_protection.journal import Journal
from pipeline.data_protection.objecting import obey_list
from pipeline.data_protection.person import Person
from pipeline.data_protection.person_ids import find_person
from pipeline.data_protection.places import Places, places_of
from pipeline.data_protection.traces import PARTIAL, rows_about, take_out
from pipeline.data_protection.traces_in_sqlite import overwrite_data_sets, rows_by_table
from pipeline.data_protection.trained_models import certificates, models_trained_on
from pipeline.mlflow_runs.trainings import trainings
from pipeline.params import load_params

__all__ = ["HELP", "add_arguments", "erase", "run"]

HELP = "erase leads from everything here, prove it, and write a certificate"
SECTIONS = ("ingest", "paths", "privacy", "publish")
REMAINS = {
    "suppression entry": "HMAC of the lead's id under the suppression key, so that a new import does not bring the person back",
    "certificate": "this file, under the log key, to be able to show that the erasure was done",
    "audit log": "pseudonyms under the log key: who erased, and when",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("leads", nargs="+", metavar="LEAD", help="lead_id, as the CRM knows it")
    parser.add_argument(
        "--also", type=Path, action="append", default=[], metavar="DIR", help="a further folder with exports"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say where the person is")


def run(arguments: argparse.Namespace) -> None:
    """Erase them one after another.

    Raises
    ------
    SystemExit
        With `REFUSED` where traces are left.
    """
    workspace, params = Path.cwd(), load_params(SECTIONS)
    left = False
    for lead_id in arguments.leads:
        places = places_of(workspace, arguments.also)
        if arguments.dry_run:
            with progress() as bar:
                person = find_person(lead_id, _canonical(places), ids=_ids(workspace, params))
                _show_found(_search(person, places, bar), workspace)
            continue
        certificate = erase(lead_id, workspace, places, params, dt.datetime.now(dt.UTC))
        left |= bool(certificate["search"]["found"])
        _show(certificate, workspace)
    if left:
        raise SystemExit(REFUSED)


def erase(lead_id: str, workspace: Path, places: Places, params: Any, now: dt.datetime) -> dict[str, Any]:
    """Erase one person; return the certificate, which is written, too.

    Parameters
    ----------
    lead_id : str
        As the CRM knows it.
    workspace : Path
        The working directory.
    places : Places
        Where to look.
    params : object
        The sections `SECTIONS`.
    now : datetime
        With a time zone.

    Raises
    ------
    LeadQualificationError
        There are no keys, or the store can't be reached; run it again then.
    """
    rings, ids = read_keys(keys_file(workspace)), _ids(workspace, params)
    journal = Journal(certificates(workspace), rings["log"], lead_id)
    notes = journal.read()
    if notes is None:
        person = find_person(lead_id, _canonical(places), ids=ids)
        runs = trainings(workspace, params.publish.model_name) if any(path.exists() for path in places.mlflow) else []
        models = models_trained_on(person, workspace / params.paths.data_dir, runs, places.caches)
        notes = {
            "receipt": f"ers_{uuid.uuid4().hex}",
            "erased_at": now.isoformat(),
            "ids": person.ids,
            "leads": person.leads,
            "models": models,
        }
        journal.write(notes)
    person = find_person(lead_id, _canonical(places), notes["leads"], notes["ids"], ids)
    erased_at = dt.datetime.fromisoformat(notes["erased_at"])
    listed = suppression_list(workspace)
    remember(workspace, [Entry(one, "erasure", erased_at) for one in person.leads if listed.cause(one) != "erasure"])
    if (workspace / "params.yaml").exists():
        obey_list(workspace / "params.yaml")
    store = _erase_from_store(workspace, person)
    with progress() as bar:
        changed = _clean_files(person, places, workspace, bar) + _clean_mlflow(person, places, workspace)
        removed = _clean_caches(person, places, bar)
        named = forget_names(workspace, rings["pseudonyms"], person.ids)
        found = _search(person, places, bar)
    found["found"] += _still_named(workspace, rings["pseudonyms"], person)
    certificate = {
        "receipt": notes["receipt"],
        "lead": {"key": rings["log"].newest.id, "hash": rings["log"].newest.mac(lead_id)},
        "erased_at": notes["erased_at"],
        "finished_at": dt.datetime.now(dt.UTC).isoformat(),
        "store": store,
        "files": changed,
        "dvc_cache": removed,
        "mapping_table": named,
        "search": found,
        "models": notes["models"],
        "retrain_by": (erased_at + dt.timedelta(days=params.privacy.retrain_days)).isoformat(),
        "remains": REMAINS,
        "beyond": list(places.beyond),
    }
    path = certificates(workspace) / f"{notes['receipt']}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(certificate, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    if not found["found"]:
        say(workspace, "erased", [ids.inward(lead_id)], receipt=notes["receipt"])
        journal.remove()
    return certificate


def _ids(workspace: Path, params: Any) -> CrmIds:
    return crm_ids(workspace, params.privacy.ids_of(params.ingest.source))


def _still_named(workspace: Path, ring: KeyRing, person: Person) -> list[dict[str, Any]]:
    """Look into the mapping tables, which are encrypted, for the person's pseudonyms and for the CRM's ids."""
    ids = set(person.ids)
    rows = sum(not ids.isdisjoint(pair) for pair in read_names(workspace, ring).items())
    return [{"path": str(names_folder(workspace)), "rows": rows}] if rows else []


def _canonical(places: Places) -> list[Path]:
    return [folder / "canonical" for folder in places.folders]


def _erase_from_store(workspace: Path, person: Person) -> dict[str, Any] | None:
    """Let the serving side erase; None: there is no store here."""
    if not os.environ.get("LEAD_STORE_URL") and not (workspace / "store.db").exists():
        return None
    command = [sys.executable, "-m", "serving.erase_lead", *person.leads]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LeadQualificationError(
            f"erase: the store could not be cleaned: {done.stderr.strip()[-500:]} Run it again then."
        )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    rows: dict[str, int] = {}
    for answer in answers:
        for table, count in answer["rows"].items():
            rows[table] = rows.get(table, 0) + count
    return {"rows": rows, "found": answers[-1]["found"]}


def _clean_files(person: Person, places: Places, workspace: Path, bar: Progress) -> list[dict[str, Any]]:
    changed: list[dict[str, Any]] = []
    files = places.files()
    task = bar.add_task("files", total=len(files))
    for path in files:
        if path.name.endswith(PARTIAL):
            path.unlink(missing_ok=True)
        elif rows := _rows(path, person):
            try:
                done = take_out(path, person)
            except PermissionError:  # the search at the end names it
                continue
            changed.append({"path": _shown(path, workspace), "rows": rows, "taken_out": done})
        bar.advance(task)
    return changed


def _clean_mlflow(person: Person, places: Places, workspace: Path) -> list[dict[str, Any]]:
    """Overwrite what MLflow's store says of data sets; the rest people can delete with its own means."""
    cells = {path: overwrite_data_sets(path, person) for path in places.mlflow if path.exists()}
    return [{"path": _shown(path, workspace), "rows": n, "taken_out": "overwritten"} for path, n in cells.items() if n]


def _rows(path: Path, person: Person) -> int:
    try:
        return rows_about(path, person)
    except FileNotFoundError:  # somebody else removed it meanwhile
        return 0


def _clean_caches(person: Person, places: Places, bar: Progress) -> dict[str, int]:
    """Remove the objects of DVC's caches that hold the person, and what the run cache says of them."""
    objects = places.cached()
    task = bar.add_task("DVC's cache", total=len(objects))
    removed = []
    for path in objects:
        if _rows(path, person):
            removed.append(f"{path.parent.name}{path.name}")
            path.chmod(0o644)
            path.unlink(missing_ok=True)
        bar.advance(task)
    runs = 0
    for cache in places.caches:
        for path in sorted(file for file in (cache / "runs").rglob("*") if file.is_file()):
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(md5 in text for md5 in removed) or person.inside.search(text):
                path.unlink()
                runs += 1
    return {"objects": len(removed), "runs": runs}


def _search(person: Person, places: Places, bar: Progress) -> dict[str, Any]:
    """Look for the person everywhere."""
    files = [*places.files(), *places.cached(), *places.tracked()]
    task = bar.add_task("search", total=len(files))
    found = []
    for path in files:
        rows = _rows(path, person)
        if rows:
            tables = rows_by_table(path, person) if path in places.mlflow else {}
            found.append({"path": str(path), "rows": rows} | ({"tables": tables} if tables else {}))
        bar.advance(task)
    return {"files": len(files), "found": found}


def _shown(path: Path, workspace: Path) -> str:
    return str(path.relative_to(workspace.resolve())) if path.is_relative_to(workspace.resolve()) else str(path)


def _by_hand(item: dict[str, Any]) -> str:
    """Say how to remove what is still there."""
    if "tables" not in item:
        return "Remove it by hand, and run this again."
    where = ", ".join(f"{table} ({rows:,})" for table, rows in item["tables"].items())
    return (
        f"It is MLflow's store, in the tables {where}: somebody noted the person there. Delete the tag, the note or the traces "
        "in `make ui`; a run that names them: delete the run, then `mlflow gc` with this store. Run this again."
    )


def _show_found(search: dict[str, Any], workspace: Path) -> None:
    for item in search["found"]:
        console.print(f"{_shown(Path(item['path']), workspace)}: {item['rows']:,} row(s)", markup=False)
    console.print(f"erase: {len(search['found']):,} of {search['files']:,} files hold the person; nothing was changed.")


def _show(certificate: dict[str, Any], workspace: Path) -> None:
    search, models = certificate["search"], certificate["models"]
    console.print(
        f"erase: receipt {certificate['receipt']}; the certificate is in {certificates(workspace)}", markup=False
    )
    console.print(
        f"erase: {len(certificate['files']):,} files cleaned, {certificate['dvc_cache']['objects']:,} objects of DVC's cache "
        f"removed; {search['files']:,} files searched afterwards"
    )
    for item in search["found"]:
        console.print(
            f"STILL THERE: {item['path']}: {item['rows']:,} row(s). {_by_hand(item)}", style="red", markup=False
        )
    if not search["found"]:
        console.print(
            "erase: no trace is left, but for the suppression entry, the certificate and the audit log.", style="green"
        )
    if models:
        console.print(
            f"erase: {len(models):,} model(s) learned from this person. Train and publish anew by "
            f"{certificate['retrain_by'][:10]} (`dvc repro`, `python -m pipeline.publish`); later `publish` refuses them."
        )
    for words in certificate["beyond"]:
        console.print(f"erase: not reached: {words}", markup=False)

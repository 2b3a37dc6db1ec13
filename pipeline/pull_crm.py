"""Command `pull_crm`: leads, touchpoints and stage changes out of HubSpot or Salesforce, as raw files for `ingest`."""

import argparse
import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from features.errors import ParameterError
from models.data_protection.key_ring import keys_file
from models.data_protection.pseudonyms import id_pseudonyms
from pipeline.console import console, progress, run_main
from pipeline.crm.connect import CRMS, Crm, connect
from pipeline.crm.paging import Pull
from pipeline.crm.raw_files import LAYOUT, write_raw_tables
from pipeline.data_protection.keys import keys_where_none
from pipeline.data_protection.registry import registry_file
from pipeline.data_protection.registry_drafts import add_drafts
from pipeline.params import load_params
from pipeline.tables.json_files import write_json
from pipeline.tables.personal_fields import personal_fields

__all__ = ["main", "pull_crm", "since_moment"]

SECTIONS = ("crm",)
LAST = "last"


def since_moment(text: str | None, state: Path, overlap_minutes: int, accounts_key: str | None = None) -> str | None:
    """Read `--since`: ISO 8601 with an offset, or `last` for the begin of the last finished pull less the overlap.

    `accounts_key` is the id of the key that makes accounts' ids; None: the CRM has ids of its own.

    Raises
    ------
    ParameterError
        If it is neither, or the files are of an earlier version or another key. `last` without an earlier pull means all.
    """
    if text is None:
        return None
    last = json.loads(state.read_text(encoding="utf-8")) if state.exists() else None
    if text == LAST and last is None:
        return None
    if last is not None and last.get("layout") != LAYOUT:
        raise ParameterError(
            f"--since {text}: {state.parent} holds files of an earlier version, which can't be brought up to date. Pull "
            "everything once, without --since."
        )
    if last is not None and last.get("accounts_key") != accounts_key:
        raise ParameterError(
            f"--since {text}: the ids of accounts in {state.parent} are not known to be made by the present key of "
            "`pseudonyms`; a company could get a second one. Pull everything once, without --since."
        )
    if text == LAST and last is not None:
        text = str(last["began_at"])
        return (datetime.fromisoformat(text) - timedelta(minutes=overlap_minutes)).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(
            f"--since {text!r}: not a moment; write '2026-01-31T00:00:00+01:00' or '{LAST}'."
        ) from error
    if moment.tzinfo is None:
        raise ParameterError(f"--since {text!r}: no time zone; add an offset, e.g. '+01:00'.")
    return moment.astimezone(UTC).isoformat()


def pull_crm(crm: Crm, out: Path, began_at: str, since: str | None) -> dict[str, int]:
    """Pull into a folder; returns the rows that each table now has.

    An interrupted pull goes on with its pages, and its own `since`, unless another key names accounts by now;
    nothing in `out` changes before all pages are there.

    Parameters
    ----------
    crm : Crm
        The adapter.
    out : Path
        Folder of the raw files; `ingest.raw_dir`.
    began_at : str
        The present moment, ISO 8601.
    since : str or None
        Only what changed at or after it; None: everything, and rows of earlier pulls go.
    """
    pages = out / "-".join([".pull", crm.name, *([] if crm.accounts_key is None else [crm.accounts_key])])
    for unfinished in set(out.glob(f".pull-{crm.name}*")) - {pages}:  # its pages hold what another key made
        shutil.rmtree(unfinished)
    pull = Pull(pages, began_at, since)
    if pull.resumed:
        console.print(f"pull_crm: going on with the pull that began at {pull.began_at} (since {pull.since or 'ever'})")
    with progress() as bar:
        tasks: dict[str, object] = {}
        counts: Counter[str] = Counter()

        def seen(kind: str, records: int) -> None:
            if kind not in tasks:
                tasks[kind] = bar.add_task(kind, total=None)
            counts[kind] += records
            bar.update(tasks[kind], completed=counts[kind])  # type: ignore[arg-type]

        crm.pull(pull, seen)
    tables = crm.rows(pull)
    crm.notes += pull.notes()
    for note in crm.notes:
        console.print(note, style="yellow", markup=False)
    rows = write_raw_tables(out, tables, crm.attributes, pull.began_at, keep=pull.since is not None)
    state = {"began_at": pull.began_at, "since": pull.since, "rows": rows, "layout": LAYOUT, "notes": crm.notes}
    state["accounts_key"] = crm.accounts_key
    write_json(out / f"{crm.name}.json", state)
    pull.finish()
    return rows


def main() -> None:
    """Pull; see docs/crm-adapters.md."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.pull_crm", description=__doc__)
    parser.add_argument("--crm", choices=CRMS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the raw files, as ingest.raw_dir names it")
    parser.add_argument("--since", help=f"only what changed since then (ISO 8601 with an offset), or '{LAST}'")
    arguments = parser.parse_args()
    params = load_params(SECTIONS).crm
    keys_where_none(keys_file(Path.cwd()), datetime.now(UTC))
    crm = connect(arguments.crm, params, id_pseudonyms(Path.cwd(), "pseudonyms"))
    state = arguments.out / f"{arguments.crm}.json"
    since = since_moment(arguments.since, state, params.overlap_minutes, crm.accounts_key)
    rows = pull_crm(crm, arguments.out, datetime.now(UTC).isoformat(), since)
    console.print(f"pull_crm: {arguments.out} has " + ", ".join(f"{n:,} {table}" for table, n in rows.items()))
    purposes = registry_file(arguments.crm)
    added = add_drafts(purposes, personal_fields(arguments.out))
    if added:
        console.print(
            f"pull_crm: {purposes}: {len(added):,} draft(s) added of what each field is used for; confirm them"
        )


if __name__ == "__main__":
    run_main(main)

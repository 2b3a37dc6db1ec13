"""Command `push_crm`: probability, tier, decision, advice and reasons into fields of HubSpot or Salesforce."""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import pandas as pd
from rich.table import Table

from features.errors import CrmError, DataError
from models.answers.confirmation import HUMAN_CONFIRMATION, confirmation_is_required
from models.audit_log.settings import audit_log, say
from models.data_protection.crm_ids import crm_ids
from models.data_protection.suppression import suppression_list
from pipeline.console import console, progress, run_main
from pipeline.crm.connect import CRMS, Crm, connect
from pipeline.crm.ledger import Ledger
from pipeline.crm.model_fields import model_of_scores, with_fields_of
from pipeline.crm.raw_files import leads_retired
from pipeline.crm.updates import updates
from pipeline.crm.write import Outcome, Update, push, select
from pipeline.params import load_params

__all__ = ["main", "push_crm", "read_scores"]

SECTIONS = ("crm", "ingest", "paths", "privacy", "publish")
SHOWN = 20


def read_scores(path: Path) -> pd.DataFrame:
    """Read a file that `python -m pipeline.score` wrote."""
    if not path.exists():
        raise DataError(f"--scores {path}: no such file. Write it with `python -m pipeline.score --out {path}`.")
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"lead_id": str})


def push_crm(
    crm: Crm,
    wanted: list[Update],
    ledger: Ledger,
    retired: Mapping[str, str | None] = MappingProxyType({}),
    *,
    again: bool = False,
    overwrite_edited: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Write what changed; returns what became of it.

    Parameters
    ----------
    crm : Crm
        The adapter.
    wanted : list of Update
        Of all leads.
    ledger : Ledger
        Of this CRM.
    retired : mapping
        Ids that the last pull found to stand for no record any more, and what each was merged into.
    again : bool
        Also what was acknowledged already.
    overwrite_edited : bool
        Also fields that a person edited.
    dry_run : bool
        Only look at what would be sent.

    Raises
    ------
    CrmError
        If a field is missing, or the CRM is out of reach; what it acknowledged until then is not sent again.
    """
    used = {name for update in wanted for name in update.values}
    missing = [name for name in crm.missing_fields() if name in used]
    if missing:
        raise CrmError(
            f"{crm.name}: no such writable field(s): {', '.join(missing)}. Run this command with --setup first."
        )
    with progress() as bar:
        looking = bar.add_task("fields as they are", total=len(wanted))
        options = {"again": again, "overwrite_edited": overwrite_edited}
        outcome = select(wanted, crm, ledger, retired, **options, seen=lambda n: bar.advance(looking, n))
        if not dry_run:
            sending = bar.add_task("leads", total=len(outcome.todo))
            push(outcome, crm, ledger, lambda n: bar.advance(sending, n))
    return outcome


def _setup(crm: Crm) -> None:
    missing = crm.missing_fields()
    by_hand = crm.create_fields(missing) if missing else []
    if by_hand:
        raise CrmError("an administrator must do this first:\n" + "\n".join(f"  {line}" for line in by_hand))
    console.print(f"push_crm: created {', '.join(missing)}" if missing else "push_crm: all fields are there")


def _show(todo: list[Update]) -> None:
    table = Table("lead_id", *(todo[0].values if todo else ()), title=f"dry run: {len(todo):,} lead(s) would change")
    for update in todo[:SHOWN]:
        table.add_row(update.lead_id, *("" if value is None else str(value) for value in update.values.values()))
    console.print(table)


def _left_alone(outcome: Outcome) -> None:
    """Say which records are left as they are, and why."""
    if outcome.retired:
        merged = sum(into is not None for into in outcome.retired.values())
        console.print(
            f"push_crm: {merged:,} id(s) were merged into others and {len(outcome.retired) - merged:,} deleted: not written. "
            "Pull, ingest and score again, and the surviving ones get their own scores."
        )
    if outcome.edited:
        console.print(
            f"push_crm: {len(outcome.edited):,} lead(s) hold values that were not written from here: left as they are. "
            "--overwrite-edited writes them, too."
        )
        for lead_id in list(outcome.edited)[:SHOWN]:
            console.print(f"  {lead_id}", markup=False)


def _confirmation(name: str | None, *, dry_run: bool) -> Callable[[list[str]], None]:
    """Refuse to push where a person must confirm and nobody does; give what records the confirmation.

    Raises
    ------
    CrmError
        Nobody confirmed, or there is no audit log to record it.
    """
    if not confirmation_is_required() or dry_run:
        return lambda lead_ids: None
    if not name:
        raise CrmError(
            f"{HUMAN_CONFIRMATION} is required, and nobody confirmed this push. Look at it with --dry-run, then run it again "
            "with --confirmed-by NAME."
        )
    log = audit_log(Path.cwd())
    if log is None:
        raise CrmError(
            "a confirmation is recorded in the audit log, and there is none. Make its keys once: python -m pipeline.privacy "
            "keys"
        )
    actor = f"person:{log.key.pseudonym(name)}"
    return lambda lead_ids: log.say("decided", lead_ids, actor, on="push")


def _without_suppressed(wanted: list[Update]) -> list[Update]:
    """Leave out who objected, or was erased, since the scores were made."""
    suppressed = suppression_list(Path.cwd()).suppressed(update.lead_id for update in wanted)
    if suppressed:
        console.print(
            f"push_crm: {len(suppressed):,} lead(s) objected or were erased since they were scored: not written. Score again."
        )
    return [update for update in wanted if update.lead_id not in suppressed]


def main() -> None:
    """Push; see docs/crm-adapters.md."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.push_crm", description=__doc__)
    parser.add_argument("--crm", choices=CRMS, required=True)
    parser.add_argument("--scores", type=Path, help=".parquet or .csv of `python -m pipeline.score`")
    parser.add_argument(
        "--raw", type=Path, help="folder of `pull_crm`, which knows merged ids (default: ingest.raw_dir)"
    )
    parser.add_argument("--setup", action="store_true", help="create the fields (Salesforce: say what to create)")
    parser.add_argument(
        "--model", help="with --setup: whose fields, by its registered name (default: publish.model_name)"
    )
    parser.add_argument(
        "--confirmed-by",
        metavar="NAME",
        help="who looked at what would be sent and confirms it; needed where LEAD_HUMAN_CONFIRMATION is required",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, send nothing")
    parser.add_argument("--again", action="store_true", help="send also what was acknowledged already")
    parser.add_argument("--overwrite-edited", action="store_true", help="write also fields that a person edited")
    arguments = parser.parse_args()
    if not arguments.setup and arguments.scores is None:
        parser.error("one of --scores, --setup is needed")
    params = load_params(SECTIONS)
    usual = params.publish.model_name
    scores = None if arguments.setup else read_scores(arguments.scores)
    model = (arguments.model or usual) if scores is None else model_of_scores(scores, usual)
    crm = connect(arguments.crm, with_fields_of(params.crm, arguments.crm, model, usual))
    if scores is None:
        _setup(crm)
        return
    confirm = _confirmation(arguments.confirmed_by, dry_run=arguments.dry_run)
    ids = crm_ids(Path.cwd(), params.privacy.ids_of(params.ingest.source))
    if "lead_id" in scores:
        scores = scores.assign(lead_id=scores["lead_id"].astype(str).map(ids.outward))
    wanted = _without_suppressed(updates(scores, crm.fields, params.crm.language))
    confirm([ids.inward(update.lead_id) for update in wanted])
    retired = leads_retired(arguments.raw or Path(params.ingest.raw_dir))
    ledger_file = f"{arguments.crm}.sqlite" if model == usual else f"{arguments.crm}-{quote(model, safe='')}.sqlite"
    with Ledger.open(params.paths.data_dir / "crm" / ledger_file, ids) as ledger:
        outcome = push_crm(
            crm,
            wanted,
            ledger,
            retired,
            again=arguments.again,
            overwrite_edited=arguments.overwrite_edited,
            dry_run=arguments.dry_run,
        )
    _left_alone(outcome)
    if arguments.dry_run:
        _show(outcome.todo)
        return
    refused = outcome.refused
    sent = [
        update.lead_id
        for update in outcome.todo
        if update.lead_id not in refused and update.lead_id not in outcome.retired
    ]
    say(Path.cwd(), "sent", [ids.inward(lead_id) for lead_id in sent], to=arguments.crm)
    written = len(sent)
    unchanged = len(wanted) - len({*(update.lead_id for update in outcome.todo), *outcome.retired, *outcome.edited})
    console.print(f"push_crm: {written:,} lead(s) written, {unchanged:,} unchanged, {len(refused):,} refused")
    if refused:
        for lead_id, refusal in list(refused.items())[:SHOWN]:
            console.print(f"  {lead_id}: {refusal.reason}")
        reasons = Counter(refusal.reason for refusal in refused.values())
        words = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
        raise CrmError(f"{arguments.crm} refused {len(refused):,} record(s): {words}. The next run sends them again.")


if __name__ == "__main__":
    run_main(main)

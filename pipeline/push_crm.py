"""Command `push_crm`: probability, tier, decision and reasons into fields of HubSpot or Salesforce."""

import argparse
from collections import Counter
from pathlib import Path

import pandas as pd
from rich.table import Table

from features.errors import CrmError, DataError
from pipeline.console import console, progress, run_main
from pipeline.crm.connect import CRMS, Crm, connect
from pipeline.crm.write import Ledger, Refusal, Update, changed, push, updates
from pipeline.params import load_params

__all__ = ["main", "push_crm", "read_scores"]

SECTIONS = ("crm", "paths")
SHOWN = 20


def read_scores(path: Path) -> pd.DataFrame:
    """Read a file that `python -m pipeline.score` wrote."""
    if not path.exists():
        raise DataError(f"--scores {path}: no such file. Write it with `python -m pipeline.score --out {path}`.")
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"lead_id": str})


def push_crm(crm: Crm, wanted: list[Update], ledger: Ledger, again: bool = False) -> tuple[int, dict[str, Refusal]]:
    """Write what changed; returns how many records were sent, and what the CRM refused of them.

    Parameters
    ----------
    crm : Crm
        The adapter.
    wanted : list of Update
        Of all leads.
    ledger : Ledger
        Of this CRM.
    again : bool
        Also what was acknowledged already: somebody may have changed the fields by hand.

    Raises
    ------
    CrmError
        If a field is missing, or the CRM is out of reach; what it acknowledged until then is not sent again.
    """
    todo = wanted if again else changed(wanted, ledger.read())
    missing = crm.missing_fields()
    if missing:
        raise CrmError(
            f"{crm.name}: no such writable field(s): {', '.join(missing)}. Run this command with --setup first."
        )
    with progress() as bar:
        task = bar.add_task("leads", total=len(todo))
        refused = push(todo, crm.batch_size, crm.send, ledger, crm.pause, lambda n: bar.advance(task, n))
    return len(todo), refused


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


def main() -> None:
    """Push; see docs/crm-adapters.md."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.push_crm", description=__doc__)
    parser.add_argument("--crm", choices=CRMS, required=True)
    parser.add_argument("--scores", type=Path, help=".parquet or .csv of `python -m pipeline.score`")
    parser.add_argument("--setup", action="store_true", help="create the fields (Salesforce: say what to create)")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, send nothing")
    parser.add_argument("--again", action="store_true", help="send also what was acknowledged already")
    arguments = parser.parse_args()
    if not arguments.setup and arguments.scores is None:
        parser.error("one of --scores, --setup is needed")
    params = load_params(SECTIONS)
    if arguments.setup:
        _setup(connect(arguments.crm, params.crm))
        return
    fields = getattr(params.crm, arguments.crm).fields
    wanted = updates(read_scores(arguments.scores), fields)
    with Ledger.open(params.paths.data_dir / "crm" / f"{arguments.crm}.sqlite") as ledger:
        if arguments.dry_run:
            _show(wanted if arguments.again else changed(wanted, ledger.read()))
            return
        sent, refused = push_crm(connect(arguments.crm, params.crm), wanted, ledger, arguments.again)
    console.print(
        f"push_crm: {sent - len(refused):,} lead(s) written, {len(wanted) - sent:,} unchanged, {len(refused):,} refused"
    )
    if refused:
        for lead_id, refusal in list(refused.items())[:SHOWN]:
            console.print(f"  {lead_id}: {refusal.reason}")
        reasons = Counter(refusal.reason for refusal in refused.values())
        words = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
        raise CrmError(f"{arguments.crm} refused {len(refused):,} record(s): {words}. The next run sends them again.")


if __name__ == "__main__":
    run_main(main)

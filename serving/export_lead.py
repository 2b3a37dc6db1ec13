"""Command `export_lead`: what the store of ``LEAD_STORE_URL`` holds of a lead, and how the model scores it; prints JSON.

`python -m pipeline.privacy export` runs it for the letter to a person who asks for access; it says nothing about employees.
"""

import argparse
import datetime as dt
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from features.errors import LeadQualificationError
from features.timeline import to_micros
from models.answers.access_explanation import explained
from models.bundle import Bundle
from serving.http.lead_ids import pseudonyms_in, with_names
from serving.online.id_edge import edge_of
from serving.online.suppressed import Suppressed
from serving.scoring.champion import find_champion
from serving.store.connect import Store, store_url
from serving.store.person_rows import stored_rows, webhooks_sent
from serving.store.reading import read_lead

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print what is stored and how it is scored."""
    parser = argparse.ArgumentParser(prog="python -m serving.export_lead", description=__doc__)
    parser.add_argument("leads", nargs="+", metavar="LEAD", help="ids of one person; the one that remains comes first")
    arguments = parser.parse_args()
    now = to_micros(dt.datetime.now(dt.UTC))
    try:
        store = Store(store_url(ROOT))
        ids = edge_of(store, ROOT)
        leads = arguments.leads if ids is None else [*dict.fromkeys(ids.of("lead", one) for one in arguments.leads)]
        with tempfile.TemporaryDirectory() as place, store.read() as connection:
            answer = {
                "stored": {lead_id: stored_rows(connection, lead_id) for lead_id in leads},
                "webhooks_sent": webhooks_sent(connection, leads),
                "score": _score(store, connection, leads, Path(place), now),
            }
        text = json.dumps(answer, ensure_ascii=False)
        if ids is not None:
            text = with_names(text.encode(), ids.names_of(pseudonyms_in(text.encode()))).decode()
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    print(text)  # noqa: T201 its output


def _score(store: Store, connection: Any, lead_ids: Sequence[str], place: Path, now: int) -> dict[str, Any] | None:
    """Explain the score of the moment; None: nothing is known of the lead, or no model is there."""
    try:
        champion = find_champion(ROOT, place, os.environ)
    except LeadQualificationError:
        return None
    bundle = Bundle.load(champion.folder)
    for lead_id in lead_ids:
        lead = read_lead(connection, lead_id, bundle.catalog, now)
        if lead is not None:
            (lead,) = Suppressed(store, ROOT, lambda: now).mark([lead])
            return {"version": champion.version, "sha256": bundle.sha256, **explained(bundle, lead)}
    return None


if __name__ == "__main__":
    main()

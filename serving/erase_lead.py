"""Command `erase_lead`: erase leads from the store of ``LEAD_STORE_URL``, as ``DELETE /leads/{lead_id}`` does; prints JSON."""

import argparse
import datetime as dt
import json
from pathlib import Path

from features.errors import LeadQualificationError
from features.timeline import to_micros
from serving.http.lead_ids import use_lead_ids
from serving.online.erasing import erase_from_store
from serving.online.id_edge import edge_of
from serving.store.connect import Store, store_url

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Erase them, one after another."""
    parser = argparse.ArgumentParser(prog="python -m serving.erase_lead", description=__doc__)
    parser.add_argument("leads", nargs="+", metavar="LEAD", help="lead_id, as the CRM knows it")
    arguments = parser.parse_args()
    try:
        store = Store(store_url(ROOT))
        ids = edge_of(store, ROOT)
        use_lead_ids(ids)
        for lead_id in (
            arguments.leads if ids is None else dict.fromkeys(ids.of("lead", one) for one in arguments.leads)
        ):
            answer = erase_from_store(store, ROOT, lead_id, to_micros(dt.datetime.now(dt.UTC)))
            print(json.dumps(answer))  # noqa: T201 its output
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

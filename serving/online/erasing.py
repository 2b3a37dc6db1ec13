"""``DELETE /leads/{lead_id}``: erases a person from the store, and remembers by a keyed hash not to take them in again."""

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

from features.errors import LeadQualificationError
from features.timeline import from_micros
from models.data_protection.key_ring import keys_file, read_keys
from models.data_protection.suppression import Entry, append_entries, read_suppression, suppression_file
from serving.contract.errors import RequestError
from serving.http.lead_ids import lead_ids
from serving.store.connect import Store
from serving.store.erasing import all_ids, erase_leads, holds, note_erasure, scrub

__all__ = ["erase", "erase_from_store"]

BEYOND_THE_STORE = (
    "raw files, tables, features, score logs, lists, DVC's cache and MLflow: `python -m pipeline.privacy erase LEAD` where the "
    "pipeline runs"
)


def erase(store: Store, root: Path, lead_id: str, now: int) -> dict[str, Any]:
    """Erase a lead; a lead that is not there, or was erased before, gives the same answer.

    Parameters
    ----------
    store : Store
    root : Path
        The folder that holds the packages.
    lead_id : str
        As the CRM knows it.
    now : int
        UTC microseconds.

    Returns
    -------
    dict
        As `serving.contract.events.Erased`.

    Raises
    ------
    RequestError
        409: there are no keys, so nothing could keep the lead from coming back.
    StoreUnavailableError
        Nothing was erased, or nobody knows; send it again.
    """
    try:
        return erase_from_store(store, root, lead_id, now)
    except LeadQualificationError as error:
        if "no keys" not in str(error):
            raise
        hint = "The operator makes them once: python -m pipeline.privacy keys"
        message = "there are no keys for the suppression list, without which the lead would come back."
        raise RequestError(409, "no_privacy_keys", message, hint=hint) from None


def erase_from_store(store: Store, root: Path, lead_id: str, now: int) -> dict[str, Any]:
    """Erase a lead as `erase` does, for a command as for the route.

    The suppression entry is written first: interrupted anywhere, the lead can't come back, and the same call finishes the rest.
    """
    keys, file = keys_file(root), suppression_file(root)
    ring = read_keys(keys)["suppression"]
    with store.read() as connection:
        ids = [lead_id] if "\0" in lead_id else all_ids(connection, lead_id)
    listed = read_suppression(file, keys)
    moment = from_micros(now)
    edge = lead_ids()
    names = [] if edge is None else [*edge.names_of(ids).values()]  # a CRM sends these again
    append_entries(
        file, ring, [Entry(one, "erasure", moment) for one in [*ids, *names] if listed.cause(one) != "erasure"]
    )
    with store.write() as connection:
        rows = erase_leads(connection, ids)
        receipts = [note_erasure(connection, ring.macs(one), f"ers_{uuid.uuid4().hex}", now) for one in ids]
        receipt, erased_at = receipts[ids.index(lead_id)]
    left = scrub(store)
    with store.read() as connection:
        found = holds(connection, ids)
    return {
        "receipt": receipt,
        "erased_at": _written(from_micros(erased_at)),
        "rows": rows,
        "found": found,
        "left": [BEYOND_THE_STORE, *([left] if left else [])],
    }


def _written(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")

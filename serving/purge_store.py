"""Command `purge_store`: take out of the store of ``LEAD_STORE_URL`` what is past its retention, which standard input says.

`python -m pipeline.privacy purge` calls it with the retention of the purpose registry, as JSON:
``{"touchpoint_kinds": {"mail_*": 365}, "tables": {"orders": 3650}}``.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from features.errors import LeadQualificationError
from features.timeline import to_micros
from serving.store.connect import Store, store_url
from serving.store.erasing import scrub
from serving.store.purging import purge

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent


def _days(given: Mapping[str, Mapping[str, int]], section: str, name: str) -> int | None:
    """Find the days of a name; of patterns that match it, the longest's, as in the registry."""
    entries = given.get(section, {})
    patterns = [name] if name in entries else [pattern for pattern in entries if fnmatchcase(name, pattern)]
    return entries[max(patterns, key=len)] if patterns else None


def main() -> None:
    """Purge it; print what was deleted as JSON."""
    argparse.ArgumentParser(prog="python -m serving.purge_store", description=__doc__).parse_args()
    given = json.load(sys.stdin)
    try:
        store = Store(store_url(ROOT))
        with store.write() as connection:
            now = to_micros(dt.datetime.now(dt.UTC))
            rows = purge(connection, lambda section, name: _days(given, section, name), now)
        # SQLite's log may hold what a withdrawal of consent deleted while it was being read
        left = scrub(store) if rows or store.is_sqlite else None
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    print(json.dumps({"rows": rows, "left": left}))  # noqa: T201 its output


if __name__ == "__main__":
    main()

"""Made-up exports as small as they can be: 60 leads, one new a day, a third won, a third lost."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd

from tests.pipeline.onboarding.companies import write_csv

N = 60
START = dt.datetime(2024, 1, 5, 9, 20, tzinfo=dt.UTC)
WON, LOST = range(0, N, 3), range(1, N, 3)


def at(n: int, days: int = 0) -> dt.datetime:
    return START + dt.timedelta(days=n + days, minutes=7 * n)


def leads_csv(folder: Path, *, name: str = "lead_id", extra: dict[str, Any] | None = None) -> Path:
    """Write 60 leads with their dates in ISO 8601: a third won, a third lost; `extra` are columns made of the number."""
    extra = extra or {}
    rows: list[list[object]] = [[name, "created_at", "mql_at", "sql_at", "rejected_at", *extra]]
    for n in range(N):
        won, lost = (f"{at(n, 9):%FT%TZ}" if n in some else "" for some in (WON, LOST))
        rows.append(
            [f"L{n}", f"{at(n):%FT%TZ}", f"{at(n, 2):%FT%TZ}", won, lost, *(make(n) for make in extra.values())]
        )
    return write_csv(folder / "leads.csv", rows)


def stages(tables: dict[str, pd.DataFrame]) -> dict[str, int]:
    return tables["stage_changes"].groupby("stage")["lead_id"].nunique().to_dict()

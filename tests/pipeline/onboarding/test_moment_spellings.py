"""Moments in the spellings of programs that no list knows, each as the smallest file that has it."""

import datetime as dt
from pathlib import Path

import pytest

from tests.pipeline.onboarding.companies import write_csv
from tests.pipeline.onboarding.small import LOST, WON, N, at, stages


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S +0000",
        "%Y-%m-%d %H:%M:%S +00:00",
        "%Y-%m-%d %H:%M:%S.000 +0000",
        "%Y-%m-%d %H:%M:%S.0000000 +00:00",
        "%Y-%m-%dt%H:%M:%S,0 -0000",
        "%Y-%m-%d %H:%M:%S Utc",
        "%Y-%m-%d %H:%M:%Sgmt",
        "%Y-%m-%d %H.%M+00:00",
        "%Y-%m-%d at %H:%M+00:00",
        "%d.%m.%Y %H:%M:%S.000 +0000",
        "%d.%m.%Y %H:%M:%S,0 +00",
        "%d.%m.%Y %H.%M.%S.000000000 +0000",
        "%Y-%m-%dt%H:%M:%S,000 z",
        "%Y-%m-%d %H:%M:%S UTC",
        "%d.%m.%Y %H:%M:%S +00:00",
        "%d.%m.%Y %I:%M:%S %p GMT",
        "%Y/%m/%d %H:%M:%SZ",
    ],
)
def test_offsets_in_every_spelling_are_read(form: str, look, read, tmp_path: Path) -> None:
    rows: list[list[object]] = [["lead_id", "created", "sql_at"]]
    rows += [[f"L{n}", at(n).strftime(form), at(n, 9).strftime(form) if n in WON else ""] for n in range(N)]
    counts, tables = read(look(write_csv(tmp_path / "leads.csv", rows), zone="Asia/Tokyo"))
    assert not {name: c.quarantined for name, c in counts.items() if c.quarantined}
    assert tables["leads"].set_index("lead_id").loc["L3", "created_at"] == at(3)
    won = tables["stage_changes"].query("stage == 'sales_qualified'").set_index("lead_id")
    assert won.loc["L3", "occurred_at"] == at(3, 9)


def test_moments_counted_and_written_may_be_mixed_in_one_column(look, read, tmp_path: Path) -> None:
    def mixed(moment: dt.datetime, n: int) -> str:
        seconds = int(moment.timestamp())
        return (str(seconds), str(seconds * 1000), f"{moment:%FT%TZ}")[n % 3]

    rows: list[list[object]] = [["lead_id", "created", "sql_at"]]
    rows += [
        [f"L{n}", mixed(at(n), n), "0" if n == 3 else mixed(at(n, 9), n // 3) if n in WON else ""] for n in range(N)
    ]
    counts, tables = read(look(write_csv(tmp_path / "leads.csv", rows)))
    leads = tables["leads"].set_index("lead_id")
    assert [leads.loc[f"L{n}", "created_at"] for n in range(N)] == [at(n) for n in range(N)]
    bad = counts["stage_changes"].quarantined  # a 0 is no moment of 1970
    assert bad == {"unparsable occurred_at": 1, "MQL whose outcome cannot be placed": 1}


def test_dates_without_separators_and_dates_that_are_none(look, read, tmp_path: Path) -> None:
    """As SAP and MySQL write them."""
    rows: list[list[object]] = [["lead_id", "created", "sql_date", "lost_date", "Zip"]]
    for n in range(N):
        won = f"{at(n, 9):%Y%m%d}" if n in WON else "00000000"
        lost = f"{at(n, 9):%F %T}" if n in LOST else "0000-00-00 00:00:00"
        rows.append([f"L{n}", f"{at(n):%Y%m%d%H%M%S}", won, lost, 20010000 + 17 * n])
    counts, tables = read(look(write_csv(tmp_path / "leads.csv", rows)))
    assert not {name: c.quarantined for name, c in counts.items() if c.quarantined}
    assert tables["leads"].set_index("lead_id").loc["L3", "created_at"] == at(3)
    assert stages(tables) == {"mql": N, "sales_qualified": len(WON), "disqualified": len(LOST)}

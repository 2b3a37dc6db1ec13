"""How sheets of workbooks are read."""

from pathlib import Path

import pytest

from pipeline.tables import workbooks
from tests.pipeline.onboarding.companies import write_xlsx


def test_a_workbook_is_looked_through_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = {name: [["lead_id", name], ["L1", "x"]] for name in ("A", "B")}
    book = write_xlsx(tmp_path / "leads.xlsx", sheets)
    parts: list[str] = []
    last_cell = workbooks._last_cell
    monkeypatch.setattr(workbooks, "_last_cell", lambda part: (parts.append(part.name), last_cell(part))[1])
    assert [workbooks.sheet_rows(book, name) for name in sheets] == list(sheets.values())
    assert len(parts) == 2
    write_xlsx(book, {**sheets, "C": [["lead_id"], ["L2"], ["L3"]]})
    assert workbooks.sheet_rows(book, "C") == [["lead_id"], ["L2"], ["L3"]]
    assert len(parts) == 5

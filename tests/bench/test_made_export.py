"""The made-up company's export: the same bytes each time, and every outcome after its MQL."""

from pathlib import Path

import pandas as pd

from bench.models.made_export import write_export

MQL = "Became a Marketing Qualified Lead Date"
ENDS = ("Became a Sales Qualified Lead Date", "Disqualified Date")


def test_the_same_bytes_and_no_outcome_without_an_mql(tmp_path: Path) -> None:
    files, again = write_export(tmp_path / "one", leads=200), write_export(tmp_path / "two", leads=200)
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]
    people, visits = (pd.read_csv(file) for file in files)
    for end in ENDS:
        closed = people[people[end].notna()]
        assert len(closed) > 10
        assert (closed[end] >= closed[MQL]).all()
    assert not people[list(ENDS)].notna().all(axis=1).any()
    assert set(visits["Record ID"]) <= set(people["Record ID"])
    assert people["Lost Reason"].notna().sum() == people["Disqualified Date"].notna().sum()

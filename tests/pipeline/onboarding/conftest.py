"""A company's exports in a folder, and what `init` makes of them."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipeline.onboarding.propose import Proposal, propose
from pipeline.tables.ingested import Counts, ingest

Propose = Callable[..., Proposal]
Read = Callable[[Proposal], tuple[dict[str, Counts], dict[str, pd.DataFrame]]]


@pytest.fixture
def look(tmp_path: Path) -> Propose:
    """Propose a source for files, as `init --yes` does, with answers given."""

    def run(*files: Path, **answers: str) -> Proposal:
        given = {key.replace("__", ":"): value for key, value in answers.items()}
        return propose(files, "acme", tmp_path, given, yes=True)

    return run


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Ingest what was proposed; returns counts and canonical tables."""

    def run(proposal: Proposal) -> tuple[dict[str, Counts], dict[str, pd.DataFrame]]:
        source = tmp_path / "proposed.sql"
        source.write_text(proposal.sql, encoding="utf-8")
        folder = tmp_path / "canonical"
        counts = ingest(source, tmp_path / proposal.raw_dir, folder, tmp_path / "quarantine", 1.0)
        return counts, {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}

    return run

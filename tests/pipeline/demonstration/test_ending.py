"""What the demonstration ends with."""

import re
import sys
import urllib.parse
from pathlib import Path

import pytest

from pipeline.demonstration.ending import ending

LISTS = (Path("data/leads.xlsx"), Path("data/scores.csv"))


@pytest.mark.parametrize(
    ("who", "name"), [("leads", None), ("leads", "simulated_60000"), ("customers", "simulated_upsell")]
)
def test_it_ends_with_files_commands_and_the_address_of_the_leads(
    who: str, name: str | None, tmp_path: Path, monkeypatch
) -> None:
    repository = tmp_path / "a folder, größer"
    workspace = repository if name is None else repository / "runs" / name
    (workspace / "reports").mkdir(parents=True)
    (workspace / "reports" / "report.html").touch()
    monkeypatch.setattr(sys, "executable", str(repository / ".venv" / "bin" / "python"))
    lines = ending(who, repository, workspace, Path("reports/report.html"), LISTS, 61.4)
    addresses = [line.split()[-1] for line in lines if "file://" in line]
    files = [Path(urllib.parse.unquote(address.removeprefix("file://"))) for address in addresses]
    assert files == [workspace / file for file in (Path("reports/report.html"), *LISTS)]
    assert files[0].exists()
    assert not any(" " in address for address in addresses)
    assert lines[-1].startswith(f"Today's {who}, ")
    assert lines[-1].endswith("/app")
    commands = [line.strip() for line in lines[lines.index("Go on with:") + 1 : -1] if not line.startswith("      ")]
    assert commands[0] in lines[-1]
    assert len(commands) == 3
    assert "make ui" in commands
    if name is not None:
        assert commands[0] == f"cd runs/{name} && ../../.venv/bin/python -m serving"


def test_each_make_command_exists(root: Path, tmp_path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for workspace in (tmp_path, tmp_path / "runs" / "olist"):
        lines = ending("leads", tmp_path, workspace, Path("r"), (Path("s"), Path("t")), 1)
        assert set(re.findall(r"^  make ([a-z-]+)", "\n".join(lines), re.MULTILINE)) <= targets

"""Commands beside others: waited for whatever happens, their words shown once; and stages of DVC that may run so."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.demonstration.beside import APART, MODEL, beside

WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('done'); print('said', sys.argv[1]); sys.exit(3)"


def test_what_runs_beside_is_waited_for_and_heard_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with beside(tmp_path, sys.executable, "-c", WRITE, "file") as finish:
        assert (finish(), finish()) == (3, 3)
        assert (tmp_path / "file").read_text() == "done"
    assert capsys.readouterr().out == "said file\n"


def test_it_comes_to_its_end_where_the_others_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), beside(tmp_path, sys.executable, "-c", WRITE, "file"):
        raise ZeroDivisionError
    assert (tmp_path / "file").read_text() == "done"
    assert capsys.readouterr().out.endswith("said file\n")  # after whom it waits for, if that has not ended yet


def test_dvc_runs_two_at_once_and_knows_what_both_made(tmp_path: Path) -> None:
    """Each waits for the other's sign before it ends, so neither can have run alone.

    Without `--single-item` one would ask for the stages before it, too, and DVC refuses what the other one reads.
    """
    waits = (
        "python -c \"import pathlib, time; pathlib.Path('{own}').write_text('1');"
        "[time.sleep(0.05) for _ in range(12_000) if not pathlib.Path('{other}').exists()];"
        "assert pathlib.Path('{other}').exists()\""
    )
    stages = {
        "first": {"cmd": "python -c \"open('first', 'w').write('1')\"", "outs": ["first"]},
        "left": {"cmd": waits.format(own="left", other="right"), "deps": ["first"], "outs": ["left"]},
        "right": {"cmd": waits.format(own="right", other="left"), "deps": ["first"], "outs": ["right"]},
        "last": {"cmd": "python -c \"open('last', 'w').write('1')\"", "deps": ["left", "right"], "outs": ["last"]},
    }
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    dvc = (sys.executable, "-m", "dvc", "--wait-for-lock")
    for command in (("init", "--no-scm", "-q"), ("repro", "first")):
        subprocess.run((*dvc, *command), cwd=tmp_path, check=True, capture_output=True)
    with beside(tmp_path, *dvc, "repro", "--single-item", "left") as finish:
        subprocess.run((*dvc, "repro", "--single-item", "right"), cwd=tmp_path, check=True, capture_output=True)
        assert finish() == 0
    rest = subprocess.run((*dvc, "repro"), cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert [line for line in rest.splitlines() if line.startswith("Running")] == ["Running stage 'last':"]


def test_what_runs_apart_touches_nothing_that_the_stages_beside_it_write(root: Path) -> None:
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]

    def overlap(one: str, other: str) -> bool:
        return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")

    def written(name: str) -> set[str]:
        listed = [entry for kind in ("outs", "metrics", "plots") for entry in stages[name].get(kind, [])]
        return {path for entry in listed for path in (entry if isinstance(entry, dict) else [entry])}

    @functools.cache
    def needed(name: str) -> frozenset[str]:
        """The stages that one depends on, however indirectly."""
        before = {
            other
            for other in stages
            if other != name and any(overlap(dep, path) for dep in stages[name]["deps"] for path in written(other))
        }
        return frozenset(before).union(*(needed(other) for other in before))

    first = needed("features") | {"features"}
    assert set(MODEL) == (needed("report") | {"report"}) - first, "so they need nothing of those apart from them"
    assert not set(APART) & set(MODEL)
    for position, name in enumerate(MODEL):
        assert needed(name) <= first | set(MODEL[:position]), "DVC runs them in the order that it is given"
    for name in APART:
        assert needed(name) <= first, "they need only what is there when they begin"

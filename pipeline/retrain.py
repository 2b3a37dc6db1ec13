"""Command `retrain`, for a schedule: read fresh raw data, ask the monitor, train and publish if it recommends it.

Exit codes: 0 nothing to do, or a new champion; 3 the gate kept the champion; 5 another run is still at work; 1 an error.
"""

import argparse
import contextlib
import datetime as dt
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from features.errors import LeadQualificationError
from pipeline.console import BUSY, RECOMMENDED, REFUSED, console, run_main
from pipeline.params import load_params

__all__ = ["SECTIONS", "main", "retrain"]

SECTIONS = ("paths",)
OUTCOMES = "labels"  # the stage up to which fresh raw data must be read before outcomes can be looked at


class _BusyError(LeadQualificationError):
    """Another run holds the lock."""


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock that the system takes away when the process ends, however it ends.

    Raises
    ------
    _BusyError
        If another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _BusyError(f"{lock}: another retraining is at work; this one stops.") from None
        yield


def _say(text: str) -> None:
    console.print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}Z retrain: {text}", markup=False)


def _run(*module: str, allowed: Sequence[int] = (0,)) -> int:
    _say("runs " + " ".join(module))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    code = subprocess.run([sys.executable, "-m", *module], env=environment, check=False).returncode
    if code not in allowed:
        raise LeadQualificationError(
            f"`python -m {' '.join(module)}` failed with exit code {code}; its own lines are above."
        )
    return code


def retrain(data: Path, log: Path | None, always: bool) -> int:
    """Do one scheduled run in the working directory; return the exit code.

    Parameters
    ----------
    data : Path
        The workspace's data folder.
    log : Path or None
        The score log; None: as the monitor finds it.
    always : bool
        Train whatever the monitor says; also needed for the first model, which has no champion to watch.

    Raises
    ------
    LeadQualificationError
        If a step fails.
    """
    watch = ("pipeline.monitor", *(() if log is None else ("--log", str(log))))
    _run("pipeline.privacy", "object")  # who objected since the last run is left out of this one
    _run("dvc", "repro", OUTCOMES)
    if not always and _run(*watch, allowed=(0, RECOMMENDED)) == 0:
        _say("nothing to do; see reports/monitor.html")
        return 0
    _run("dvc", "repro", "tracking")
    code = _run("pipeline.publish", allowed=(0, REFUSED))
    _say("the gate kept the champion" if code == REFUSED else f"the champion in {data / 'champion'} is up to date")
    return code


def main() -> None:
    """Retrain if it is time to.

    Raises
    ------
    SystemExit
        With `REFUSED` when the gate kept the champion, `BUSY` when another run is at work.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.retrain", description=__doc__)
    parser.add_argument("--log", type=Path, help="folder of the score log (default: as for pipeline.monitor)")
    parser.add_argument("--always", action="store_true", help="train whatever the monitor says")
    arguments = parser.parse_args()
    data = load_params(SECTIONS).paths.data_dir
    try:
        with _alone(data / ".retrain.lock"):
            code = retrain(data, arguments.log, arguments.always)
    except _BusyError as busy:
        _say(str(busy))
        raise SystemExit(BUSY) from busy
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    run_main(main)

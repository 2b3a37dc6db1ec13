"""Commands that run while others do: what nobody waits for yet fills the time in which a processor is idle."""

import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipeline.console import console

__all__ = ["APART", "MODEL", "beside"]

MODEL = ("timing", "baselines", "train", "evaluate", "segments", "report")
"""The stages from the features to the report, in their order."""
APART = ("funnel", "personas")
"""Stages beside them that need nothing of a model, and that only `tracking` waits for."""

LOW = 10
"""Their niceness: the stages that others wait for go first."""


@contextmanager
def beside(workspace: Path, *command: str) -> Iterator[Callable[[], int]]:
    """Run a command at low priority; yields what waits for its end, shows what it said, and gives its exit code.

    What it writes is there to stay, so it is not broken off with the block: its end is waited for, or, where this process is
    ended, it comes to it alone.

    Parameters
    ----------
    workspace : Path
        Where it runs.
    command : str
        Program and arguments.
    """
    with tempfile.TemporaryFile() as said:
        # A session of its own: Ctrl-C in a terminal ends what runs in the foreground, and this comes to its end
        process = subprocess.Popen(
            command,
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        psutil.Process(process.pid).nice(LOW)

        def finish() -> int:
            code = process.wait()
            said.seek(0)
            console.print(said.read().decode(errors="replace"), end="", markup=False, soft_wrap=True)
            said.truncate(0)
            return code

        try:
            yield finish
        finally:
            if process.poll() is None:
                console.print(
                    f"waiting for the end of: {shlex.join(command)}", style="dim", markup=False, soft_wrap=True
                )
            finish()

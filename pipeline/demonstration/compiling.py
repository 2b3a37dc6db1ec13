"""The kernels made ready beside the first stages, which have no use for them and one processor to spare."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["compiling", "make_ready"]


def make_ready() -> None:
    """Compile the kernels of features and reasons, or load what was compiled before."""
    from features.compute import warm_up as warm_up_features  # here: whoever only starts the process needs no numba
    from models.trees.shap import warm_up as warm_up_reasons

    warm_up_features()
    warm_up_reasons()


@contextmanager
def compiling(workspace: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Make the kernels ready in a process of its own meanwhile; a stage that needs them earlier waits for it.

    It says on stderr what it compiles, and what keeps it from that: then the stages compile for themselves.

    Parameters
    ----------
    workspace : Path
        The folder that holds the packages.
    """
    code = f"from {__name__} import make_ready; make_ready()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=workspace, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()  # of no effect on one that has ended; what is half compiled is not kept
        process.wait()

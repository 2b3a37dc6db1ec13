"""Whether a bundle can be served, found out in a process of its own: whatever is wrong with it, this one lives on.

The checks of `models` refuse what is known to harm; this is for what nobody thought of.
"""

import json
import logging
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from features.errors import BundleError

__all__ = ["ModelRefusedError", "ModelUncheckedError", "check_model", "child_environment"]

_log = logging.getLogger("bentoml.lead_qualification.champion")

CODE = Path(__file__).resolve().parents[2]
CHILD = "serving.scoring.model_check_child"
READY_SECONDS = 900.0
"""Until the child has imported and compiled: the machine's doing, not the model's."""
CHECK_SECONDS = 300.0
"""For the check itself, by the clock: far more than its processor time, for a machine that is busy."""
LONGEST_REASON = 500
KEPT_BYTES = 8192

_PASSED = {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME"}
_PASSED_PREFIXES = ("LC_", "NUMBA_", "PYTHON", "OMP_")
# Ends that somebody else brought about: the machine is out of memory, or is being shut down
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class ModelRefusedError(BundleError):
    """The bundle can't be served, and never will be: its bytes are what is wrong.

    Attributes
    ----------
    reason : str
        In at most `LONGEST_REASON` characters.
    """

    def __init__(self, reason: str, message: str | None = None) -> None:
        self.reason = " ".join(reason.split())[:LONGEST_REASON].rstrip(". ")
        super().__init__(message or self.reason)


class ModelUncheckedError(BundleError):
    """The check came to no end; trying again may help."""


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Choose what the child may know of the environment: where programs and caches are, and no secret."""
    passed = {name: value for name, value in environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)}
    path = os.pathsep.join([str(CODE), *filter(None, [environ.get("PYTHONPATH")])])
    return {**passed, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def check_model(folder: Path, ready_seconds: float = READY_SECONDS, check_seconds: float = CHECK_SECONDS) -> None:
    """Let a child process load a bundle and score with it; it costs about what a worker's start costs.

    Parameters
    ----------
    folder : Path
        The bundle.
    ready_seconds, check_seconds : float
        How long the child may take to import and compile, and then to check.

    Raises
    ------
    ModelRefusedError
        The bundle ends its process, takes too much processor time or memory, or can't be read or scored with.
    ModelUncheckedError
        The child could not begin, was ended from outside, or took too long by the clock.
    """
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", CHILD, str(folder.resolve())],
            cwd=CODE,
            env=child_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ModelUncheckedError(f"{folder}: the process that checks it can't be started ({error})") from error
    with child:
        try:
            answers, errors, in_time = _listen(child, ready_seconds, check_seconds)
        finally:
            child.kill()  # whatever it did, it is done
    if any(answer.get("good") is True for answer in answers):
        return
    for answer in answers:
        if "refused" in answer:
            raise ModelRefusedError(str(answer["refused"]))
    step = next((str(answer["step"]) for answer in reversed(answers) if "step" in answer), "starting")
    if not in_time:
        raise ModelUncheckedError(f"{folder}: {step} took too long by the clock; the machine may be busy")
    ended = -child.returncode
    if step == "starting" or ended <= 0 or ended in _FROM_OUTSIDE:
        how = f"by {_signal(ended)}" if ended > 0 else f"with code {child.returncode}"
        raise ModelUncheckedError(f"{folder}: the process that checks it ended {how} while {step}{_words(errors)}")
    if ended == signal.SIGXCPU:
        raise ModelRefusedError(f"{step} takes more processor time than any model needs")
    raise ModelRefusedError(f"{step} ended the process by {_signal(ended)}{_words(errors)}")


def _listen(
    child: subprocess.Popen[bytes], ready_seconds: float, check_seconds: float
) -> tuple[list[dict[str, object]], bytes, bool]:
    """Read what the child says until it ends or time is up; give its answers, the end of its errors, and whether it ended."""
    kept = {child.stdout: b"", child.stderr: b""}
    deadline, is_ready = time.monotonic() + ready_seconds, False
    with selectors.DefaultSelector() as selector:
        for pipe in kept:
            selector.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, KEPT_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                pipe = child.stdout if key.fileobj is child.stdout else child.stderr
                kept[pipe] = (kept[pipe] + chunk)[-KEPT_BYTES:]
                if pipe is child.stderr and not is_ready:
                    _log_compiling(chunk)
                if pipe is child.stdout and not is_ready and b"\n" in kept[pipe]:
                    deadline, is_ready = time.monotonic() + check_seconds, True
        in_time = not selector.get_map()
    if in_time:
        try:
            child.wait(max(deadline - time.monotonic(), 1.0))
        except subprocess.TimeoutExpired:
            in_time = False
    return _answers(kept[child.stdout]), kept[child.stderr], in_time


def _log_compiling(chunk: bytes) -> None:
    """Pass on what the child says of its kernels: the first start takes so long because of them."""
    for line in chunk.decode("utf-8", "replace").splitlines():
        if "the feature engine" in line:
            _log.info("%s", line)


def _answers(output: bytes) -> list[dict[str, object]]:
    """Parse the lines that are whole; one that was cut off by the end of the process says nothing."""
    answers = []
    for line in output.split(b"\n")[:-1]:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            answers.append(value)
    return answers


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"


def _words(errors: bytes) -> str:
    """Give the last line in which LightGBM or C++ says why; nothing else is passed on."""
    lines = [re.sub(r"[^ -~]", "", line) for line in errors.decode("utf-8", "replace").splitlines()]
    reasons = [line.strip() for line in lines if re.match(r"\[LightGBM\] \[Fatal\]|terminate called|\s+what\(\)", line)]
    return f" ({reasons[-1][:200]})" if reasons else ""

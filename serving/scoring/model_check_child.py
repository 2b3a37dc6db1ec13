"""Loads one bundle and scores with it, in a process that may die of it: `python -m serving.scoring.model_check_child <folder>`.

`serving.scoring.model_check` starts it, reads what it says on standard output, one JSON object per line, and holds its
standard input
open: when that ends, so does the process. Limits of processor time and memory count from when all is imported and compiled.
"""

import json
import os
import resource
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

__all__ = ["main"]

LOAD_SECONDS, SCORE_SECONDS = 60, 10
"""Of processor time, to load a bundle and to score with it."""
MORE_BYTES = 2 * 2**30
"""Of memory (address space), beyond what the process has when all is imported."""
ROWS = 64


def main(folder: Path, answers: TextIO) -> None:
    """Check a bundle; say how far it came, and at the end either that it is good or why not.

    Parameters
    ----------
    folder : Path
        The bundle.
    answers : TextIO
        Takes one JSON object per line.
    """

    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from features.compute import warm_up as warm_up_features
    from features.errors import LeadQualificationError
    from models.fitting.classifier import warm_up as warm_up_classifier
    from models.trees.shap import warm_up as warm_up_reasons
    from serving.scoring.scorer import Scorer

    warm_up_features()
    warm_up_classifier()
    warm_up_reasons()
    say(step="loading")
    memory = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory + MORE_BYTES,) * 2)
    _more_seconds(LOAD_SECONDS)
    try:
        scorer = Scorer.load(folder, "checked", "0")
        _more_seconds(LOAD_SECONDS)
        warm_up_features(scorer.bundle.catalog)
        say(step="scoring")
        _more_seconds(SCORE_SECONDS)
        scorer.warm_up()
        _score_odd_rows(scorer)
    except LeadQualificationError as error:
        say(refused=str(error))
    except MemoryError:
        say(refused=f"it takes more than {MORE_BYTES // 2**30} GiB of memory")
    except OSError:  # the machine's doing: a full disk, too many files; the check came to no end
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the bundle caused it, and the parent tells it
        frame = traceback.extract_tb(error.__traceback__)[-1]
        say(refused=f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}")
    else:
        say(good=True)


def _more_seconds(seconds: int) -> None:
    """Allow so much more processor time than was used until now; beyond it the process is ended by SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + seconds, resource.RLIM_INFINITY))


def _score_odd_rows(scorer: Any) -> None:
    """Go other ways through the trees than the example does."""
    import numpy as np

    from models.answers.scoring import probabilities

    random = np.random.default_rng(0)
    matrix = random.normal(size=(ROWS, len(scorer.bundle.catalog))) * 10.0 ** random.integers(-2, 6, size=(ROWS, 1))
    matrix[random.random(matrix.shape) < 0.3] = np.nan
    rows = matrix.astype(np.float32)
    scorer.bundle.classifier.contributions(rows)
    for numbers in probabilities(scorer.bundle, rows):
        if not (np.isfinite(numbers) & (numbers >= 0.0) & (numbers <= 1.0)).all():
            raise ValueError("a probability beyond 0..1")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no answer
    main(Path(sys.argv[1]), channel)

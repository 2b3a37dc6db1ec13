"""Who is measured, how each is started, and what it is sent."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import features
import models
from bench.serving.payload import for_mlflow, for_service
from bench.serving.processes import BIN, ROOT
from models.answers.frames import example_frame, score_frame
from models.bundle import Bundle

__all__ = ["Contender", "contenders", "save_for_mlflow"]


class Contender(NamedTuple):
    """One service: command with PORT for its port, address, environment, and the body it gets for a lead.

    `start` names it where its start is measured, too.
    """

    title: str
    command: list[str]
    path: str
    environment: dict[str, str]
    body: Callable[[dict[str, Any]], str]
    start: str | None = None


def contenders(bundle: Path, model: Path, workers: int) -> dict[str, Contender]:
    """List them; all have the same number of workers, and the same model where they have one."""

    def bento(target: str) -> list[str]:
        return [str(BIN / "bentoml"), "serve", target, "--host", "127.0.0.1", "--port", "PORT"]

    ours = {"LEAD_WORKERS": str(workers), "LEAD_BUNDLE_DIR": str(bundle.resolve()), "LEAD_DRAIN_SECONDS": "0"}
    mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    mlflow += ["-p", "PORT", "-w", str(workers)]
    service = [sys.executable, "-m", "serving", "--port", "PORT"]
    return {
        "empty": Contender("empty BentoML service", bento("bench.serving.empty:Empty"), "/score", ours, without),
        "empty_async": Contender(
            "empty, async method", bento("bench.serving.empty:EmptyAsync"), "/score", ours, without
        ),
        "scores": Contender("no reasons", service, "/score", ours, without, "the service"),
        "reasons": Contender("3 reasons", service, "/score", ours, with_three),
        "mlflow": Contender(
            "mlflow models serve, 3 reasons", mlflow, "/invocations", {}, lambda lead: for_mlflow(lead, 3)
        ),
    }


def without(lead: dict[str, Any]) -> str:
    return for_service(lead, 0)


def with_three(lead: dict[str, Any]) -> str:
    return for_service(lead, 3)


def save_for_mlflow(bundle: Bundle, folder: Path, to: Path) -> Path:
    """Save the bundle as the pipeline logs it: a script, the packages that it imports, the bundle's own files."""
    import mlflow
    from mlflow.models import infer_signature

    example = example_frame(bundle)
    mlflow.pyfunc.save_model(
        str(to),
        python_model=str(ROOT / "pipeline" / "mlflow_runs" / "pyfunc_model.py"),
        artifacts={"bundle": str(folder)},
        code_paths=[str(Path(str(package.__file__)).parent) for package in (features, models)],
        signature=infer_signature(example, score_frame(bundle, example), params={"language": "en", "reasons": 3}),
        pip_requirements=[],
    )
    return to

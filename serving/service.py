"""The BentoML service: HTTP in, the scorer's answer out. The only importer of bentoml in `serving`.

Start it with ``bentoml serve serving.service:LeadQualification``.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

# Both are read when bentoml is imported or first used; by then telemetry must be off.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ.setdefault("DO_NOT_TRACK", "true")

import bentoml
import click
from _bentoml_sdk import Service
from bentoml._internal.container import BentoMLContainer
from bentoml._internal.utils.analytics import usage_stats
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from features.errors import LeadQualificationError
from models.score_log import LogSettings
from serving import access, events, metrics, protocol
from serving.champion import find_champion, followed_registry, last_good, refused_models
from serving.edge import CODE_HEADER, Answer, Edge, Receive, Scope, configure_access_log
from serving.ending import PARENT, Ending, drain_seconds
from serving.following import Follower, Notice, reload_seconds
from serving.openapi import openapi_document
from serving.registry import Champion
from serving.schemas import ScoreAnswer, ScoreRequest
from serving.worker import Incoming, Worker, read_incoming

__all__ = ["LeadQualification"]

# The command line may have asked, and remembered the answer, before this module was imported
usage_stats.do_not_track.cache_clear()

ROOT = Path(__file__).resolve().parent.parent
NOTICE = "LEAD_CHAMPION_NOTICE"  # from the process that resolves the alias to its workers
WORKERS = "LEAD_WORKERS"
THREADS = "LEAD_THREADS"


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise SystemExit(f"{name} is {text!r}; a number from 1 to 256 is expected. Correct or unset it.")
    return int(text)


class ScoreInput(ScoreRequest, bentoml.IODescriptor):  # type: ignore[misc, unused-ignore]
    """Documented as the schema, but read as bytes: the server's own parser takes duplicate keys and NaN."""

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Incoming:
        """Read the body, within the limits."""
        return await read_incoming(request)


class ScoreOutput(ScoreAnswer, bentoml.IODescriptor):  # type: ignore[misc, unused-ignore]
    """The answer, for the server's description of itself."""


ScoreInput.__root_input__ = True  # the method takes what was read as its one argument


def _resolve() -> tuple[Champion, Path]:
    """Find the champion, and write the notice that says so into a folder of this service alone; return both."""
    place = Path(tempfile.mkdtemp(prefix="lead-qualification-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    champion = find_champion(ROOT, place, os.environ)
    notice = place / "champion.json"
    Notice(champion).write(notice)
    return champion, notice


def _asked_host() -> str | None:
    """Say where the command that starts the workers was told to listen; None: it was no command."""
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    return context.params.get("host") or str(BentoMLContainer.http.host.get())


async def _docs(request: Request) -> Response:
    return JSONResponse(openapi_document(LeadQualification.openapi_spec.asdict()))


async def _index(request: Request) -> Response:
    # The server's own page loads a tracker from the network
    return FileResponse(Path(__file__).parent / "pages" / "index.html")


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


async def _ready(request: Request) -> Response:
    # A lost store is told, and no reason to take the service out: /score works without it
    scorer = _process.worker.scorer
    model = {"name": scorer.name, "version": scorer.version}
    return JSONResponse({"status": "ready", "model": model, "store": await events.store_state()})


def _metrics(request: Request) -> Response:
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE_LATEST)


_pages = Starlette(
    routes=[
        Route("/docs.json", _docs),
        Route("/", _index),
        Route("/health", _health),
        Route("/ready", _ready),
        Route("/metrics", _metrics),
        *events.routes,
    ],
    lifespan=events.lifespan,
)


class _Process:
    """The one worker of this process, once it is there."""

    worker: Worker


_process = _Process()


class _LeadQualification:
    """Scores leads from their journeys: how likely is each to become sales-qualified, and why."""

    def __init__(self) -> None:
        configure_access_log(os.environ.get("LEAD_ACCESS_LOG"))
        told = os.environ.get(NOTICE)
        self.worker = Worker(Path(told) if told else _resolve()[1], _positive(THREADS, 2))
        _process.worker = self.worker
        events.connect(ROOT, lambda: self.worker.scorer)

    @bentoml.on_deployment  # type: ignore[untyped-decorator, unused-ignore]
    @staticmethod
    def resolve_champion() -> None:
        """Resolve the alias before the workers start, so that all of them serve the same version, and follow it from then on.

        Raises
        ------
        SystemExit
            There is nothing to serve; the message says how to get it.
        """
        try:
            seconds = reload_seconds(os.environ)
            drain_seconds(os.environ)
            champion, notice = _resolve()
            LogSettings.from_environment(os.environ)
            access.prepare(ROOT, _asked_host(), notice.parent)
            events.prepare(ROOT)
        except LeadQualificationError as error:
            raise SystemExit(f"The service can't start: {error}") from None
        os.environ[NOTICE] = str(notice)
        os.environ[PARENT] = str(os.getpid())
        address = followed_registry(ROOT, os.environ)
        if address is not None:
            known = refused_models(ROOT, os.environ)
            Follower(address, notice.parent, notice, champion, last_good(ROOT, os.environ), known).start(seconds)

    @bentoml.on_shutdown  # type: ignore[untyped-decorator, unused-ignore]
    def close(self) -> None:
        """Write what is not yet written."""
        self.worker.close()

    @bentoml.api(route="/score", input_spec=ScoreInput, output_spec=ScoreOutput)  # type: ignore[untyped-decorator, unused-ignore]
    def score(self, incoming: Incoming, /) -> Response:
        """Score one or many leads. For BentoML's description and its callers in process: over HTTP the edge answers before."""
        answer = self.worker.answer(incoming)
        headers = {} if answer.code is None else {CODE_HEADER.decode("ascii"): answer.code}
        return Response(answer.body, answer.status, headers, media_type="application/json")


async def _score(scope: Scope, receive: Receive) -> Answer:
    return await _process.worker.score(scope, receive)


class _Service(Service):  # type: ignore[misc, type-arg, unused-ignore]
    """A BentoML service with our edge, and our way of ending, around all of its layers."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Build the application of a worker."""
        protocol.install()
        direct = {("POST", "/score"): _score}
        edge = Edge(super().to_asgi(is_main), direct, metrics.observe_request, access.gate(ROOT))
        parent = os.environ.get(PARENT)
        return Ending(edge, drain_seconds(os.environ), None if parent is None else int(parent))


LeadQualification: Any = _Service(
    name="lead_qualification",
    inner=_LeadQualification,
    config={
        "workers": _positive(WORKERS, 2),
        "threads": _positive(THREADS, 2),
        "traffic": {"timeout": 60},
        "metrics": {"enabled": False, "namespace": "unused"},  # its labels hold the paths that callers make up
        "logging": {"access": {"enabled": False}},  # it logs IP addresses; serving.edge writes one without
    },
)
LeadQualification.mount_asgi_app(_pages, path="/")

"""The BentoML service: HTTP in, the scorer's answer out.

With `serving.__main__`, which starts it, the only importer of bentoml in `serving`, and only of its public names.
"""

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import bentoml
from starlette.requests import Request
from starlette.responses import Response

from features.errors import BundleError, LeadQualificationError
from models.answers.confirmation import confirmation_is_required
from models.audit_log.settings import audit_log
from models.audit_log.writer import AuditLogWriter
from models.monitoring.score_log import LogSettings
from serving.access import gate
from serving.access.bind_address import listening_on
from serving.access.user_header import user_header
from serving.app import routes as pages
from serving.app.refusals import error_page
from serving.contract.score import ScoreAnswer, ScoreRequest
from serving.http import logs, timeouts
from serving.http.answers import Answer, Receive, Scope
from serving.http.middleware import CODE_HEADER, Middleware
from serving.http.shutdown import PARENT_PID, GracefulShutdown, drain_seconds
from serving.online import infrastructure, routes
from serving.scoring import metrics
from serving.scoring.champion import find_champion, refused_models, watched_registry
from serving.scoring.registry import Champion
from serving.scoring.registry_watch import ChampionNotice, RegistryWatch, reload_seconds
from serving.scoring.served_models import served_models
from serving.scoring.worker import Incoming, Worker, read_incoming

__all__ = ["LeadQualification"]

ROOT = Path(__file__).resolve().parent.parent
NOTICES = "LEAD_CHAMPION_NOTICES"  # a folder, from the process that resolves the aliases to its workers
WORKERS = "LEAD_WORKERS"
THREADS = "LEAD_THREADS"
ACCESS_LOG_FILE = "LEAD_ACCESS_LOG"

_log = logging.getLogger("bentoml.lead_qualification")


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


def _resolve() -> tuple[dict[str, Champion | None], Path]:
    """Find the champion of each model, and write its notice into a folder of this service alone; return both.

    Raises
    ------
    LeadQualificationError
        No model can be served; one of several that can't be is said in the log.
    """
    place = Path(tempfile.mkdtemp(prefix="lead-qualification-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    champions: dict[str, Champion | None] = {}
    problems: dict[str, str] = {}
    for served in served_models(ROOT, os.environ):
        try:
            champions[served.name] = find_champion(ROOT, place / served.name, os.environ, served=served)
        except BundleError as error:
            champions[served.name] = None
            problems[served.name] = str(error)
        ChampionNotice(champions[served.name]).write(_notice(place, served.name))
    if not any(champions.values()):
        one = len(problems) == 1
        raise BundleError("; ".join(said if one else f"{name}: {said}" for name, said in problems.items()))
    for name, said in problems.items():
        _log.error("The model %s: %s; the other models are served without it.", name, said)
    return champions, place


def _notice(place: Path, model: str) -> Path:
    return place / f"{model}.json"


class _Process:
    """The one worker of this process, once it is there."""

    worker: Worker


_process = _Process()


class _LeadQualification:
    """Scores leads from their journeys: how likely is each to become sales-qualified, and why."""

    def __init__(self) -> None:
        given = os.environ.get(NOTICES)
        place = Path(given) if given else _resolve()[1]
        log = audit_log(ROOT)
        self.audit = None if log is None else AuditLogWriter(log)
        self.worker = Worker(
            {served.name: _notice(place, served.name) for served in served_models(ROOT, os.environ)},
            _positive(THREADS, 2),
            self.audit,
            routes.marked,
            routes.is_erased,
            ROOT,
        )
        _process.worker = self.worker
        routes.connect(ROOT, self.worker.models, self.audit)

    @bentoml.on_deployment  # type: ignore[untyped-decorator, unused-ignore]
    @staticmethod
    def resolve_champion() -> None:
        """Resolve the aliases before the workers start, so that all serve the same versions; then watch the registry.

        Raises
        ------
        SystemExit
            There is nothing to serve; the message says how to get it.
        """
        try:
            logs.configure(os.environ.get(ACCESS_LOG_FILE))
            # bentoml serve has asked by now, and remembers the answer
            if os.environ.get("BENTOML_DO_NOT_TRACK", "").lower() != "true":
                _log.warning("BentoML reports its use to its makers unless BENTOML_DO_NOT_TRACK=True is set before.")
            seconds = reload_seconds(os.environ)
            drain_seconds(os.environ)
            champions, place = _resolve()
            LogSettings.from_environment(os.environ)
            audit_log(ROOT)
            confirmation_is_required()
            gate.prepare(ROOT, place)
            routes.prepare(ROOT)
        except LeadQualificationError as error:
            raise SystemExit(f"The service can't start: {error}") from None
        # Asking the registry imported mlflow, which writes in its own way
        logs.configure(os.environ.get(ACCESS_LOG_FILE))
        os.environ[NOTICES] = str(place)
        os.environ[PARENT_PID] = str(os.getpid())
        refused = refused_models(ROOT, os.environ)
        for served in served_models(ROOT, os.environ):
            address = watched_registry(ROOT, os.environ, served)
            if address is not None:
                fetched, notice = place / served.name, _notice(place, served.name)
                champion, kept = champions[served.name], served.last_good
                RegistryWatch(address, fetched, notice, champion, kept, refused, served.registered).start(seconds)

    @bentoml.on_startup  # type: ignore[untyped-decorator, unused-ignore]
    async def start(self) -> None:
        """Begin what needs the event loop."""
        await routes.start()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator, unused-ignore]
    async def close(self) -> None:
        """Write what is not yet written."""
        await routes.stop()
        self.worker.close()
        if self.audit is not None:
            self.audit.close()
        logs.write_sums()

    @bentoml.api(route="/score", input_spec=ScoreInput, output_spec=ScoreOutput)  # type: ignore[untyped-decorator, unused-ignore]
    def score(self, incoming: Incoming, /) -> Response:
        """Score one or many leads. For BentoML's description, and callers in process: over HTTP the middleware answers."""
        answer = self.worker.answer(incoming)
        headers = {} if answer.code is None else {CODE_HEADER.decode("ascii"): answer.code}
        return Response(answer.body, answer.status, headers, media_type="application/json")


async def _score(scope: Scope, receive: Receive) -> Answer:
    return await _process.worker.score(scope, receive)


def _described() -> dict[str, Any]:
    return dict(LeadQualification.openapi_spec.asdict())


class _Service(bentoml.Service):  # type: ignore[misc, type-arg, unused-ignore]
    """A BentoML service with our middleware and graceful shutdown around all of its own layers."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Build the application of a worker."""
        logs.configure(os.environ.get(ACCESS_LOG_FILE))
        timeouts.install()
        parent = os.environ.get(PARENT_PID)
        shutdown = GracefulShutdown(drain_seconds(os.environ), None if parent is None else int(parent))
        of_infrastructure = infrastructure.handlers(lambda: _process.worker.models, _described)
        guard = gate.make_guard(ROOT)
        of_pages = pages.handlers(guard, user_header(os.environ, listening_on()))
        handlers = {"score": _score, **routes.HANDLERS, **of_infrastructure, **of_pages}
        inside = super().to_asgi(is_main)
        return shutdown.around(
            Middleware(inside, handlers, metrics.observe_request, guard, lambda: shutdown.is_shutting_down, error_page)
        )


_make = bentoml.service(
    name="lead_qualification",
    service_class=_Service,
    workers=_positive(WORKERS, 2),
    threads=_positive(THREADS, 2),
    traffic={"timeout": 60},
    metrics={"enabled": False, "namespace": "unused"},  # its labels hold the paths that callers make up
    logging={"access": {"enabled": False}},  # it logs IP addresses; serving.http.middleware writes one without
)
LeadQualification: Any = _make(_LeadQualification)

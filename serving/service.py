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

from features.errors import LeadQualificationError
from models.answers.confirmation import confirmation_is_required
from models.audit_log.settings import audit_log
from models.audit_log.writer import AuditLogWriter
from models.monitoring.score_log import LogSettings
from serving.access import gate
from serving.access.bind_address import listening_on
from serving.access.user_header import user_header
from serving.app import routes as pages
from serving.contract.score import ScoreAnswer, ScoreRequest
from serving.http import logs, timeouts
from serving.http.answers import Answer, Receive, Scope
from serving.http.middleware import CODE_HEADER, Middleware
from serving.http.shutdown import PARENT_PID, GracefulShutdown, drain_seconds
from serving.online import infrastructure, routes
from serving.scoring import metrics
from serving.scoring.champion import find_champion, last_good_folder, refused_models, watched_registry
from serving.scoring.registry import Champion
from serving.scoring.registry_watch import ChampionNotice, RegistryWatch, reload_seconds
from serving.scoring.worker import Incoming, Worker, read_incoming

__all__ = ["LeadQualification"]

ROOT = Path(__file__).resolve().parent.parent
NOTICE_PATH = "LEAD_CHAMPION_NOTICE"  # from the process that resolves the alias to its workers
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


def _resolve() -> tuple[Champion, Path]:
    """Find the champion, and write its notice into a folder of this service alone; return both."""
    place = Path(tempfile.mkdtemp(prefix="lead-qualification-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    champion = find_champion(ROOT, place, os.environ)
    notice = place / "champion.json"
    ChampionNotice(champion).write(notice)
    return champion, notice


class _Process:
    """The one worker of this process, once it is there."""

    worker: Worker


_process = _Process()


class _LeadQualification:
    """Scores leads from their journeys: how likely is each to become sales-qualified, and why."""

    def __init__(self) -> None:
        notice = os.environ.get(NOTICE_PATH)
        log = audit_log(ROOT)
        self.audit = None if log is None else AuditLogWriter(log)
        self.worker = Worker(
            Path(notice) if notice else _resolve()[1],
            _positive(THREADS, 2),
            self.audit,
            routes.marked,
            routes.is_erased,
            ROOT,
        )
        _process.worker = self.worker
        routes.connect(ROOT, lambda: self.worker.scorer, lambda: self.worker.notice, self.audit)

    @bentoml.on_deployment  # type: ignore[untyped-decorator, unused-ignore]
    @staticmethod
    def resolve_champion() -> None:
        """Resolve the alias before the workers start, so that all serve the same version; then watch the registry.

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
            champion, notice = _resolve()
            LogSettings.from_environment(os.environ)
            audit_log(ROOT)
            confirmation_is_required()
            gate.prepare(ROOT, notice.parent)
            routes.prepare(ROOT)
        except LeadQualificationError as error:
            raise SystemExit(f"The service can't start: {error}") from None
        # Asking the registry imported mlflow, which writes in its own way
        logs.configure(os.environ.get(ACCESS_LOG_FILE))
        os.environ[NOTICE_PATH] = str(notice)
        os.environ[PARENT_PID] = str(os.getpid())
        address = watched_registry(ROOT, os.environ)
        if address is not None:
            refused = refused_models(ROOT, os.environ)
            RegistryWatch(address, notice.parent, notice, champion, last_good_folder(ROOT, os.environ), refused).start(
                seconds
            )

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
        of_infrastructure = infrastructure.handlers(lambda: _process.worker.scorer, _described)
        guard = gate.make_guard(ROOT)
        of_pages = pages.handlers(guard, user_header(os.environ, listening_on()))
        handlers = {"score": _score, **routes.HANDLERS, **of_infrastructure, **of_pages}
        inside = super().to_asgi(is_main)
        return shutdown.around(
            Middleware(inside, handlers, metrics.observe_request, guard, lambda: shutdown.is_shutting_down)
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

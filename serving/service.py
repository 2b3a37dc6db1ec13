"""The BentoML service: HTTP in, the scorer's answer out. The only importer of bentoml in `serving`.

Start it with ``bentoml serve serving.service:LeadQualification``.
"""

import atexit
import datetime as dt
import json
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Both are read when bentoml is imported or first used; by then telemetry must be off.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ.setdefault("DO_NOT_TRACK", "true")

import bentoml
from bentoml._internal.utils.analytics import usage_stats
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from features.errors import LeadQualificationError
from features.timeline import to_micros
from models.score_log import LogSettings, Model
from models.score_log_writer import ScoreLogWriter
from serving import events
from serving.bodies import read_body
from serving.champion import Champion, find_champion
from serving.edge import CODE_HEADER, Edge, configure_access_log
from serving.errors import RequestError, error_body
from serving.openapi import openapi_document
from serving.schemas import ScoreAnswer, ScoreRequest
from serving.scorer import Scorer

__all__ = ["LeadQualification"]

# The command line may have asked, and remembered the answer, before this module was imported
usage_stats.do_not_track.cache_clear()

ROOT = Path(__file__).resolve().parent.parent
CHAMPION = "LEAD_RESOLVED_CHAMPION"  # from the process that resolved the alias to its workers
WORKERS = "LEAD_WORKERS"
THREADS = "LEAD_THREADS"

_log = logging.getLogger("bentoml.lead_qualification")


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise SystemExit(f"{name} is {text!r}; a number from 1 to 256 is expected. Correct or unset it.")
    return int(text)


@dataclass(frozen=True)
class Incoming:
    """What the scorer needs of an HTTP request; an error found while reading comes along."""

    body: bytes
    may_debug: bool
    error: RequestError | None = None


class ScoreInput(ScoreRequest, bentoml.IODescriptor):  # type: ignore[misc, unused-ignore]
    """Documented as the schema, but read as bytes: the server's own parser takes duplicate keys and NaN."""

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Incoming:
        """Read the body, within the limit."""
        try:
            return Incoming(await read_body(request), _is_local(request))
        except RequestError as error:
            return Incoming(b"", _is_local(request), error)


class ScoreOutput(ScoreAnswer, bentoml.IODescriptor):  # type: ignore[misc, unused-ignore]
    """The answer, for the server's description of itself."""


ScoreInput.__root_input__ = True  # the method takes what was read as its one argument


def _is_local(request: Request) -> bool:
    """Tell whether the caller is on this machine, and no proxy stands between."""
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    host = request.client.host if request.client else ""
    return not forwarded and (host in ("::1", "::ffff:127.0.0.1") or host.startswith("127."))


def _find() -> Champion:
    download_to = Path(tempfile.mkdtemp(prefix="lead-qualification-"))
    atexit.register(shutil.rmtree, download_to, ignore_errors=True)
    return find_champion(ROOT, download_to, os.environ)


async def _docs(request: Request) -> Response:
    return JSONResponse(openapi_document(LeadQualification.openapi_spec.asdict()))


async def _index(request: Request) -> Response:
    # The server's own page loads a tracker from the network
    return FileResponse(Path(__file__).parent / "pages" / "index.html")


_pages = Starlette(routes=[Route("/docs.json", _docs), Route("/", _index), *events.routes], lifespan=events.lifespan)


class _LeadQualification:
    """Scores leads from their journeys: how likely is each to become sales-qualified, and why."""

    def __init__(self) -> None:
        configure_access_log(os.environ.get("LEAD_ACCESS_LOG"))
        resolved = os.environ.get(CHAMPION)
        if resolved:
            known = json.loads(resolved)
            champion = Champion(Path(known["folder"]), known["name"], known["version"])
        else:
            champion = _find()
        self.scorer = Scorer.load(champion.folder, champion.name, champion.version)
        self.scorer.warm_up()
        settings = LogSettings.from_environment(os.environ)
        if settings is not None:  # after the warm-up, whose leads nobody asked about
            model = Model(champion.name, champion.version, self.scorer.bundle.catalog.fingerprint)
            self.scorer.log = ScoreLogWriter(settings, model)
        events.connect(ROOT, lambda: self.scorer)
        _log.info("serving %s version %s", champion.name, champion.version)

    @bentoml.on_deployment  # type: ignore[untyped-decorator, unused-ignore]
    @staticmethod
    def resolve_champion() -> None:
        """Resolve the alias once, before the workers start, so that all of them serve the same version.

        Raises
        ------
        SystemExit
            There is nothing to serve; the message says how to get it.
        """
        try:
            champion = _find()
            Scorer.load(champion.folder, champion.name, champion.version)
            LogSettings.from_environment(os.environ)
            events.prepare(ROOT)
        except LeadQualificationError as error:
            raise SystemExit(f"The service can't start: {error}") from None
        os.environ[CHAMPION] = json.dumps({key: str(value) for key, value in asdict(champion).items()})

    @bentoml.on_shutdown  # type: ignore[untyped-decorator, unused-ignore]
    def close_log(self) -> None:
        """Write what the score log still holds."""
        if self.scorer.log is not None:
            self.scorer.log.close()

    @bentoml.api(route="/score", input_spec=ScoreInput, output_spec=ScoreOutput)  # type: ignore[untyped-decorator, unused-ignore]
    def score(self, incoming: Incoming, /) -> Response:
        """Score one or many leads."""
        try:
            if incoming.error is not None:
                raise incoming.error
            answer = self.scorer.answer(incoming.body, to_micros(dt.datetime.now(dt.UTC)), incoming.may_debug)
        except RequestError as error:
            headers = {CODE_HEADER.decode("ascii"): error.code}
            return Response(error_body(error), error.status, headers, media_type="application/json")
        return Response(answer, media_type="application/json")


LeadQualification: Any = bentoml.service(
    _LeadQualification,
    name="lead_qualification",
    workers=_positive(WORKERS, 2),
    threads=_positive(THREADS, 2),
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},  # it logs IP addresses; serving.edge writes one without
)
LeadQualification.add_asgi_middleware(Edge)
LeadQualification.mount_asgi_app(_pages, path="/")

"""Handlers of the pages: who asks, what they may, and which page answers, on threads of their own."""

import datetime as dt
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import anyio
from starlette.requests import Request

from features.timeline import to_micros
from models.analyses import ANALYSES, Analysis
from models.presentation.catalogues import words
from models.presentation.rendering import STATIC
from serving.access.guard import KEY, Guard
from serving.app import verdicts
from serving.app.exports import export_answer
from serving.app.lead_list import list_values
from serving.app.lead_page import lead_values
from serving.app.model_page import model_values
from serving.app.refusals import refused_page
from serving.app.visitors import Visitor, check_token, find_visitor, log_in, log_out
from serving.app.web import STATIC_FOLDER, Visit, page, read_fields, redirect
from serving.app.workspace import ROOT, report_answer
from serving.contract.errors import RequestError
from serving.contract.routes import APP_REPORTS, APP_STATIC, MATCH
from serving.http.actor import ACTOR, LOCAL
from serving.http.answers import Answer, Handler, Receive, Scope
from serving.http.bodies import read_body
from serving.online.routes import Online, online
from serving.scoring.scorer import Scorer
from serving.scoring.served_scorers import Allowed
from serving.store.connect import StoreUnavailableError
from serving.store.rescoring import count_leads

__all__ = ["CRM_LINK", "handlers"]

CRM_LINK = "LEAD_CRM_LINK"
"""Address of a lead in the CRM, with ``{lead_id}`` in it."""

FORM = "application/x-www-form-urlencoded"
_log = logging.getLogger("bentoml.lead_qualification.app")

Work = Callable[["_Call"], Answer]


class _Call:
    """One admitted request: who asks for what, at which moment."""

    def __init__(
        self, visit: Visit, visitor: Visitor | None, fields: Mapping[str, str], parts: Online, now: int
    ) -> None:
        self.visit, self.visitor, self.fields, self.parts, self.now = visit, visitor, fields, parts, now
        self.lead_id: str | None = None
        self.client = ""

    @property
    def model(self) -> str | None:
        """The model asked for: of a form, that of the page it was on; else the first that the visitor's key may ask."""
        asked = self.visit.model or read_fields(self.fields.get("to", "").partition("?")[2]).get("model")
        allowed = self.allowed
        if asked or allowed is None:
            return asked or None
        return next((name for name in self.parts.models.names if name in allowed), None)

    @property
    def scorer(self) -> Scorer:
        return self.parts.models.choose(self.model, self.allowed)

    def page(self, name: str, **values: Any) -> Answer:
        may_decide = self.visitor is not None and self.visitor.may("decide")
        chosen = {"model": self.visit.model} if self.visit.model else {}
        return page(
            self.visit,
            name,
            visitor=self.visitor,
            may_decide=may_decide,
            models=self.models() if self.visitor is not None else [],
            chosen=f"?{urlencode(chosen)}" if chosen else "",
            **{"of_customers": self.visitor is not None and self.scorer.bundle.of_customers, **values},
        )

    @property
    def allowed(self) -> Allowed:
        return None if self.visitor is None or self.visitor.key is None else self.visitor.key.models

    def models(self) -> list[dict[str, Any]]:
        """Give the models that a visitor may choose from, where there are several; those that can't be served are left out."""
        names = [scorer.served_as for scorer in self.parts.models.now()]
        usable = [name for name in names if self.allowed is None or name in self.allowed]
        if len(usable) < 2:
            return []
        now = self.model or usable[0]
        here = {"page": None, "owner": None, "search": None, "done": None, "lang": None}
        return [
            {"name": name, "is_shown": name == now, "address": self.visit.address(model=name, **here)}
            for name in usable
        ]

    def notice(self) -> dict[str, Any] | None:
        with self.parts.store.read() as connection:
            return verdicts.notice(connection, self.visit.query, self.visit.language)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.scorer.bundle.catalog.params.time_zone)

    @property
    def crm_link(self) -> str | None:
        return os.environ.get(CRM_LINK) or None


def handlers(guard: Guard | None, header: str | None) -> dict[str, Handler]:
    """Make them, by the names of `serving.contract.routes.ROUTES`.

    Parameters
    ----------
    guard : Guard or None
        Knows the keys; None: this service needs none.
    header : str or None
        In which a proxy names the user, as `serving.access.user_header.user_header` gives it.
    """

    def handler(work: Work) -> Handler:
        async def handle(scope: Scope, receive: Receive) -> Answer:
            return await _answer(scope, receive, work, guard, header)

        return handle

    def log_in_page(call: _Call) -> Answer:
        return _log_in(call, guard)

    made = {
        "leads": handler(_leads),
        "lead": handler(_lead),
        "export": handler(_export),
        "model": handler(_model),
        "analyses": handler(_analyses),
        **{f"analysis {name}": handler(_analysis_page(analysis)) for name, analysis in ANALYSES.items()},
        "decide": handler(_decide),
        "log in": handler(log_in_page),
        "log out": handler(_log_out),
        **{f"report {file}": handler(_report) for file in APP_REPORTS},
        **{f"static {file}": _static(file) for file in APP_STATIC},
    }
    return {f"app {name}": handle for name, handle in made.items()}


def _static(file: str) -> Handler:
    folder = STATIC if (STATIC / file).exists() else STATIC_FOLDER
    content = (folder / file).read_bytes()
    headers = ((b"cache-control", b"max-age=300"), (b"x-content-type-options", b"nosniff"))

    async def handle(scope: Scope, receive: Receive) -> Answer:
        return Answer(content, headers=headers, media_type=b"text/css; charset=utf-8")

    return handle


async def _answer(scope: Scope, receive: Receive, work: Work, guard: Guard | None, header: str | None) -> Answer:
    visit, needs = Visit(scope), scope[MATCH].route.needs
    fields: Mapping[str, str] = {}
    try:
        if scope["method"] == "POST":
            async with read_body(Request(scope, receive), FORM) as body:
                fields = read_fields(body.decode("utf-8", "replace"))
        return await _in_thread(lambda: _worked(scope, visit, fields, needs, work, guard, header))
    except RequestError as error:
        return refused_page(visit, error)
    except StoreUnavailableError as error:
        _log.warning("%s", error)
        return refused_page(visit, RequestError(503, "store_unavailable", str(error)))


def _worked(
    scope: Scope,
    visit: Visit,
    fields: Mapping[str, str],
    needs: str,
    work: Work,
    guard: Guard | None,
    header: str | None,
) -> Answer:
    now, parts = to_micros(dt.datetime.now(dt.UTC)), online()
    visitor = find_visitor(visit, parts.store, guard, header, now)
    if scope["method"] == "POST":
        check_token(visit, fields.get("token", ""))
    if needs != "open":
        if visitor is None:
            # A form that was sent can't be sent again after the log-in; its page can be opened again
            to = visit.address() if scope["method"] != "POST" else fields.get("to", "/app")
            return redirect(visit, "/app/log_in?" + urlencode({"to": to}))
        if visitor.key is not None and guard is not None:
            scope[KEY] = visitor.key
            if guard.count(visitor.key) > 0.0:
                raise RequestError(429, "too_many_requests", "this key has used up what it may do in a minute.")
        if not visitor.may(needs):
            raise RequestError(403, "missing_scope", f"the key needs the scope {needs}.")
    if visitor is not None:
        key, name = visitor.key, visitor.name
        ACTOR.set(f"key:{key.id}" if key is not None else f"person:{name}" if name else LOCAL)
    call = _Call(visit, visitor, fields, parts, now)
    call.lead_id = scope[MATCH].lead_id
    call.client = str((scope.get("client") or ("",))[0])
    return work(call)


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    limiter = online().pages
    if limiter.statistics().tasks_waiting >= 256:
        raise RequestError(503, "too_busy", "too many pages are asked for at once.")
    return await anyio.to_thread.run_sync(work, limiter=limiter)


def _leads(call: _Call) -> Answer:
    scorer = call.scorer
    values = list_values(call.visit, call.parts.store, scorer, call.crm_link, call.now)
    call.parts.say("viewed", [row["lead_id"] for row in values["rows"]], call.now, page="leads")
    with call.parts.store.read() as connection:
        waiting = count_leads(connection, call.now)["waiting"]
    notice = call.notice()
    return call.page("leads.html", area="leads", notice=notice, waiting=waiting, **values)


def _lead(call: _Call, error: RequestError | None = None, given: Mapping[str, str] | None = None) -> Answer:
    lead_id = call.lead_id or ""
    values = lead_values(
        call.parts.store,
        call.scorer,
        lead_id,
        call.visit.language,
        call.zone,
        call.crm_link,
        call.now,
        call.visit.model,
    )
    call.parts.say("viewed", [lead_id], call.now, page="lead")
    notice = call.notice()
    form = verdicts.form_values(given or {}, error, call.visit.language)
    status = 200 if error is None else error.status
    code = None if error is None else error.code
    return call.page("lead.html", area="lead", status=status, code=code, notice=notice, form=form, **values)


def _export(call: _Call) -> Answer:
    answer, lead_ids = export_answer(call.visit, call.parts.store, call.scorer, call.crm_link)
    call.parts.say("exported", lead_ids, call.now, to="file")
    return answer


def _model(call: _Call) -> Answer:
    parts = call.parts
    scorer = call.scorer
    notice = parts.models.notice(scorer.served_as)
    is_first = scorer.served_as == parts.models.names[0]
    values = model_values(
        scorer, notice, parts.store, call.visit.language, call.zone, call.now, is_of_workspace=is_first
    )
    return call.page("model.html", area="model", **values)


def _report(call: _Call) -> Answer:
    answer = report_answer(ROOT, call.visit.path.rpartition("/")[2])
    if answer is None:
        raise RequestError(404, "no_report", "this report was not written.")
    return answer


def _analyses(call: _Call) -> Answer:
    contents = call.scorer.analyses
    listed = [(analysis, contents[name]) for name, analysis in ANALYSES.items() if name in contents]
    return call.page("analyses.html", area="analyses", listed=listed)


def _analysis_page(analysis: Analysis) -> Work:
    def work(call: _Call) -> Answer:
        scorer = call.scorer
        content = scorer.analyses.get(analysis.name)
        if content is None:
            raise RequestError(404, "no_analysis", f"{analysis.name} was not published with this model.")
        body = analysis.body(content, call.visit.language)
        return call.page("analysis.html", area="analyses", analysis=analysis, content=content, body=body)

    return work


def _decide(call: _Call) -> Answer:
    name = "" if call.visitor is None else call.visitor.name
    try:
        done = verdicts.decide(call.parts, call.fields, name, call.now, call.scorer.served_as)
    except RequestError as error:
        if error.status >= 500 or not call.fields.get("lead_id"):
            raise
        call.lead_id = call.fields["lead_id"]
        call.visit.path = f"/app/leads/{call.lead_id}"
        return _lead(call, error, call.fields)
    call.parts.say("decided", [done.lead_id], call.now, outcome=done.what, on="page")
    return redirect(call.visit, verdicts.address_after(call.fields.get("to", "/app"), done))


def _log_in(call: _Call, guard: Guard | None) -> Answer:
    to = call.fields.get("to") or call.visit.query.get("to") or "/app"
    if guard is None or (call.visitor is not None and not call.fields):
        return redirect(call.visit, "/app")
    if not call.fields:
        return call.page("log_in.html", area="log in", error=None, to=to)
    say = words(call.visit.language)
    try:
        log_in(call.visit, call.parts.store, guard, call.fields.get("key", ""), call.client, call.now)
    except RequestError as error:
        texts = {
            429: say.gettext("There were too many attempts. Wait a minute, and try again."),
            403: say.gettext("This key may not look at these pages. Ask for one with the scope “view”."),
        }
        text = texts.get(error.status) or say.gettext("This key is not valid. Check that it was copied as a whole.")
        return call.page("log_in.html", area="log in", status=error.status, code=error.code, error=text, to=to)
    return redirect(call.visit, to)


def _log_out(call: _Call) -> Answer:
    log_out(call.visit, call.parts.store)
    return redirect(call.visit, "/app/log_in", ends=True)

"""The one table of routes: what is answered where, to whom, and by what.

The outermost middleware matches each path against it once; scopes, limits, names in logs and metrics, and the handler all come
from that match. Nothing else reads a path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from models.analyses import ANALYSES
from serving.contract.event_kinds import EVENT_KINDS

__all__ = [
    "APP_REPORTS",
    "APP_STATIC",
    "LEAD",
    "LEAD_SCORE",
    "MATCH",
    "OTHER",
    "ROUTES",
    "Match",
    "Need",
    "Route",
    "is_clean",
    "match",
]

LEAD_SCORE = "/leads/{lead_id}/score"
LEAD = "/leads/{lead_id}"

Need = Literal["score", "write", "view", "decide", "admin", "any", "open"]
"""What a caller needs: a key with that scope, a key of any scope, or none."""

MATCH = "lead_qualification.match"
"""Where a request's ASGI scope holds its `Match`, or None."""

OTHER = "other"
"""How logs and metrics name what matches no route: a path can carry a name."""

APP_STATIC = ("page.css", "app.css")
"""What the pages load; nothing comes from elsewhere."""

APP_REPORTS = ("report.html", "model_card.html", "audit.html", "figures.html", "monitor.html")
"""Reports of the workspace that the service shows, where they are there."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_ID = "{lead_id}"


def is_clean(path: str) -> bool:
    r"""Tell whether a path is free of control characters (C0, DEL, C1), which no route and no log should have to think about.

    Examples
    --------
    >>> [is_clean(path) for path in ("/score", "/score\n", "/score\x00", "/score\x85", "/sc\u00f6re")]
    [True, False, False, False, True]
    """
    return _CONTROL.search(path) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. Whoever adds one must say what its callers need: there is no default.

    Attributes
    ----------
    name : str
        Of its handler.
    template : str
        The path as it arrives, percent-decoded; ``{lead_id}`` stands for at least one character, slashes among them.
    methods : tuple of str
        What it answers to; others get 405.
    needs : str
        See `Need`.
    counts_leads : bool
        Each lead that it answers with counts against the key's limit.
    is_upstream : bool
        BentoML's own application answers it, not a handler.
    is_readiness : bool
        While the service shuts down it answers 503.
    is_quiet : bool
        Asked all the time by machines: what goes well is not logged.
    is_page : bool
        A page for people: its caller is whoever is logged in there (`serving.app.visitors`), not the key of a header.
    """

    name: str
    template: str
    methods: tuple[str, ...]
    needs: Need
    counts_leads: bool = False
    is_upstream: bool = False
    is_readiness: bool = False
    is_quiet: bool = False
    is_page: bool = False

    def __post_init__(self) -> None:
        """Refuse an incomplete route.

        Raises
        ------
        ValueError
            The route is incomplete, or contradicts itself.
        """
        if self.needs not in get_args(Need):
            raise ValueError(f"route {self.name} needs {self.needs!r}; allowed are {', '.join(get_args(Need))}.")
        if not self.template.startswith("/") or not is_clean(self.template) or self.template.count("{") > 1:
            raise ValueError(f"route {self.name}: {self.template!r} is no path with at most one {_ID}.")
        if self.is_upstream and "{" in self.template:
            raise ValueError(f"route {self.name}: what goes upstream is literal, not {self.template!r}.")
        if not self.methods or not all(method.isascii() and method.isupper() for method in self.methods):
            raise ValueError(f"route {self.name}: {self.methods!r} are no methods.")


class Match(NamedTuple):
    """The route of a request, and what its path held for ``{lead_id}``."""

    route: Route
    lead_id: str | None = None


_READ = ("GET", "HEAD")


def _upstream(name: str, template: str, **more: Any) -> Route:
    return Route(name=name, template=template, methods=_READ, needs="open", is_upstream=True, is_quiet=True, **more)


def _page(name: str, template: str, needs: Need, *methods: str) -> Route:
    return Route(name=f"app {name}", template=template, methods=methods or _READ, needs=needs, is_page=True)


ROUTES = (
    Route(name="score", template="/score", methods=("POST",), needs="score", counts_leads=True),
    Route(name="lead_score", template=LEAD_SCORE, methods=_READ, needs="score", counts_leads=True),
    *(Route(name=kind.name, template=kind.template, methods=("POST",), needs="write") for kind in EVENT_KINDS.values()),
    # After the other routes of a lead: it takes all paths below /leads/
    Route(name="erase", template=LEAD, methods=("DELETE",), needs="admin"),
    Route(name="metrics", template="/metrics", methods=_READ, needs="any", is_quiet=True),
    Route(name="index", template="/", methods=_READ, needs="open"),
    _page("leads", "/app", "view"),
    _page("lead", "/app/leads/{lead_id}", "view"),
    _page("export", "/app/export", "view"),
    _page("model", "/app/model", "view"),
    _page("analyses", "/app/analyses", "view"),
    *(_page(f"analysis {name}", f"/app/analyses/{name}", "view") for name in ANALYSES),
    _page("decide", "/app/decide", "decide", "POST"),
    _page("log in", "/app/log_in", "open", *_READ, "POST"),
    _page("log out", "/app/log_out", "open", "POST"),
    *(_page(f"report {file}", f"/app/reports/{file}", "view") for file in APP_REPORTS),
    *(_page(f"static {file}", f"/app/static/{file}", "open") for file in APP_STATIC),
    Route(name="docs", template="/docs.json", methods=_READ, needs="open"),
    Route(name="health", template="/health", methods=_READ, needs="open", is_quiet=True),
    Route(name="ready", template="/ready", methods=_READ, needs="open", is_quiet=True, is_readiness=True),
    _upstream("livez", "/livez"),
    _upstream("healthz", "/healthz"),
    _upstream("readyz", "/readyz", is_readiness=True),
    _upstream("schema", "/schema.json"),
    *(
        _upstream(f"static {file}", f"/static_content/{file}")
        for file in (
            "favicon-light-32x32.png",
            "swagger-initializer.js",
            "swagger-ui-bundle.js",
            "swagger-ui-standalone-preset.js",
            "swagger-ui.css",
        )
    ),
)

_LITERAL: Mapping[str, Match] = {route.template: Match(route) for route in ROUTES if _ID not in route.template}
_WITH_ID: list[tuple[str, str, Route]] = []
for _route in ROUTES:
    if _ID in _route.template:
        _begin, _, _end = _route.template.partition(_ID)
        _WITH_ID.append((_begin, _end, _route))


def match(path: str) -> Match | None:
    r"""Find the route of a path, compared as a whole; None: no route names it.

    Parameters
    ----------
    path : str
        Percent-decoded, as ASGI has it.

    Examples
    --------
    >>> match("/score").route.needs, match("/leads/L/1/score").lead_id
    ('score', 'L/1')
    >>> [match(path) for path in ("/score/", "/score\n", "//score", "/Score", "/leads/", "/leads\n")]
    [None, None, None, None, None, None]
    >>> match("/leads/L-1").route.name, match("/leads//score").route.name
    ('erase', 'erase')
    """
    literal = _LITERAL.get(path)
    if literal is not None or not is_clean(path):
        return literal
    for begin, end, route in _WITH_ID:
        if len(path) > len(begin) + len(end) and path.startswith(begin) and path.endswith(end):
            return Match(route, path[len(begin) : len(path) - len(end)])
    return None

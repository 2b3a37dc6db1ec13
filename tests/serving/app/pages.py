"""A browser's requests without a browser: cookies, forms, redirects; and a store with leads of odd names."""

import datetime as dt
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
ODD = ("L-1", "<script>alert(1)</script>", "😀 עברית\u202e123", "a/b?c=d&e#f", "Ünïcödé " + "x" * 60)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


@dataclass
class Browser:
    """Keeps cookies, and follows no redirect."""

    address: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), _NoRedirect)

    def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        """Send a request; return status, headers by lower-case name, and the page."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data, {**self.headers, **names})
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, {n.lower(): v for n, v in answer.headers.items()}, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, {n.lower(): v for n, v in error.headers.items()}, error.read().decode()

    def token(self, path: str) -> str:
        """Read the token of the forms on a page."""
        return TOKEN.findall(self.ask(path)[2])[0]

    def log_in(self, key: str) -> tuple[int, dict[str, str], str]:
        """Log in with a key."""
        return self.ask("/app/log_in", {"token": self.token("/app/log_in"), "key": key, "to": "/app"})

    @property
    def session(self) -> str | None:
        """What the session's cookie holds."""
        return next((cookie.value for cookie in self.jar if cookie.name == "lead_session"), None)


def open_lead_events(names: tuple[str, ...] = ODD) -> dict[str, list[dict[str, Any]]]:
    """Make open leads of one account that were handed over lately and have looked at prices."""
    now = dt.datetime.now(dt.UTC)

    def ago(**parts: float) -> str:
        return (now - dt.timedelta(**parts)).isoformat()

    leads, touchpoints, changes = [], [], []
    for position, name in enumerate(names):
        made = {"created_at": ago(days=60), "occurred_at": ago(days=60), "recorded_at": ago(days=60)}
        account = {
            "account_id": f"A-{position // 2} & <b>co</b>",
            "attributes": {"industry": "energy", "employees": 90},
        }
        leads.append({"lead_id": name, **made, "attributes": {"role": "head of it"}, "account": account})
        for days in range(1, 30, 3):
            at = ago(days=days, hours=position)
            touchpoints.append(
                {
                    "lead_id": name,
                    "occurred_at": at,
                    "recorded_at": at,
                    "kind": "page_view",
                    "channel": "web",
                    "asset": "pricing/<i>eu</i>",
                }
            )
        changes.append(
            {
                "lead_id": name,
                "stage": "mql",
                "occurred_at": ago(days=5),
                "recorded_at": ago(days=5),
                "owner": "Zoë <b>",
            }
        )
    return {"leads": leads, "touchpoints": touchpoints, "stage_changes": changes}

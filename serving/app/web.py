"""What the requests and answers of all pages have in common: query, cookies, language, strict headers."""

import hashlib
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from models.presentation.catalogues import LANGUAGES, choose_language
from models.presentation.rendering import render
from serving.access.bind_address import is_loopback
from serving.http.answers import Answer, Scope

__all__ = [
    "COOKIE",
    "HOURS",
    "STATIC_FOLDER",
    "Visit",
    "lead_address",
    "new_session_id",
    "page",
    "read_fields",
    "redirect",
]

TEMPLATES = Path(__file__).parent / "templates"
STATIC_FOLDER = Path(__file__).parent / "static"
COOKIE, LANGUAGE_COOKIE = "lead_session", "lead_language"
HOURS = 12
"""After so many a person logs in again."""

MOST_FIELDS = 50
_YEAR = 365 * 24 * 3600
_SECURITY = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def new_session_id() -> str:
    """Draw what a cookie holds: 256 random bits."""
    return secrets.token_urlsafe(32)


def lead_address(lead_id: str, model: str | None = None) -> str:
    """Give the address of a lead's page, whatever its id holds; of a model, where one was chosen.

    Examples
    --------
    >>> lead_address("L/1 ü?"), lead_address("L-1", "upsell")
    ('/app/leads/L%2F1%20%C3%BC%3F', '/app/leads/L-1?model=upsell')
    """
    address = f"/app/leads/{quote(lead_id, safe='', errors='replace')}"
    return address if model is None else f"{address}?model={quote(model, safe='')}"


class Visit:
    """One request for a page.

    Parameters
    ----------
    scope : mapping
        Of ASGI.

    Attributes
    ----------
    query : dict of str to str
        The first of each name; at most `MOST_FIELDS`.
    session_id : str
        What the cookie holds, or a new id where there is none.
    language : str
        Of the page: asked for, kept in a cookie, or accepted by the browser.
    host : str
        As the browser asked for it, without the port; empty: it did not say.
    model : str or None
        The model asked for, whatever it says; None: the first that the visitor may see.
    """

    def __init__(self, scope: Scope) -> None:
        sent = [(name.decode("latin-1").lower(), value) for name, value in scope["headers"]]
        self.headers: Mapping[str, str] = {name: value.decode("latin-1") for name, value in reversed(sent)}
        self._sent = sent
        text = scope.get("query_string", b"").decode("latin-1")
        self.path: str = scope["path"]
        self.query = read_fields(text)
        self.cookies = _cookies(self.headers.get("cookie", ""))
        session_id = self.cookies.get(COOKIE, "")
        self.is_new = not 20 <= len(session_id) <= 100
        self.session_id = new_session_id() if self.is_new else session_id
        asked = self.query.get("lang")
        accepted = self.headers.get("accept-language")
        self.language = choose_language(asked=asked, kept=self.cookies.get(LANGUAGE_COOKIE), accepted=accepted)
        self.keeps_language = asked in LANGUAGES
        self.host = _host(self.headers.get("host", ""))
        self.model = self.query.get("model") or None

    def values(self, name: str) -> list[str]:
        """Give all values of a header as text: UTF-8, else Latin-1, which says something of any bytes."""
        found = [value for sent, value in self._sent if sent == name]
        return [_text(value) for value in found]

    @property
    def is_local(self) -> bool:
        """Whether the browser asked for this machine by a loopback name; a page elsewhere can't make one do so."""
        return is_loopback(self.host)

    @property
    def is_forwarded(self) -> bool:
        """Whether it came through a proxy that says so."""
        return any(name in self.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))

    @property
    def form_token(self) -> str:
        """What each form must send back: only a page that was made for this cookie holds it."""
        return hashlib.sha256(f"form {self.session_id}".encode()).hexdigest()

    def cookies_to_set(self, *, ends: bool = False) -> tuple[tuple[bytes, bytes], ...]:
        """Write the cookies of an answer: the session's where it is new, and the language where it was asked for."""
        secure = "" if self.is_local else "; Secure"
        headers = []
        if ends:
            headers.append(f"{COOKIE}=; Path=/app; HttpOnly; SameSite=Lax; Max-Age=0{secure}")
        elif self.is_new:
            life = HOURS * 3600
            headers.append(f"{COOKIE}={self.session_id}; Path=/app; HttpOnly; SameSite=Lax; Max-Age={life}{secure}")
        if self.keeps_language:
            headers.append(f"{LANGUAGE_COOKIE}={self.language}; Path=/app; SameSite=Lax; Max-Age={_YEAR}{secure}")
        return tuple((b"set-cookie", header.encode("ascii")) for header in headers)

    def address(self, **changes: Any) -> str:
        """Give the address of this page with other values in its query; None leaves one out."""
        return self.address_of(self.path, **changes)

    def address_of(self, path: str, **changes: Any) -> str:
        """Give the address of another page with this one's query, and other values in it."""
        values = {**self.query, **changes}
        kept = {name: value for name, value in values.items() if value not in (None, "")}
        text = urlencode(kept, errors="replace")
        return quote(path, safe="/", errors="replace") + (f"?{text}" if text else "")


def read_fields(text: str) -> dict[str, str]:
    """Read a query or a form: the first value of each name.

    Examples
    --------
    >>> read_fields("a=1&a=2&b=%F0%9F%98%80&c")
    {'a': '1', 'b': '😀', 'c': ''}
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:  # more fields than any of our forms has
        return {}
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value.replace("\0", ""))
    return fields


def page(visit: Visit, name: str, *, status: int = 200, code: str | None = None, **values: Any) -> Answer:
    """Render a page.

    Parameters
    ----------
    visit : Visit
        The request.
    name : str
        The template.
    status, code
        Of the answer, and of an error for the access log.
    values : object
        For the template.
    """
    values = {"models": [], "chosen": "", "of_customers": False, **values}
    links = {language: visit.address(lang=language, done=None) for language in LANGUAGES}
    html = render(
        TEMPLATES,
        name,
        visit.language,
        static="/app/static",
        language_links=links,
        form_token=visit.form_token,
        lead_address=lead_address,
        here=visit.address(lang=None, done=None, undo=None),
        **values,
    )
    headers = (*_SECURITY, *visit.cookies_to_set())
    return Answer(html.encode(), status, code, headers=headers, media_type=b"text/html; charset=utf-8")


def redirect(visit: Visit, address: str, *, ends: bool = False) -> Answer:
    """Send the browser to another of our pages, to be read by GET; an address of elsewhere becomes the list's."""
    is_ours = address.startswith("/app") and "\\" not in address and address.isprintable() and address.isascii()
    target = address if is_ours else "/app"
    headers = ((b"location", target.encode("ascii")), *_SECURITY, *visit.cookies_to_set(ends=ends))
    return Answer(b"", 303, headers=headers, media_type=b"text/plain")


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _cookies(text: str) -> dict[str, str]:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(text[:8_000])
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in cookies.items()}


def _host(text: str) -> str:
    """Take the name out of a Host header.

    Examples
    --------
    >>> [_host(text) for text in ("localhost:3000", "[::1]:3000", "127.0.0.1", "Leads.example.com")]
    ['localhost', '::1', '127.0.0.1', 'leads.example.com']
    """
    text = text.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]

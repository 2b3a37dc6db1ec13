"""Who reads an answer: a person in a browser, or a program."""

from serving.http.answers import Scope

__all__ = ["wants_page"]

PAGES = "/app"


def wants_page(scope: Scope) -> bool:
    """Tell whether a browser asks for an address of the pages, whose errors are pages then, too.

    Browsers name ``text/html`` in ``Accept``; programs send ``*/*``, JSON or nothing.

    Examples
    --------
    >>> html = [(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")]
    >>> [wants_page({"path": path, "headers": html}) for path in ("/app", "/app/nothing", "/apple", "/score")]
    [True, True, False, False]
    >>> sent = (b"*/*", b"application/json", b"text/html;q=0", b"TEXT/HTML ; q=0.9")
    >>> [wants_page({"path": "/app/x", "headers": [(b"accept", value)]}) for value in sent]
    [False, False, False, True]
    """
    path: str = scope["path"]
    if path != PAGES and not path.startswith(f"{PAGES}/"):
        return False
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1").lower()
    for part in accepted.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        if media_type == "text/html":
            return not any(name.startswith("q=") and not name[2:].strip("0.") for name in parameters)
    return False

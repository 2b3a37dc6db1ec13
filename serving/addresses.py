"""The addresses of the service: how logs name them, and what a caller of each must be allowed to do."""

__all__ = ["ANY", "KEY_SCOPES", "LEAD_SCORE", "SCOPES", "TOLD", "address_of", "scope_of"]

TOLD = ("touchpoints", "leads", "stage_changes", "outcomes")
"""What may be told; each is an address, and the key of its body's list."""

LEAD_SCORE = "/leads/{lead_id}/score"

KEY_SCOPES = ("score", "write", "admin")
"""What a key may be allowed; ``admin`` holds the others."""

ANY = "any"
"""What needs a key, but no scope of its own."""

SCOPES = {"/score": "score", LEAD_SCORE: "score", **{f"/{kind}": "write" for kind in TOLD}}
"""Address to ``score`` or ``write``."""

_OPEN = frozenset({"/", "/docs.json", "/schema.json", "/health", "/ready", "/livez", "/readyz", "/healthz"})
_PAGES = "/static_content/"
_NAMED = ("/", "/docs.json", "/schema.json")


def address_of(path: str) -> str:
    """Name the address that a path belongs to, without the id that may be in it; ``other`` where there is none.

    Examples
    --------
    >>> address_of("/leads/L-1/score"), address_of("/touchpoints"), address_of("/L-1")
    ('/leads/{lead_id}/score', '/touchpoints', 'other')
    """
    begin, end = LEAD_SCORE.split("{lead_id}")
    if path.startswith(begin) and path.endswith(end) and len(path) > len(begin) + len(end):
        return LEAD_SCORE
    return path if path in SCOPES or path in _NAMED else "other"


def scope_of(path: str) -> str | None:
    """Say what a caller of a path needs: a scope, `ANY` key, or None: it is open to everyone.

    Open are only the addresses listed as such: whatever is added, or nobody thought of, needs a key.

    Examples
    --------
    >>> scope_of("/score"), scope_of("/leads/L-1/score"), scope_of("/touchpoints"), scope_of("/health")
    ('score', 'score', 'write', None)
    >>> scope_of("/metrics"), scope_of("/nothing"), scope_of("/leads//score")
    ('any', 'any', 'any')
    """
    if path in _OPEN or path.startswith(_PAGES):
        return None
    return SCOPES.get(address_of(path), ANY)

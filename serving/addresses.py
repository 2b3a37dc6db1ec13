"""The addresses of the service: how logs name them, and what a caller of each must be allowed to do."""

__all__ = ["LEAD_SCORE", "SCOPES", "TOLD", "address_of"]

TOLD = ("touchpoints", "leads", "stage_changes", "outcomes")
"""What may be told; each is an address, and the key of its body's list."""

LEAD_SCORE = "/leads/{lead_id}/score"

SCOPES = {"/score": "score", LEAD_SCORE: "score", **{f"/{kind}": "write" for kind in TOLD}}
"""Address to ``score``, ``write`` or ``admin``; one that is not here is open to everyone."""

_OPEN = ("/", "/docs.json", "/schema.json")


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
    return path if path in SCOPES or path in _OPEN else "other"

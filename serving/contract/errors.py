"""What the service answers when it can't score: one shape for every error, of whatever origin."""

import json

__all__ = ["RequestError", "error_body"]


class RequestError(Exception):
    """A request that can't be answered, and how the caller can mend it.

    Parameters
    ----------
    status : int
        HTTP status, 4xx.
    code : str
        For programs; stays the same when messages are reworded.
    message : str
        What, where, got, allowed.
    field : str, optional
        Path such as ``leads[0].touchpoints[3].occurred_at``; None when it is the whole body.
    hint : str, optional
        The next step.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.hint = hint


def error_body(error: RequestError) -> bytes:
    """Write the body of an error answer as JSON.

    Examples
    --------
    >>> error_body(RequestError(400, "invalid_json", "no JSON"))
    b'{"error": {"code": "invalid_json", "message": "no JSON", "field": null, "hint": null}}'
    """
    content = {"code": error.code, "message": error.message, "field": error.field, "hint": error.hint}
    return json.dumps({"error": content}).encode("ascii")

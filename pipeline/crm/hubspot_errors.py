"""What a failure of HubSpot's client means. Its message is never repeated, for it may quote a person's values."""

import json
from typing import Any

from pipeline.crm.rates import Failure

__all__ = ["TOKEN", "body_of", "explain"]

TOKEN = "HUBSPOT_ACCESS_TOKEN"


def explain(error: Any, *, answered: bool) -> Failure:
    """Say what a failure means.

    Parameters
    ----------
    error : Exception
        Of the client; with status, body and headers where HubSpot answered.
    answered : bool
        Whether HubSpot answered at all.
    """
    if not answered:
        return Failure(f"HubSpot can't be reached ({type(error).__name__}).", again=True)
    body = body_of(error)
    what = (
        f"HubSpot answered {error.status} {body.get('category', '')} (correlationId {body.get('correlationId', '-')})."
    )
    if error.status == 429:
        if body.get("policyName") == "DAILY":
            return Failure(
                f"{what} The account's daily limit of API calls is used up; run the same command again tomorrow, "
                "it goes on where it was.",
                again=False,
            )
        wait = (error.headers or {}).get("Retry-After")
        return Failure(what, again=True, wait=float(wait) if wait and wait.replace(".", "", 1).isdigit() else None)
    if error.status == 401:
        return Failure(
            f"{what} The token in {TOKEN} is missing, wrong or expired; make one in a private app.", again=False
        )
    if error.status == 403:
        scopes = [scope for item in body.get("errors", []) for scope in _scopes(item)]
        return Failure(
            f"{what} The private app lacks the scope(s) {', '.join(scopes) or 'of this object'}.", again=False
        )
    return Failure(what, again=error.status >= 500 or error.status in (408, 423))


def body_of(error: Any) -> dict[str, Any]:
    """Read the body of HubSpot's answer; empty where it is no JSON object."""
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _scopes(item: dict[str, Any]) -> list[str]:
    context = item.get("context", {})
    return context.get("requiredGranularScopes") or context.get("requiredScopes") or []

"""What a failure of Salesforce's client means. Its message is never repeated, for it may quote a person's values."""

from typing import Any

from pipeline.crm.rates import Failure

__all__ = ["AGAIN", "explain"]

AGAIN = ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG", "TXN_SECURITY_METERING_ERROR")


def explain(error: Any, *, answered: bool, logging_in: bool) -> Failure:
    """Say what a failure means.

    Parameters
    ----------
    error : Exception
        Of the client; with status and content, or code, where Salesforce answered.
    answered : bool
        Whether Salesforce answered at all.
    logging_in : bool
        Whether it refused the log-in.
    """
    if logging_in:
        return Failure(
            f"Salesforce refused the log-in ({error.code}). Check the SALESFORCE_ variables and the app's policies.",
            again=False,
        )
    if not answered:
        return Failure(f"Salesforce can't be reached ({type(error).__name__}).", again=True)
    content = error.content[0] if isinstance(error.content, list) and error.content else {}
    code = content.get("errorCode", "") if isinstance(content, dict) else ""
    what = f"Salesforce answered {error.status} {code}.".replace(" .", ".")
    if code == "REQUEST_LIMIT_EXCEEDED":
        if "Concurrent" in str(content.get("message")):
            return Failure(what, again=True)
        return Failure(
            f"{what} The organisation's API calls of 24 hours are used up; run the same command again later, it goes on where "
            "it was.", again=False,
        )  # fmt: skip
    if error.status == 401:
        return Failure(f"{what} The session is invalid or expired; check the SALESFORCE_ variables.", again=False)
    if error.status == 403 or code in ("INVALID_TYPE", "INVALID_FIELD", "INSUFFICIENT_ACCESS"):
        return Failure(
            f"{what} The user lacks the permission for an object or field, or there is none of that name.", again=False
        )
    return Failure(what, again=error.status >= 500 or error.status in (408, 429) or code in AGAIN)

"""What people read where a page can't be shown, or nothing was done: what happened, and what to do now."""

from models.presentation.catalogues import words
from serving.app.web import Visit, page
from serving.contract.errors import RequestError
from serving.http.answers import Answer, Scope

__all__ = ["error_page", "refused_page"]


def error_page(scope: Scope, status: int, code: str) -> Answer:
    """Say on a page what went wrong before, or outside, the handlers of pages; for the middleware."""
    return refused_page(Visit(scope), RequestError(status, code, ""))


def refused_page(visit: Visit, error: RequestError) -> Answer:
    """Say on a page what was refused, and what to do now."""
    say = words(visit.language)
    nothing_here = (
        say.gettext("There is no such page"),
        say.gettext("The address may be mistyped, or it was only for sending a form."),
    )
    texts: dict[str, tuple[str, str]] = {
        "not_found": nothing_here,
        "method_not_allowed": nothing_here,
        "invalid_path": nothing_here,
        "internal_error": (
            say.gettext("That did not work"),
            say.gettext(
                "The service failed. Try again; if it persists, tell whoever runs this service: its log says why."
            ),
        ),
        "too_large": (
            say.gettext("That was too much"),
            say.gettext("Nothing was changed. Go back, shorten what you wrote, and try again."),
        ),
        "too_busy": (
            say.gettext("Too many at once"),
            say.gettext("Nothing was changed. Wait a little, and try again."),
        ),
        "unknown_model": (
            say.gettext("There is no such model"),
            say.gettext("The model that the address names is not one of this service."),
        ),
        "model_not_allowed": (
            say.gettext("Your key may not see this model"),
            say.gettext("Ask whoever runs this service for a key of this model."),
        ),
        "model_unavailable": (
            say.gettext("This model can’t be served at the moment"),
            say.gettext("Try again in a minute; if it persists, tell whoever runs this service."),
        ),
        "not_local": (
            say.gettext("Not from here"),
            say.gettext(
                "Without keys, these pages open only on the machine itself, at http://127.0.0.1. Whoever runs the service can "
                "make keys, and require them with LEAD_REQUIRE_KEYS=always."
            ),
        ),
        "wrong_form": (
            say.gettext("This page was too old"),
            say.gettext("Nothing was changed. Open the page again, and repeat what you did."),
        ),
        "missing_scope": (
            say.gettext("Your key may not do this"),
            say.gettext("Nothing was changed. Ask whoever runs this service for a key with the scope “decide”."),
        ),
        "too_many_requests": (
            say.gettext("Too many requests"),
            say.gettext("Your key has used up what it may do in a minute. Wait a little, and open the page again."),
        ),
        "unknown_lead": (
            say.gettext("No such lead"),
            say.gettext("Nothing is known of this lead. It may have been merged into another one, or deleted."),
        ),
        "unclear_user": (
            say.gettext("Who are you?"),
            say.gettext("The proxy in front of this service does not say clearly who you are. Tell whoever runs it."),
        ),
        "no_report": (
            say.gettext("This report is not there"),
            say.gettext(
                "It is written by the pipeline on this machine: make demo, dvc repro, or for live quality make monitor."
            ),
        ),
        "no_analysis": (
            say.gettext("No such analysis"),
            say.gettext(
                "It was not published with the model that serves. Whoever runs the pipeline can: dvc repro, then publish."
            ),
        ),
        "store_unavailable": (
            say.gettext("The list can’t be read at the moment"),
            say.gettext(
                "The store does not answer. Try again in a minute; if it persists, tell whoever runs this service."
            ),
        ),
    }
    other = (say.gettext("That did not work"), say.gettext("Nothing was changed. Go back, and try again."))
    heading, text = texts.get(error.code, other)
    return page(
        visit, "message.html", status=error.status, code=error.code, heading=heading, text=text, area="",
        next_address="/app", next_text=say.gettext("To today’s list"),
    )  # fmt: skip

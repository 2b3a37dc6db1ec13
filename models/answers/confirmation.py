"""The switch that makes each decision a proposal, which a person must confirm before it has effects (GDPR Art. 22)."""

import os
from collections.abc import Mapping

from features.errors import ParameterError

__all__ = ["HUMAN_CONFIRMATION", "REQUIRED", "confirmation_is_required"]

HUMAN_CONFIRMATION = "LEAD_HUMAN_CONFIRMATION"
REQUIRED = "required"


def confirmation_is_required(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a person must confirm: ``LEAD_HUMAN_CONFIRMATION`` is ``required``; not set: it is advice as ever.

    With it, answers say so beside each decision, webhooks say ``decision.proposed`` instead of ``decision.changed``, and
    nothing is pushed to a CRM without the name of whoever confirms it.

    Raises
    ------
    ParameterError
        It is something else: a mistyped switch must not be off.

    Examples
    --------
    >>> confirmation_is_required({}), confirmation_is_required({"LEAD_HUMAN_CONFIRMATION": "required"})
    (False, True)
    """
    text = environ.get(HUMAN_CONFIRMATION, "")
    if text not in ("", REQUIRED):
        raise ParameterError(f"{HUMAN_CONFIRMATION} is {text!r:.40}; allowed is {REQUIRED!r}, or unset it.")
    return bool(text)

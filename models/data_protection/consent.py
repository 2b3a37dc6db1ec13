"""What a touchpoint's `consent` may say, in exports and in requests alike."""

__all__ = ["CONSENT_GIVEN", "CONSENT_REFUSED", "is_refused"]

CONSENT_GIVEN = ("granted", "given", "confirmed", "opt_in", "yes", "true", "1", "not_required")
CONSENT_REFUSED = ("denied", "refused", "withdrawn", "opt_out", "no", "false", "0", "pending")
"""In any case; missing: nobody had to be asked. `pending` (a double opt-in that nobody confirmed) is none."""


def is_refused(consent: str | None) -> bool:
    """Tell whether what came by a touchpoint may not be used.

    Examples
    --------
    >>> [is_refused(word) for word in ("Opt_Out", "granted", "", None)]
    [True, False, False, False]
    """
    return consent is not None and consent.lower() in CONSENT_REFUSED

"""The error tree. Every message says what, where, got, allowed and the next step.

LeadQualificationError
├── ParameterError      params.yaml says something that can't be
├── DataError           a table, file or row breaks the data contract
│   ├── JourneyError    a touchpoint, stage change or attribute handed in breaks it
│   └── LeakageError    a table reveals the outcome, and nobody has said why it may
├── BundleError         a bundle is incomplete, altered or made by another catalog
└── CrmError            a CRM refuses, is out of reach, or its allowance is used up
"""

__all__ = [
    "BundleError",
    "CrmError",
    "DataError",
    "JourneyError",
    "LeadQualificationError",
    "LeakageError",
    "ParameterError",
]


class LeadQualificationError(Exception):
    """Anything this product raises on purpose."""


class ParameterError(LeadQualificationError):
    """A parameter is missing, unknown or out of range."""


class DataError(LeadQualificationError):
    """A table, file or row breaks the data contract."""


class JourneyError(DataError):
    """Part of one lead's journey breaks the data contract.

    Attributes
    ----------
    field : str
        Path of the offending field, such as ``touchpoints[3].occurred_at``; empty when it is not one field.
    hint : str
        The next step for the caller.
    code : str
        For programs; stays the same when messages are reworded. Empty: a rule that has no code of its own.
    """

    def __init__(self, message: str, field: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.hint = hint
        self.code = code


class LeakageError(DataError):
    """A table reveals the outcome that is to be predicted, and nobody has said why it may."""


class BundleError(LeadQualificationError):
    """A bundle is incomplete, altered, or does not match its fingerprint."""


class CrmError(LeadQualificationError):
    """A CRM refuses, is out of reach, or its allowance is used up; what it had acknowledged until then is kept."""

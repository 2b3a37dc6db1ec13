"""What the audit log can say that somebody did."""

from typing import Literal

__all__ = ["Action"]

Action = Literal[
    "began",  # a chain of entries
    "scored",
    "viewed",
    "sent",  # to a CRM or to the receiver of webhooks
    "decided",
    "exported",
    "named",  # whom a pseudonym stands for
    "objected",
    "erased",
    "purged",
    "replayed",
    "lost",  # entries that could not be written in time
    "trimmed",  # files past their retention
]

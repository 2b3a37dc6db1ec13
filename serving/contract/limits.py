"""How much one request may hold. The OpenAPI document states the same numbers."""

from features.timeline import DAY_US
from models.answers.limits import MAX_ATTRIBUTES, MAX_ORDERS, MAX_STAGE_CHANGES, MAX_TEXT, MAX_TOUCHPOINTS
from models.answers.scoring import MAX_REASONS

__all__ = [
    "CLOCK_TOLERANCE_US",
    "LARGE_BYTES_AT_ONCE",
    "MAX_ATTRIBUTES",
    "MAX_BODY_BYTES",
    "MAX_LEADS",
    "MAX_ORDERS",
    "MAX_REASONS",
    "MAX_STAGE_CHANGES",
    "MAX_TEXT",
    "MAX_TOUCHPOINTS",
    "READ_SECONDS",
    "SMALL_BYTES",
    "SMALL_BYTES_AT_ONCE",
    "SMALL_LEADS",
    "SMALL_RECORDS",
    "UNCHECKED_BYTES",
    "WAIT_SECONDS",
]

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_LEADS = 1_000
READ_SECONDS = 30
"""That a body may take to arrive."""

WAIT_SECONDS = 60
"""That a request may wait for a thread; what it asks for then is bounded by the other limits."""

UNCHECKED_BYTES = 256 * 1024
"""Up to here any structure is parsed: it takes some milliseconds at most, and errors can name the field."""

SMALL_BYTES = 64 * 1024
"""Up to here a body is parsed on the event loop, and counts among the small ones."""

SMALL_LEADS, SMALL_RECORDS = 16, 400
"""Up to here a parsed request is answered on the event loop: a few milliseconds, less than a thread would cost others."""

LARGE_BYTES_AT_ONCE, SMALL_BYTES_AT_ONCE = 4 * MAX_BODY_BYTES, MAX_BODY_BYTES
"""Bytes of bodies that a worker holds at once, being read, waiting or worked on; small ones have a share of their own."""

CLOCK_TOLERANCE_US = DAY_US
"""By how much the clocks of two systems may differ before it is worth a warning; ingest takes the same day."""

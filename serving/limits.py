"""How much one request may hold. The OpenAPI document states the same numbers."""

from features.timeline import DAY_US
from models.request_fields import MAX_TEXT
from models.requests import MAX_ATTRIBUTES, MAX_ORDERS, MAX_STAGE_CHANGES, MAX_TOUCHPOINTS
from models.scoring import MAX_REASONS

__all__ = [
    "CLOCK_TOLERANCE_US",
    "MAX_ATTRIBUTES",
    "MAX_BODY_BYTES",
    "MAX_LEADS",
    "MAX_ORDERS",
    "MAX_REASONS",
    "MAX_STAGE_CHANGES",
    "MAX_TEXT",
    "MAX_TOUCHPOINTS",
    "READ_SECONDS",
]

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_LEADS = 1_000
READ_SECONDS = 30
"""That a body may take to arrive."""

CLOCK_TOLERANCE_US = DAY_US
"""By how much the clocks of two systems may differ before it is worth a warning; ingest takes the same day."""

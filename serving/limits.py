"""How much one request may hold. The OpenAPI document states the same numbers."""

__all__ = [
    "MAX_ACCOUNT_TOUCHPOINTS",
    "MAX_ATTRIBUTES",
    "MAX_BODY_BYTES",
    "MAX_LEADS",
    "MAX_REASONS",
    "MAX_STAGE_CHANGES",
    "MAX_TEXT",
    "MAX_TOUCHPOINTS",
]

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_LEADS = 1_000
MAX_TOUCHPOINTS = 10_000  # per lead
MAX_ACCOUNT_TOUCHPOINTS = 10_000
MAX_STAGE_CHANGES = 1_000
MAX_ATTRIBUTES = 500
MAX_TEXT = 500  # characters of an id, a kind, a channel, a category ...
MAX_REASONS = 10

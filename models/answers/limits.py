"""How much one lead of a request may hold; the service, the model in MLflow and score files refuse more."""

__all__ = ["MAX_ATTRIBUTES", "MAX_ORDERS", "MAX_STAGE_CHANGES", "MAX_TEXT", "MAX_TOUCHPOINTS"]

MAX_TOUCHPOINTS = 10_000
MAX_STAGE_CHANGES = 1_000
MAX_ORDERS = 10_000
MAX_ATTRIBUTES = 500
MAX_TEXT = 500
"""Characters of an id, a kind, a channel, a category."""

"""What a key may be allowed to do."""

__all__ = ["KEY_SCOPES"]

KEY_SCOPES = ("score", "write", "view", "decide", "admin")
"""``admin`` holds the others, and ``decide`` holds ``view``."""

"""What a key may be allowed to do."""

__all__ = ["KEY_SCOPES"]

KEY_SCOPES = ("score", "write", "admin")
"""``admin`` holds the others."""

"""Who a request comes from, for the audit log; set where it is admitted, read wherever it is worked on, in threads, too."""

from contextvars import ContextVar

__all__ = ["ACTOR", "LOCAL", "SERVICE"]

LOCAL, SERVICE = "local", "service"
ACTOR: ContextVar[str] = ContextVar("actor", default=SERVICE)
"""``key:<id>``, ``person:<name>`` as a proxy named them, ``local`` where no key is needed, ``service``: nobody asked."""

"""Jobs over HTTP: what the SDK gives over Redis."""

from gateway.jobs import conversations, events, fleet, listing, submitting

routers = [part.router for part in (fleet, submitting, listing, events, conversations)]

__all__ = ["routers"]

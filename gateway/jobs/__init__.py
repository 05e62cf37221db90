"""Jobs over HTTP: what the SDK gives over Redis."""

from gateway.jobs import conversations, events, fleet, job_routes, listing

routers = [part.router for part in (fleet, job_routes, listing, events, conversations)]

__all__ = ["routers"]

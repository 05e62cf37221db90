"""Jobs over HTTP: what the SDK gives over Redis."""

from gateway.jobs.routes import router

__all__ = ["router"]

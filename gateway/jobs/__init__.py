"""Jobs over HTTP: what the SDK gives over Redis."""

from fastapi import APIRouter

from gateway.jobs import conversations, events, fleet, listing, submitting

router = APIRouter()
for part in (fleet, submitting, listing, events, conversations):
    router.include_router(part.router)

__all__ = ["router"]

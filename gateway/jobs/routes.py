"""The routes."""

from fastapi import APIRouter, Request

from gateway.http.errors import GatewayError
from gateway.queue_access import queue_of

router = APIRouter()


@router.get("/healthz", tags=["health"])
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", tags=["health"])
async def readyz(request: Request) -> dict[str, str]:
    """Whether requests can be taken: Redis answers, and the process is not stopping."""
    if request.app.state.draining.is_set():
        raise GatewayError(503, "draining", "this process is stopping")
    await queue_of(request).hosts()
    return {"status": "ready"}

"""The list of jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from gateway.access.caller import Admitted
from gateway.jobs.openapi import ANSWERS
from gateway.queue_access import queue_of
from llamaq.cli.terminal.records import wire

router = APIRouter(tags=["jobs"], responses=ANSWERS)


@router.get("/jobs")
async def jobs(request: Request, caller: Admitted, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
    """The jobs that are kept, the newest first: those of the key's tenant."""
    found = await queue_of(request).jobs(limit)
    return {"jobs": [wire(one) for one in found if caller.admin or one.tenant == caller.tenant]}

"""The list of jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from gateway.access.caller import CurrentCaller
from gateway.http.times import parse_time
from gateway.jobs.openapi import ANSWERS, response_body
from gateway.jobs.query import ONLY_KNOWN
from gateway.queue_access import queue_of
from llamaq.settings.numerals import AS_WRITTEN
from llamaq.vocabulary.kinds.request import Lane
from llamaq.vocabulary.requests import Kind
from llamaq.vocabulary.status import State
from llamaq.vocabulary.wire import wire_object

router = APIRouter(tags=["jobs"], responses=ANSWERS, dependencies=[ONLY_KNOWN])
LOOK_AT = 5000
"""The most kept jobs that one request looks at."""
Time = Annotated[str | None, Query(description="Unix seconds, or a time such as 2026-01-31T12:00:00Z")]


@router.get("/jobs", responses=response_body("JobPage"))
async def jobs(  # noqa: PLR0913 - what a list can be narrowed by
    request: Request,
    caller: CurrentCaller,
    *,
    limit: Annotated[int, Query(ge=1, le=1000), AS_WRITTEN] = 50,
    after: Annotated[str | None, Query(description="the `cursor` of the page before")] = None,
    state: Annotated[list[State], Query(description="one, or several of which any will do")] = [],  # noqa: B006 - FastAPI's way
    kind: Kind | None = None,
    model: str | None = None,
    lane: Lane | None = None,
    code: Annotated[str | None, Query(description="of the error")] = None,
    tenant: Annotated[str | None, Query(description="for a key that is `admin`")] = None,
    since: Time = None,
    until: Time = None,
) -> dict[str, Any]:
    """The jobs that are kept, the newest first, without results: those of the key's tenant.

    One request looks at a bounded number of jobs, so a page may be short, or empty, and still have a `cursor`.
    """
    caller.check_tenant(tenant)
    page = await queue_of(request).jobs(
        limit,
        after=after,
        look_at=LOOK_AT,
        state=state,
        kind=kind,
        model=model,
        lane=lane,
        code=code,
        tenant=tenant if caller.admin else caller.tenant,
        since=parse_time("since", since),
        until=parse_time("until", until),
    )
    return {"jobs": [wire_object(one) for one in page], "cursor": page.cursor}

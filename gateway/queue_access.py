"""What the routes of all dialects ask of the queue, within what the caller's key allows."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from starlette.requests import Request

from gateway.access.caller import Caller
from gateway.http.errors import GatewayError
from llamaq import AsyncJobQueue, Event, JobStatus
from llamaq.client.aio.connection import AsyncConnection
from llamaq.client.aio.job import AsyncJob
from llamaq.store.keys import is_usable_id
from llamaq.store.log_follower import TakePiece
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.kinds.request import LANES

JOB_HEADER = "X-Llamaq-Job"
"""On each answer that is a job, also on one that says that it failed."""


def queue_of(request: Request) -> AsyncJobQueue:
    """The process has one queue, whose readers share one connection."""
    queue: AsyncJobQueue = request.app.state.queue
    return queue


def redis_of(request: Request) -> AsyncConnection:
    """The connection to Redis for what the gateway itself keeps there.

    `async with redis_of(request).verb() as redis: ...`; `settings.keys.prefix` is the first part of each key.
    """
    connection: AsyncConnection = request.app.state.redis
    return connection


def read_pieces(
    job: AsyncJob[Any], after: str | None = None, *, fresh: bool = False, take_piece: TakePiece | None = None
) -> AsyncGenerator[list[Event | Piece], None]:
    """Read what a job says, as `job.events`: what is there at the same time in one list, each `delta` as a `Piece`.

    What is in one list is sent in one write. `take_piece` may take live pieces, which are in no list then.
    """
    return job._pieces(after, fresh=fresh, take_piece=take_piece)  # noqa: SLF001 - a producer has `events`; a gateway reads for many clients


async def submit(request: Request, caller: Caller, job: Mapping[str, Any]) -> AsyncJob[Any]:
    """Submit a job, as a dict with its `kind`, for the caller's tenant.

    Raises:
        GatewayError: the caller may not use the lane, the model or the tenant that the job names.
        SubmitError: it was not queued.
    """
    queue = queue_of(request)
    if caller.most_waiting is not None:
        queue = queue.with_most_waiting(caller.most_waiting)
    submitted = await queue.submit(authorize_job(caller, job))
    request.state.job_id = submitted.id
    return submitted


def authorize_job(caller: Caller, job: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the job of a caller: with its tenant, and a lane that it may use.

    Raises:
        GatewayError: 403, naming the field: the caller may not use what the job asks for.
    """
    given = {name: value for name, value in job.items() if value is not None}
    model = given.get("model")
    if isinstance(model, str) and not caller.may_use(model):
        raise GatewayError(403, "model_not_allowed", f"your key is not for the model {model!r}", param="model")
    lane, highest = given.get("priority"), LANES.index(caller.highest_lane)
    if lane is None:
        given["priority"] = LANES[max(highest, LANES.index("normal"))]
    elif lane in LANES and LANES.index(lane) < highest:
        what = f"your key is for the lane {caller.highest_lane} at most, not for {lane}"
        raise GatewayError(403, "priority_not_allowed", what, param="priority")
    caller.check_tenant(given.get("tenant"))
    return {"tenant": caller.tenant, **given}


async def get_own_job(request: Request, caller: Caller, job_id: str) -> AsyncJob[Any]:
    """Get a job that the caller may see.

    Raises:
        JobNotFound: there is none, or it belongs to another tenant.
    """
    job = _get_job(request, job_id)
    _check_owner(request, caller, job_id, (await read_fields(job, "tenant")).get("tenant"))
    return job


async def read_fields(job: AsyncJob[Any], *names: str) -> dict[str, str]:
    """Read fields of a job's record as they are stored, also where the rest of it cannot be read.

    Raises:
        JobNotFound: there is no such job.
    """
    return await job._read_fields(*names)  # noqa: SLF001 - a producer has `status`; a damaged job must be got rid of


async def get_own_status(request: Request, caller: Caller, job_id: str) -> tuple[AsyncJob[Any], JobStatus]:
    """Get a job that the caller may see, and its status.

    Raises:
        JobNotFound: there is none, or it belongs to another tenant.
    """
    job = _get_job(request, job_id)
    status = await job.status()
    _check_owner(request, caller, job_id, status.tenant)
    return job, status


def _get_job(request: Request, job_id: str) -> AsyncJob[Any]:
    if not is_usable_id(job_id):
        raise JobNotFound(job_id)
    return queue_of(request).job(job_id)


def _check_owner(request: Request, caller: Caller, job_id: str, tenant: str | None) -> None:
    if not caller.may_see(tenant):
        raise JobNotFound(job_id)
    request.state.job_id = job_id

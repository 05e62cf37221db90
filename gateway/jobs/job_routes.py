"""The routes of one job: it is submitted, waited for, cancelled, replayed and deleted."""

import asyncio
import re
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import JSONResponse

from gateway.access.caller import CurrentCaller
from gateway.http.errors import GatewayError
from gateway.http.json_body import parse_json_body, read_json_object
from gateway.jobs.openapi import ANSWERS, request_body, response_body
from gateway.jobs.query import ONLY_KNOWN
from gateway.queue_access import JOB_HEADER, get_own_job, get_own_status, queue_of, read_fields, submit
from llamaq.client.aio.job import AsyncJob
from llamaq.client.request_changes import apply_changes
from llamaq.store.redis_errors import is_unreadable
from llamaq.vocabulary.errors import BrokerUnavailable, InvalidRequest, JobError
from llamaq.vocabulary.wire import wire_object

router = APIRouter(tags=["jobs"], responses=ANSWERS, dependencies=[ONLY_KNOWN])
MOST_SECONDS = 600.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
Prefer = Annotated[str, Header(description="`wait=30`: answer when the job has ended, at the latest after 30 s")]

IdempotencyKey = Annotated[str, Header(description="the same key gives the same job, while it is kept")]


@router.post("/jobs", status_code=201, openapi_extra=request_body("Job"), responses=response_body("JobStatus", 201))
async def submit_job(
    request: Request,
    caller: CurrentCaller,
    idempotency_key: IdempotencyKey = "",
    prefer: Prefer = "",
) -> Response:
    """Enqueue a job: a JSON object with its `kind` and the fields of its request. The answer is its status."""
    job = _add_idempotency_key(request, await read_json_object(request), idempotency_key)
    return await _answer_created(request, await submit(request, caller, job), prefer)


@router.get("/jobs/{job_id}", responses=response_body("JobStatus"))
async def status(request: Request, caller: CurrentCaller, job_id: str) -> dict[str, Any]:
    """The record of a job; `position` and `eta_seconds` while it is queued, `result` or `error` when it has ended."""
    return wire_object((await get_own_status(request, caller, job_id))[1])


@router.get(
    "/jobs/{job_id}/result",
    responses={
        **response_body("Result"),
        202: {"description": "It has not ended: its status", **response_body("JobStatus")[200]},
    },
)
async def result(request: Request, caller: CurrentCaller, job_id: str, prefer: Prefer = "") -> Response:
    """The result alone. A job that failed, was cancelled or expired answers with the status of that error."""
    job, now = await get_own_status(request, caller, job_id)
    seconds = _parse_wait(prefer)
    if not now.ended and seconds:
        await _wait_for_end(request, job, seconds)
        now = await job.status()
    if not now.ended:
        return JSONResponse(wire_object(now), 202)
    return JSONResponse((await job.result()).model_dump(mode="json", exclude_none=True))


@router.post(
    "/jobs/{job_id}/cancel",
    openapi_extra=request_body("Cancellation", required=False),
    responses=response_body("JobStatus"),
)
async def cancel(request: Request, caller: CurrentCaller, job_id: str) -> dict[str, Any]:
    """End a job now, in whatever state it is. The body may have a `reason`."""
    job = await get_own_job(request, caller, job_id)
    body = await _read_optional_object(request)
    if unknown := sorted(body.keys() - {"reason"}):
        raise InvalidRequest.of(unknown[0], "there is no such field: the body may have a `reason`")
    reason = body.get("reason")
    reason = "cancelled by the producer" if reason is None else reason
    if not isinstance(reason, str) or len(reason) > 1000:
        raise InvalidRequest.of("reason", "must be a text of at most 1000 characters")
    if not await job.cancel(reason):
        ended = (await read_fields(job, "state"))["state"]
        raise GatewayError(409, "already_ended", f"the job {job_id} has ended already: it is {ended}")
    try:
        return wire_object(await job.status())
    except BrokerUnavailable as error:
        if not is_unreadable(error):
            raise
        what = f"the job {job_id} is cancelled; something else has written over its record, so delete the job"
        raise GatewayError(500, "unreadable_job", what) from error


@router.post(
    "/jobs/{job_id}/replay",
    status_code=201,
    openapi_extra=request_body("Changes", required=False),
    responses=response_body("JobStatus", 201),
)
async def replay(
    request: Request, caller: CurrentCaller, job_id: str, idempotency_key: IdempotencyKey = "", prefer: Prefer = ""
) -> Response:
    """Enqueue a kept job's request again, as a new job.

    The body may have changes of fields; null removes a field, and a dotted name (`options.num_ctx`) is one inside a
    field.
    """
    submitted = await (await get_own_job(request, caller, job_id)).request()
    fields = {**submitted.request, "kind": submitted.kind, "idempotency_key": None}
    job = _add_idempotency_key(request, apply_changes(fields, await _read_optional_object(request)), idempotency_key)
    return await _answer_created(request, await submit(request, caller, job), prefer)


@router.delete("/jobs/{job_id}", status_code=204, response_class=Response)
async def delete(request: Request, caller: CurrentCaller, job_id: str) -> Response:
    """Delete a job: its record, its log, and images that no other job shows. A running one is cancelled first."""
    await get_own_job(request, caller, job_id)
    await queue_of(request).delete(job_id)
    return Response(status_code=204)


async def _answer_created(request: Request, job: AsyncJob[Any], prefer: str) -> Response:
    seconds = _parse_wait(prefer)
    applied = {"Preference-Applied": f"wait={seconds:g}"} if seconds else {}
    if seconds:
        await _wait_for_end(request, job, seconds)
    headers = {"Location": f"/jobs/{job.id}", JOB_HEADER: job.id, **applied}
    return JSONResponse(wire_object(await job.status()), 201, headers)


async def _wait_for_end(request: Request, job: AsyncJob[Any], seconds: float) -> None:
    """Wait for the end of the job, at most so long, and not while the process stops. The job goes on in any case."""
    loop = asyncio.get_running_loop()
    ends = (
        loop.create_task(job.result(seconds)),
        loop.create_task(_wait_for_disconnect(request)),
        loop.create_task(request.app.state.draining.wait()),
    )
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if ends[0].done():
            with suppress(JobError, TimeoutError):
                ends[0].result()
    finally:
        for task in ends:
            task.cancel()
        await asyncio.wait(ends)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _add_idempotency_key(request: Request, job: dict[str, Any], key: str) -> dict[str, Any]:
    """Add the key of the header Idempotency-Key. An empty one is refused with the job: it would be no key."""
    if "Idempotency-Key" not in request.headers:
        return job
    if job.get("idempotency_key") not in (None, key):
        raise InvalidRequest.of("idempotency_key", "is another one than that of the header Idempotency-Key")
    return {**job, "idempotency_key": key}


def _parse_wait(prefer: str) -> float:
    found = _WAIT.search(prefer)
    return min(float(found[1]), MOST_SECONDS) if found else 0.0


async def _read_optional_object(request: Request) -> dict[str, Any]:
    """Read the object in the body; an empty one where there is no body."""
    body = await request.body()
    value = parse_json_body(body) if body.strip() else {}
    if not isinstance(value, dict):
        raise GatewayError(400, "invalid_request", "the body must be a JSON object")
    return value

"""The page of one job, and what can be done with it."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic_core import from_json
from starlette.responses import Response

from gateway.http.errors import GatewayError
from gateway.queue_access import queue_of, read_fields
from gateway.ui import timeline
from gateway.ui.actions import REASON, log_action, redirect_back
from gateway.ui.pages import render_live_page, render_static_page
from gateway.ui.session import Action, Operator
from llamaq import JobStatus
from llamaq.client.aio.job import AsyncJob
from llamaq.client.request_changes import check_changes
from llamaq.store.clock import SYSTEM
from llamaq.store.keys import is_usable_id
from llamaq.vocabulary.errors import InvalidRequest, JobNotFound
from llamaq.vocabulary.status import TERMINAL_STATES

router = APIRouter(prefix="/ui/jobs/{job_id}")
JobId = Annotated[str, Path(max_length=128)]


@router.get("")
async def job(request: Request, _: Operator, job_id: JobId) -> Response:
    """The page of a job: its state, figures, timeline, error and events."""
    return await _render_job(request, job_id)


@router.post("/content")
async def content(request: Request, _: Action, job_id: JobId) -> Response:
    """The page with the texts of the job. Each look is logged."""
    if request.app.state.settings.gateway_show_content != 1:
        raise GatewayError(403, "content_hidden", "texts are shown only with LLAMAQ_GATEWAY_SHOW_CONTENT=1")
    status = await _get_status(request, job_id)
    submitted = await queue_of(request).job(job_id).request()
    log_action(request, "texts shown", job_id=job_id)
    result = status.result.model_dump(mode="json", exclude_none=True) if status.result else None
    error = status.error.model_dump(mode="json", exclude_none=True) if status.error else None
    texts = [("Request", _format_json(submitted.request))]
    texts += [
        (name, _format_json(value)) for name, value in (("Result", result), ("Error", error)) if value is not None
    ]
    return await _render_job(request, job_id, texts)


@router.post("/cancel")
async def cancel(request: Request, _: Action, job_id: JobId) -> Response:
    """Cancel the job."""
    await _get_status(request, job_id)
    log_action(request, "cancel", job_id=job_id)
    ended = await queue_of(request).job(job_id).cancel(REASON)
    return redirect_back(f"/ui/jobs/{job_id}", "cancel" if ended else "ended")


@router.post("/replay")
async def replay(request: Request, form: Action, job_id: JobId) -> Response:
    """Enqueue the job's request again, with changes: a JSON object."""
    await _get_status(request, job_id)
    text = str(form.get("changes", "")).strip()
    try:
        changes = from_json(text) if text else {}
    except ValueError as error:
        raise InvalidRequest.of("changes", f"is not JSON: {error}") from None
    if not isinstance(changes, dict):
        raise InvalidRequest.of("changes", 'must be a JSON object such as {"options.num_ctx": 8192}')
    log_action(request, "replay", job_id=job_id, fields=sorted(changes))
    replayed = await queue_of(request).replay(job_id, **check_changes(changes))
    return redirect_back(f"/ui/jobs/{replayed.id}", "replay")


@router.get("/delete")
async def ask_to_delete(request: Request, _: Operator, job_id: JobId) -> Response:
    """The question before the job is deleted."""
    running = (
        "" if await _get_state(request, job_id) in TERMINAL_STATES else " It has not ended, so it is cancelled first."
    )
    return await render_static_page(
        request,
        "question.html",
        "jobs",
        title="Delete this job?",
        text=f"{job_id}: its record, its events, and images that no other job shows.{running}",
        action=f"/ui/jobs/{job_id}/delete",
        yes="Delete",
        no=f"/ui/jobs/{job_id}",
        fields=[],
    )


@router.post("/delete")
async def delete(request: Request, _: Action, job_id: JobId) -> Response:
    """Delete the job."""
    await _get_state(request, job_id)
    log_action(request, "delete", job_id=job_id)
    await queue_of(request).delete(job_id, "deleted by an operator")
    return redirect_back("/ui/jobs", "delete")


def _get_job(request: Request, job_id: str) -> AsyncJob[Any]:
    if not is_usable_id(job_id):
        raise JobNotFound(job_id)
    request.state.job_id = job_id
    return queue_of(request).job(job_id)


async def _get_status(request: Request, job_id: str) -> JobStatus:
    return await _get_job(request, job_id).status()


async def _get_state(request: Request, job_id: str) -> str | None:
    """As it is stored: a job whose record cannot be read can be deleted."""
    return (await read_fields(_get_job(request, job_id), "state")).get("state")


async def _render_job(request: Request, job_id: str, texts: list[tuple[str, str]] | None = None) -> Response:
    status = await _get_status(request, job_id)
    found = await timeline.read_rows(queue_of(request).job(job_id), status)
    until = status.finished_at.timestamp() if status.finished_at else SYSTEM.time()
    values: dict[str, Any] = {"rows": found, "phases": timeline.build_phases(found, until), "texts": texts}
    values["may_show"] = request.app.state.settings.gateway_show_content == 1
    return await render_live_page(request, "job", job_id, **values)


def _format_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

"""What an operator does with hosts, models, jobs and dead letters. Each action is a form, and is logged."""

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from gateway.http.errors import GatewayError
from gateway.queue_access import queue_of
from gateway.ui.pages import render_static_page
from gateway.ui.session import Action, Operator

LOG = logging.getLogger("gateway.ui")
router = APIRouter()
Name = Annotated[str, Query(max_length=512)]
REASON = "cancelled by an operator"


def log_action(request: Request, action: str, **about: object) -> None:
    """Log an action with the name of the key, without content."""
    LOG.info("operator", extra={"action": action, "key": request.state.caller.name, **about})


def redirect_back(path: str, done: str) -> Response:
    """Redirect to a page that says what was done."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={done}", 303)


@router.post("/ui/do/{action}")
async def pause(
    request: Request,
    _: Action,
    action: Literal["pause", "drain", "resume"],
    host: Name = "",
    model: Name = "",
    to: Literal["/ui", "/ui/queue"] = "/ui",
) -> Response:
    """Pause, drain or resume a host or a model."""
    queue = queue_of(request)
    verb = {"pause": queue.pause, "drain": queue.drain, "resume": queue.resume}[action]
    await verb(host=host or None, model=model or None)
    log_action(request, action, host=host, model=model)
    return redirect_back(to, action)


@router.post("/ui/models/{action}")
async def load(request: Request, _: Action, action: Literal["load", "unload"], host: Name, model: Name) -> Response:
    """Load a model into the memory of a host, or unload it: a job."""
    queue = queue_of(request)
    jobs = await (queue.load(model, host=host) if action == "load" else queue.unload(model, host=host))
    log_action(request, action, host=host, model=model)
    return redirect_back(f"/ui/jobs/{jobs[0].id}", action)


@router.post("/ui/pull")
async def pull(request: Request, form: Action) -> Response:
    """Pull a model onto the disk of a host: a job, which fails where the workers do not allow the model."""
    host, model = str(form.get("host", "")), str(form.get("model", "")).strip()
    job = await queue_of(request).pull(model, host=host or None)
    log_action(request, "pull", host=host, model=model)
    return redirect_back(f"/ui/jobs/{job.id}", "pull")


@router.get("/ui/dead/{letter_id}/discard")
async def ask_to_discard(request: Request, _: Operator, letter_id: str) -> Response:
    """The question before a dead letter is discarded."""
    letter = await queue_of(request).dead_letter(letter_id)
    if letter is None:
        raise letter_not_found()
    return await render_static_page(
        request,
        "question.html",
        "dead",
        title="Discard this dead letter?",
        text=f"It was set aside because: {letter.reason}. It cannot be put back afterwards.",
        action=f"/ui/dead/{letter.id}/discard",
        yes="Discard",
        no="/ui/dead",
        fields=[],
    )


@router.post("/ui/dead/{letter_id}/{action}")
async def put_back_or_discard(
    request: Request, _: Action, letter_id: str, action: Literal["put-back", "discard"]
) -> Response:
    """Put a dead letter back, as a new job, or discard it."""
    queue = queue_of(request)
    found = await queue.dead_letter(letter_id)
    if found is None:
        raise letter_not_found()
    log_action(request, action, letter=letter_id, job_id=found.job_id)
    if action == "discard":
        await queue.discard(found)
        return redirect_back("/ui/dead", "discard")
    job = await queue.put_back(found)
    return redirect_back(f"/ui/jobs/{job.id}", "put-back")


def letter_not_found() -> GatewayError:
    """It was put back or discarded meanwhile."""
    return GatewayError(404, "not_found", "there is no such dead letter any more")

"""The views: the fleet, the queue, what runs, the jobs, the dead letters."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from gateway.queue_access import queue_of
from gateway.ui.job_filter import STATES, JobFilter
from gateway.ui.live import Find, render_view
from gateway.ui.rendering import render_page
from gateway.ui.session import Operator, set_cookie
from gateway.ui.watch import read_look
from llamaq.store.keys import is_usable_id
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.kinds.request import LANES
from llamaq.vocabulary.requests import KINDS

router = APIRouter()
PAGE_JOBS = 50
LOOK_AT = 5000
"""The most kept jobs that one page looks at."""
MOST_DEAD = 200


@router.get("/ui")
async def fleet(request: Request, _: Operator, find: Find = "") -> Response:
    """The view of the fleet: hosts, their models and workers; of those with `find` in their name."""
    return await render_live_page(request, "fleet", find=find.strip())


@router.get("/ui/queue")
async def waiting(request: Request, _: Operator) -> Response:
    """The view of the queue: what waits, and why; the shares of tenants."""
    return await render_live_page(request, "queue")


@router.get("/ui/running")
async def running(request: Request, _: Operator) -> Response:
    """The view of the running jobs."""
    return await render_live_page(request, "running")


@router.get("/ui/jobs")
async def jobs(
    request: Request,
    _: Operator,
    id: str = "",  # noqa: A002 - the field's name
    after: Annotated[str | None, Query(max_length=256)] = None,
) -> Response:
    """The jobs that are kept, the newest first, narrowed by a filter; or one of them by its id."""
    queue, wanted = queue_of(request), id.strip()
    if wanted:
        if not is_usable_id(wanted):
            raise JobNotFound(wanted)
        await queue.job(wanted).status()
        return RedirectResponse(f"/ui/jobs/{wanted}", 303)
    which = JobFilter.of(request.query_params)
    found = await queue.jobs(PAGE_JOBS, after=after or None, look_at=LOOK_AT, **which.arguments())
    values = {"jobs": found, "which": which, "after": after, "states": STATES, "kinds": KINDS, "lanes": LANES}
    return await render_static_page(request, "jobs.html", "jobs", **values)


@router.get("/ui/dead")
async def dead(request: Request, _: Operator) -> Response:
    """Messages that could not become jobs, and webhooks that were not delivered."""
    letters = await queue_of(request).dead(MOST_DEAD + 1)
    shows_content = request.app.state.settings.gateway_show_content == 1
    values = {"letters": letters[:MOST_DEAD], "more": len(letters) > MOST_DEAD, "content": shows_content}
    return await render_static_page(request, "dead.html", "dead", **values)


async def render_live_page(request: Request, name: str, job_id: str = "", find: str = "", **values: Any) -> Response:
    """Render the page of a view that is live."""
    now = await read_look(queue_of(request), [job_id] if job_id else [])
    if job_id and now.jobs[job_id] is None:
        raise JobNotFound(job_id)
    inner = render_view(now, name, job_id, find)
    figures = render_view(now, "figures")
    return _render_session_page(
        request, "live.html", name, inner=inner, figures=figures, job_id=job_id, find=find, look=now, **values
    )


async def render_static_page(request: Request, template: str, name: str, **values: Any) -> Response:
    """Render a page whose head alone is live."""
    figures = render_view(await read_look(queue_of(request)), "figures")
    return _render_session_page(request, template, name, figures=figures, **values)


def _render_session_page(request: Request, template: str, name: str, **values: Any) -> Response:
    """Render a page, with the cookie of a session that has begun with it."""
    response = render_page(request, template, view=name, done=request.query_params.get("done", ""), **values)
    if request.state.session.fresh:
        set_cookie(response, request.state.session.fresh, request)
    return response

"""The stream of an open page: its view, once a second where it has changed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.http.sse import EventStream, encode_frame
from gateway.ui.rendering import HEADERS, render_template
from gateway.ui.session import Operator
from gateway.ui.watch import SHOWN_HOSTS, Look, Watch

router = APIRouter()
Find = Annotated[str, Query(max_length=256)]
STREAM_SECONDS = 300.0
"""After so long the browser connects again, so that a session that has ended ends its streams."""


@router.get("/ui/live")
async def live(
    request: Request,
    _: Operator,
    view: Literal["fleet", "queue", "running", "job", "none"] = "none",
    job: Annotated[str, Query(max_length=128, pattern=r"^[A-Za-z0-9._-]*$")] = "",
    find: Find = "",
) -> Response:
    """Server-Sent Events: `view` is the inner part of the page, `figures` that of its head; `state` of a job."""
    watch: Watch = request.app.state.watch
    return EventStream(
        _encode_frames(watch, view, job, find.strip()), headers=HEADERS, until=request.app.state.draining
    )


def render_view(look: Look, view: str, job: str = "", find: str = "") -> str:
    """Render a view at one moment, once for all pages. `find` is a part of the names of the fleet's hosts."""
    name = f"{view} {job} {find}"
    if name not in look.memo:
        values = {"job": look.jobs.get(job), "find": find, "shown": SHOWN_HOSTS}
        look.memo[name] = render_template(f"_{view}.html", look=look, **values)
    return look.memo[name]


async def _encode_frames(watch: Watch, view: str, job: str, find: str) -> AsyncGenerator[list[bytes], None]:
    loop = asyncio.get_running_loop()
    until = loop.time() + STREAM_SECONDS
    sent: dict[str, str] = {}
    with watch.add_reader(job):
        async for look in watch.looks():
            parts = {"figures": render_view(look, "figures")}
            if view != "none" and not (view == "job" and look.jobs.get(job) is None) and not look.away:
                parts["view"] = render_view(look, view, job, find)
            if (status := look.jobs.get(job)) is not None:
                parts["state"] = f"{status.state} {status.attempt}"
            for name, text in parts.items():
                if sent.get(name) != text:
                    sent[name] = text
                    yield [encode_frame(text, event=name)]
            if loop.time() >= until:
                return

"""Cancels or replays all jobs that a filter finds, after a count and a question."""

import asyncio
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.queue_access import queue_of
from gateway.ui.actions import REASON, log_action, redirect_back
from gateway.ui.job_filter import STATES, JobFilter
from gateway.ui.pages import render_static_page
from gateway.ui.session import Action
from llamaq import AsyncJobQueue, JobStatus
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.status import TERMINAL_STATES

router = APIRouter()
MOST = 10_000
"""The most jobs of one action."""
AT_ONCE = 50
Verb = Literal["cancel", "replay"]


@router.post("/ui/bulk/{verb}/count")
async def count_jobs(request: Request, form: Action, verb: Verb) -> Response:
    """Count the jobs that the filter finds, and ask. Jobs that are submitted afterwards are not meant."""
    given = JobFilter.of(form)
    which = JobFilter(given.states, {"until": datetime.fromtimestamp(SYSTEM.time(), UTC).isoformat(), **given.texts})
    jobs = await _find_jobs(queue_of(request), which, verb)
    number = f"{len(jobs):,}" + (" (no more at a time)" if len(jobs) == MOST else "")
    return await render_static_page(
        request,
        "question.html",
        "jobs",
        title=f"{verb.capitalize()} {number} jobs?" if jobs else f"There is no job to {verb}",
        text=_QUESTIONS[verb] + ("; ".join(f"{name} = {value}" for name, value in which.pairs)),
        action=f"/ui/bulk/{verb}" if jobs else "",
        yes=f"{verb.capitalize()} them",
        no=f"/ui/jobs?{given.query}",
        fields=which.pairs,
    )


@router.post("/ui/bulk/{verb}")
async def run(request: Request, form: Action, verb: Verb) -> Response:
    """Cancel or replay the jobs that the question was about."""
    queue, which = queue_of(request), JobFilter.of(form)
    jobs = await _find_jobs(queue, which, verb)
    log_action(request, f"{verb} in bulk", jobs=len(jobs))
    for first in range(0, len(jobs), AT_ONCE):
        await asyncio.gather(*(_DO[verb](queue, job) for job in jobs[first : first + AT_ONCE]))
    return redirect_back(f"/ui/jobs?{which.query}" if verb == "cancel" else "/ui/jobs", verb)


_QUESTIONS = {
    "cancel": "Those that have not ended, of the filter: ",
    "replay": "Those that have ended, each as a new job, of the filter: ",
}


async def _find_jobs(queue: AsyncJobQueue, which: JobFilter, verb: Verb) -> list[JobStatus]:
    wanted = [one for one in which.states or STATES if (one in TERMINAL_STATES) == (verb == "replay")]
    if not wanted:
        return []
    return list(await queue.jobs(MOST, **{**which.arguments(), "state": wanted}))


async def _cancel(queue: AsyncJobQueue, job: JobStatus) -> None:
    await queue.job(job.id).cancel(REASON)


async def _replay(queue: AsyncJobQueue, job: JobStatus) -> None:
    try:
        await queue.replay(job.id)
    except JobNotFound:  # it is no longer kept
        return


_DO = {"cancel": _cancel, "replay": _replay}

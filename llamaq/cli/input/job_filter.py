"""The options that choose among the jobs that are kept, and how many entries a list has."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, get_args

import click

from llamaq.cli.input.moments import parse_past
from llamaq.cli.input.numbers import WholeRange
from llamaq.client.blocking.queue import JobQueue
from llamaq.client.list_pages import MOST_LISTED, PAGE
from llamaq.vocabulary.kinds.request import LANES
from llamaq.vocabulary.requests import KINDS
from llamaq.vocabulary.status import JobStatus, State

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--state", type=click.Choice(get_args(State)), multiple=True, help="Only those in this state."),
    click.option("--model", metavar="MODEL", help="Only those of this model."),
    click.option("--kind", type=click.Choice(KINDS), help="Only those of this kind."),
    click.option("--tenant", metavar="TENANT", help="Only those of this tenant."),
    click.option("--lane", type=click.Choice(LANES), help="Only those of this priority."),
    click.option("--code", metavar="CODE", help="Only those that failed with this error code."),
    click.option(
        "--since", callback=parse_past, metavar="TIME", help="Only those submitted since: 2h, or 2026-11-28T14:05."
    ),
    click.option("--until", callback=parse_past, metavar="TIME", help="Only those submitted before."),
)

_LIMIT = WholeRange(1, MOST_LISTED)
limited = click.option("--limit", type=_LIMIT, default=50, show_default=True, metavar="N", help="At most N.")


def filter_options(command: F) -> F:
    """Add the options to a command, which gets their values as keywords: what `JobQueue.jobs` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def list_kept(queue: JobQueue, **which: Any) -> Iterator[JobStatus]:
    """List all jobs that are kept and that the filter lets through, the newest first, page by page."""
    cursor: str | None = None
    while True:
        page = queue.jobs(PAGE, after=cursor, **which)
        yield from page
        cursor = page.cursor
        if cursor is None:
            return

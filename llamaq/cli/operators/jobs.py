"""The command that lists jobs."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import click

from llamaq.cli.input.job_filter import filter_options, limited, list_kept
from llamaq.cli.session import Session
from llamaq.cli.terminal import tables
from llamaq.cli.terminal.duration import format_seconds, seconds_since
from llamaq.cli.terminal.tables import Column, Sheet
from llamaq.cli.verb import Verb
from llamaq.vocabulary.status import JobStatus
from llamaq.vocabulary.wire import wire_object

_STATES = (
    ("queued", "cyan"),
    ("running", "blue"),
    ("retrying", "yellow"),
    ("completed", "green"),
    ("failed", "red"),
    ("cancelled", "dim"),
    ("expired", "dim"),
)
_JOBS = (
    Column("Id"),
    Column("State", styles=_STATES),
    Column("Model", folds=True),
    Column("Age", right=True),
    Column("Took", right=True, spare=True),
    Column("Kind", spare=True),
    Column("Host", spare=True),
    Column("Attempt", right=True, spare=True),
    Column("Error", spare=True),
    Column("Tenant", spare=True),
    Column("Lane", spare=True),
    Column("Worker", spare=True),
    Column("Waits", folds=True, spare=True),
)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq jobs --limit 10
  llamaq jobs --dead
  llamaq jobs --tenant shop --state queued --state running
  llamaq jobs --state failed --since 2h --json | jq -r .error.message""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line; the results are left out.")
@limited
@click.option("--all", "every", is_flag=True, help="All that there are.")
@filter_options
@click.option("--dead", is_flag=True, help="Only those that failed though another try might help: see `llamaq replay`.")
@click.pass_obj
def jobs(session: Session, /, limit: int, *, every: bool, dead: bool, as_json: bool, **which: Any) -> None:
    """List the jobs that are kept, the newest first.

    A terminal shows as many columns as fit. In a pipe all are there, separated by tabs, with a line of titles first.
    """
    if dead and which["state"]:
        raise click.UsageError("--dead goes without --state")
    found = islice(_list_jobs(session, which, dead=dead), None if every else limit)
    if as_json:
        for job in found:
            session.screen.write_record(wire_object(job, without=frozenset({"result"})))
        return
    rows = [_row(job) for job in found]
    tables.write(session.screen, Sheet(_JOBS, rows))
    if not rows:
        states = " or ".join(which["state"])
        session.screen.note(f"no such jobs are kept{f' in the state {states}' if states else ''}")


def _list_jobs(session: Session, which: dict[str, Any], *, dead: bool) -> Iterator[JobStatus]:
    if not dead:
        return list_kept(session.queue, **which)
    return filter(_is_given_up, list_kept(session.queue, **which | {"state": "failed"}))


def _is_given_up(job: JobStatus) -> bool:
    return job.error is not None and (job.error.retryable or job.error.code == "attempts_exhausted")


def _row(job: JobStatus) -> list[str]:
    return [
        job.id,
        job.state if job.position is None else f"queued #{job.position + 1}",
        job.model,
        format_seconds(max(0.0, seconds_since(job.submitted_at))),
        _describe_duration(job.started_at, job.finished_at),
        job.kind,
        job.host or "",
        str(job.attempt),
        "" if job.error is None else job.error.code,
        job.tenant or "",
        job.lane or "",
        job.worker or "",
        "" if job.why is None else job.why.word.replace("_", " "),
    ]


def _describe_duration(started: datetime | None, finished: datetime | None) -> str:
    if started is None:
        return ""
    return format_seconds(
        max(0.0, seconds_since(started) if finished is None else (finished - started).total_seconds())
    )

"""The commands about submitted jobs: follow, result, status, cancel, delete."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from llamaq.cli import exit_codes
from llamaq.cli.commands.follow import follow as follow_job
from llamaq.cli.exit_codes import TIMEOUT, Ended
from llamaq.cli.input.job_filter import filter_options, list_kept
from llamaq.cli.input.numbers import NumberRange
from llamaq.cli.session import Session
from llamaq.cli.terminal import answer
from llamaq.cli.terminal.waiting_line import position_text
from llamaq.cli.verb import Verb
from llamaq.vocabulary.errors import JobNotFound
from llamaq.vocabulary.status import TERMINAL_STATES, JobStatus
from llamaq.vocabulary.wire import wire_object

_UNENDED = ("queued", "running", "retrying")
_CURSOR = re.compile(r"\d{1,20}(-\d{1,20})?", re.ASCII)


def _parse_cursor(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _CURSOR.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no cursor: it looks like 1718000000000-0", ctx, param)
    return value


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq follow 5f0c...                     (from the start)
  llamaq follow 5f0c... --after 1718000000000-0
  llamaq follow 5f0c... --json | jq -r 'select(.type=="delta").text'""",
)
@click.argument("job")
@click.option("--after", metavar="CURSOR", callback=_parse_cursor, help="Only what comes behind this event.")
@click.option("--json", "as_json", is_flag=True, help="Print the events, one JSON object per line.")
@click.pass_obj
def follow(session: Session, job: str, after: str | None, *, as_json: bool) -> None:
    """Show the answer of JOB from its start, as it is written. After Ctrl-C the job goes on."""
    handle = session.job(job)
    follow_job(session, handle, handle.status().kind, as_json=as_json, after=after)


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq result 5f0c... --timeout 60 > answer.txt")
@click.argument("job")
@click.option("--timeout", type=NumberRange(min=0), metavar="S", help="Wait at most S seconds, then exit with 124.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result, with usage and timings, as JSON.")
@click.pass_obj
def result(session: Session, job: str, timeout: float | None, *, as_json: bool) -> None:
    """Wait for the end of JOB, and print its answer alone: the text, the value, or the vectors."""
    try:
        found = session.job(job).result(timeout)
    except TimeoutError:
        session.screen.note(f"job {job} has not ended within {timeout:g} s; it goes on")
        raise Ended(TIMEOUT) from None
    if as_json:
        session.screen.write_json(found.model_dump_json(exclude_none=True))
    else:
        answer.write(session.screen, found)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq cancel 5f0c... 77ab... --reason 'the user left'
  llamaq cancel --all --tenant shop --since 2h""",
)
@click.argument("jobs", nargs=-1, metavar="[JOB...]")
@click.option("--reason", metavar="TEXT", default="cancelled at the command line", help="Told to whoever follows it.")
@click.option("--all", "every", is_flag=True, help="In place of JOB: all that have not ended, or of these:")
@click.option("--yes", is_flag=True, help="With --all: do not ask.")
@filter_options
@click.pass_obj
def cancel(session: Session, /, jobs: tuple[str, ...], reason: str, *, every: bool, yes: bool, **which: Any) -> None:
    """Cancel each JOB, in whatever state it is; with --all those that have not ended, after a question.

    Prints a line for each. A job that had ended already is left as it is, and gives exit code 1; one that does not
    exist gives 6, after the others were cancelled.
    """
    chosen = any(value for value in which.values())
    if bool(jobs) == every or (chosen and not every):
        raise click.UsageError("give the ids of jobs; or --all, with which --tenant and the others choose")
    if every:
        _cancel_all(session, reason, which, yes=yes)
    elif any(codes := [_cancel(session, job, reason) for job in jobs]):
        raise Ended(max(codes))


def _cancel_all(session: Session, reason: str, which: dict[str, Any], *, yes: bool) -> None:
    if ended := TERMINAL_STATES.intersection(which["state"]):
        raise click.UsageError(f"--state {min(ended)}: such jobs have ended")
    found = [job.id for job in list_kept(session.queue, **which | {"state": which["state"] or _UNENDED})]
    if not found:
        session.screen.note("no such job is queued or running")
        return
    if not yes and not click.confirm(f"cancel {len(found)} job{'s' * (len(found) > 1)}?", err=True):
        raise Ended(exit_codes.FAILED)
    for job in found:
        try:
            cancelled = session.job(job).cancel(reason)
        except JobNotFound:  # it was deleted meanwhile
            continue
        if cancelled:
            session.screen.write_line(f"{job} cancelled")


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq delete 5f0c... 77ab...")
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
@click.pass_obj
def delete(session: Session, jobs: tuple[str, ...]) -> None:
    """Delete each JOB: its record, its log, and the images that no other job shows.

    One that has not ended is cancelled first. Prints a line for each. One that does not exist gives exit code 6, after
    the others were deleted.
    """
    missing = False
    for job in jobs:
        if session.queue.delete(job, "deleted at the command line"):
            session.screen.write_line(f"{job} deleted")
        else:
            session.explain(JobNotFound(job))
            missing = True
    if missing:
        raise Ended(exit_codes.NOT_FOUND)


def _cancel(session: Session, job: str, reason: str) -> int:
    try:
        done = session.job(job).cancel(reason)
    except JobNotFound as error:
        session.explain(error)
        return exit_codes.NOT_FOUND
    if not done:
        session.screen.note(f"job {job} had ended already: {session.job(job).status().state}")
        return exit_codes.FAILED
    session.screen.write_line(f"{job} cancelled")
    return 0


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq status 5f0c... --json | jq -r .state")
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="Print the record as one JSON object.")
@click.pass_obj
def status(session: Session, job: str, *, as_json: bool) -> None:
    """Show the record of JOB. The exit code is 0 in every state."""
    record = session.job(job).status()
    if as_json:
        session.screen.write_record(wire_object(record))
        return
    for name, value in _record_lines(record):
        session.screen.write_line(f"{name + ':':<11}{value}")


def _record_lines(record: JobStatus) -> Iterator[tuple[str, Any]]:
    yield "id", record.id
    yield (
        "state",
        record.state if record.state != "queued" else f"queued ({position_text(record.position, record.eta_seconds)})",
    )
    if record.why is not None:
        yield "why", record.why.sentence
    yield "kind", record.kind
    yield "model", record.model
    yield "attempt", record.attempt
    for name in ("tenant", "lane", "host", "worker", "submitted_at", "started_at", "finished_at", "reason"):
        if (value := getattr(record, name)) is not None:
            yield name.removesuffix("_at"), _format_local(value) if isinstance(value, datetime) else value
    if record.error is not None:
        yield "error", f"{record.error.reason or record.error.code}: {record.error.message}"


def _format_local(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")

"""The commands of operators: workers, queue, pause, resume and drain."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from llamaq.cli.session import Session
from llamaq.cli.terminal import tables
from llamaq.cli.terminal.duration import format_seconds, seconds_since
from llamaq.cli.terminal.tables import Column, Sheet
from llamaq.cli.verb import Verb
from llamaq.vocabulary.models import WorkerStatus
from llamaq.vocabulary.status import QueueStatus
from llamaq.vocabulary.wire import wire_object

_WORKERS = (
    Column("Worker", folds=True),
    Column("Host", folds=True),
    Column("State", styles=(("running", "green"), ("paused", "yellow"), ("draining", "yellow"))),
    Column("Slots used", right=True),
    Column("Version", spare=True),
    Column("Since", right=True, spare=True),
    Column("Seen", right=True),
)
_QUEUE = (
    Column("Model", folds=True),
    Column("Lane"),
    Column("Waiting", right=True),
    Column("Oldest", right=True),
    Column("Starts in", right=True, spare=True),
    Column("Why", folds=True),
)
F = TypeVar("F", bound=Callable[..., Any])


def _target_options(command: F) -> F:
    """Add the options that name a host or a model."""
    command = click.option("--model", metavar="MODEL", help="This model, on all hosts.")(command)
    return click.option("--host", metavar="HOST", help="This host; see `llamaq hosts`.")(command)


def _describe_target(host: str | None, model: str | None) -> str:
    if (host is None) == (model is None):
        raise click.UsageError("give either --host or --model")
    return f"host {host}" if model is None else f"model {model}"


@click.command(cls=Verb, epilog="\b\nExamples:\n  llamaq pause --host gpu-1\n  llamaq pause --model llama3.2")
@_target_options
@click.pass_obj
def pause(session: Session, host: str | None, model: str | None) -> None:
    """Give a host, or a model, no new jobs. They wait; what runs ends.

    It holds until `llamaq resume`, also when workers are started anew. Pulls, loads and unloads still run on the host.
    """
    named = _describe_target(host, model)
    with session.explain_refusals():
        session.queue.pause(host=host, model=model)
    session.screen.write_line(f"{named} paused")


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq drain --host gpu-1 && llamaq workers")
@_target_options
@click.pass_obj
def drain(session: Session, host: str | None, model: str | None) -> None:
    """As pause, and pulls, loads and unloads wait too: for a host that is to be shut down.

    `llamaq workers` shows how many slots are still used. `llamaq resume` ends it.
    """
    named = _describe_target(host, model)
    with session.explain_refusals():
        session.queue.drain(host=host, model=model)
    session.screen.write_line(f"{named} draining")


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq resume --host gpu-1")
@_target_options
@click.pass_obj
def resume(session: Session, host: str | None, model: str | None) -> None:
    """End a pause or a drain. Jobs that wait are assigned at once."""
    named = _describe_target(host, model)
    with session.explain_refusals():
        session.queue.resume(host=host, model=model)
    session.screen.write_line(f"{named} gets jobs again")


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq workers --json | jq -r 'select(.state==\"draining\").name'")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with all fields.")
@click.pass_obj
def workers(session: Session, *, as_json: bool) -> None:
    """List the worker processes: their hosts, what they do, and when they were last seen.

    A worker is draining while it stops, and while its host is drained.
    """
    found = session.queue.workers()
    if as_json:
        for worker in found:
            session.screen.write_record(wire_object(worker))
        return
    tables.write(session.screen, Sheet(_WORKERS, [_worker_row(worker) for worker in found]))
    if not found:
        session.screen.note("no worker has reported in the last 15 s: is one running, with the same --prefix?")


def _worker_row(worker: WorkerStatus) -> list[str]:
    return [
        worker.name,
        worker.host,
        worker.state,
        str(worker.slots_used),
        worker.version or "",
        "" if worker.since is None else format_seconds(max(0.0, seconds_since(worker.since))),
        "" if worker.seen_at is None else format_seconds(max(0.0, seconds_since(worker.seen_at))),
    ]


@click.command(cls=Verb, epilog="\b\nExamples:\n  llamaq queue\n  llamaq queue --tenants")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with all fields.")
@click.option("--tenants", is_flag=True, help="How many jobs of each tenant wait instead.")
@click.pass_obj
def queue(session: Session, *, as_json: bool, tenants: bool) -> None:
    """List what waits, by model and lane: how many jobs, the age of the oldest, and why.

    `Starts in` is an estimate for a job that is submitted now. A line without a lane has jobs that wait for their time.
    """
    if tenants:
        rows = [[tenant, str(number)] for tenant, number in session.queue.waiting_by_tenant().items()]
        records: list[dict[str, Any]] = [{"tenant": tenant, "waiting": int(number)} for tenant, number in rows]
        sheet = Sheet((Column("Tenant", folds=True), Column("Waiting", right=True)), rows)
    else:
        found = session.queue.waiting()
        records = [wire_object(each) for each in found]
        sheet = queue_sheet(found)
    if as_json:
        for record in records:
            session.screen.write_record(record)
        return
    tables.write(session.screen, sheet)
    if not records:
        session.screen.note("nothing waits")


def queue_sheet(found: Sequence[QueueStatus]) -> Sheet:
    """What waits, as rows."""
    return Sheet(_QUEUE, [_queue_row(each) for each in found])


def _queue_row(found: QueueStatus) -> list[str]:
    return [
        found.model,
        found.lane or "",
        str(found.waiting),
        "" if found.oldest_seconds is None else format_seconds(found.oldest_seconds),
        "" if found.eta_seconds is None else format_seconds(found.eta_seconds),
        found.why.sentence,
    ]

"""The command that shows a fleet at work: hosts, what waits, and what runs."""

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from llamaq.cli.commands.listing import WATCH_SECONDS, hosts_sheet
from llamaq.cli.operators.fleet import queue_sheet
from llamaq.cli.session import Session
from llamaq.cli.terminal import tables
from llamaq.cli.terminal.duration import format_seconds, seconds_since
from llamaq.cli.terminal.interrupts import Interrupts, ignore_interrupts
from llamaq.cli.terminal.tables import Column, Sheet
from llamaq.cli.verb import Verb
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.status import JobStatus

_RUNNING = (
    Column("Job"),
    Column("Model", folds=True),
    Column("Host", folds=True),
    Column("Tenant", spare=True),
    Column("Runs", right=True),
    Column("Tokens", right=True),
    Column("Tokens/s", right=True),
    Column("Last token", right=True, spare=True),
    Column("Attempt", right=True, spare=True),
    Column("Worker", folds=True, spare=True),
)


class Rates:
    """The tokens per second of running jobs, between two looks at them."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, int], int] = {}
        self._at = 0.0

    def of(self, jobs: list[JobStatus], at: float) -> dict[str, float]:
        """The rates since the look before, by job; a job that has begun since has none."""
        passed, before = at - self._at, self._before
        self._at, self._before = at, {(job.id, job.attempt): job.tokens for job in jobs}
        known = [job for job in jobs if (job.id, job.attempt) in before and passed > 0]
        return {job.id: (job.tokens - before[job.id, job.attempt]) / passed for job in known}


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq top")
@click.pass_obj
def top(session: Session) -> None:
    """Show the fleet at work: hosts, what waits and why, and each running job with its tokens per second."""
    if not session.screen.terminal:
        raise click.UsageError("it needs a terminal; see `llamaq hosts`, `queue` and `jobs --state running`")
    console, rates = session.screen.stdout_console(), Rates()
    with Interrupts(), Live(console=console, auto_refresh=False, screen=True) as live:
        try:
            while True:
                live.update(_screen(session, rates, console.width), refresh=True)
                SYSTEM.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            ignore_interrupts()


def _screen(session: Session, rates: Rates, width: int) -> RenderableType:
    running = session.queue.running()
    parts = {
        "Hosts": hosts_sheet(session.queue.hosts()),
        "Waiting": queue_sheet(session.queue.waiting()),
        "Running": running_sheet(running, rates.of(running, SYSTEM.monotonic())),
    }
    shown: list[RenderableType] = []
    for title, sheet in parts.items():
        shown += [Text(f"{title}: {len(sheet.rows)}", style="bold"), tables.build_table(sheet.fit(width)), Text()]
    return Group(*shown)


def running_sheet(running: list[JobStatus], rates: dict[str, float]) -> Sheet:
    """The running jobs as rows."""
    return Sheet(_RUNNING, [_row(job, rates.get(job.id)) for job in running])


def _row(job: JobStatus, rate: float | None) -> list[str]:
    return [
        job.id,
        job.model,
        job.host or "",
        job.tenant or "",
        "" if job.started_at is None else format_seconds(max(0.0, seconds_since(job.started_at))),
        str(job.tokens),
        "" if rate is None else f"{rate:.1f}",
        "" if job.last_token_at is None else f"{format_seconds(max(0.0, seconds_since(job.last_token_at)))} ago",
        str(job.attempt),
        job.worker or "",
    ]

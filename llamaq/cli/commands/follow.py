"""Follows a job on the screen to its end. After Ctrl-C the job goes on."""

from typing import Any

from llamaq.cli.exit_codes import DETACHED, Ended
from llamaq.cli.session import Session
from llamaq.cli.terminal.interrupts import Interrupts, ignore_interrupts
from llamaq.cli.terminal.show import Lines, Prose, View
from llamaq.cli.terminal.waiting_line import WaitingLine
from llamaq.client.blocking.job import Job
from llamaq.client.job_events import read_outcome
from llamaq.vocabulary.errors import BrokerUnavailable
from llamaq.vocabulary.events import Event
from llamaq.vocabulary.results import AnyResult


def follow(session: Session, job: Job[Any], kind: str, *, as_json: bool, after: str | None = None) -> None:
    """Show the job from a cursor to its end, and return when it has completed.

    Raises:
        Ended: Ctrl-C; the command that follows the job again was written.
        JobFailed, JobCancelled, JobExpired: it did not complete.
        BrokerUnavailable: Redis did not answer; the command that follows the job again was written.
    """
    reading = Reading(session, job, _build_view(session, job, kind, as_json=as_json, resumed=after is not None), after)
    with Interrupts() as interrupts:
        try:
            reading.show_to_end(interrupts)
        except KeyboardInterrupt:
            ignore_interrupts()
            again = session.follow_command(job.id, reading.cursor)
            session.screen.note(f"detached; the job goes on. Follow it again: {again}")
            raise Ended(DETACHED) from None


def print_or_follow(session: Session, job: Job[Any], kind: str, *, detach: bool, as_json: bool) -> None:
    """Print the id of a new job, or follow it."""
    if detach:
        session.screen.write_line(job.id)
    else:
        follow(session, job, kind, as_json=as_json)


class Reading:
    """One reading of a job's log.

    Attributes:
        cursor: of the last event that was shown.
    """

    def __init__(self, session: Session, job: Job[Any], view: View, after: str | None = None) -> None:
        self._session = session
        self._job = job
        self._view = view
        self.cursor = after

    def show_to_end(self, interrupts: Interrupts) -> AnyResult:
        """Show every event. Raises as `follow`, and KeyboardInterrupt between two events."""
        try:
            last = self._show_events(interrupts)
            # There is no event behind the cursor of the terminal event, but the outcome decides the exit code.
            return self._job.result() if last is None else read_outcome(self._job.id, last)
        except BrokerUnavailable:
            again = self._session.follow_command(self._job.id, self.cursor)
            self._session.screen.note(f"lost sight of the job; it may go on. Follow it again: {again}")
            raise
        finally:
            self._view.close()

    def _show_events(self, interrupts: Interrupts) -> Event | None:
        # Without fresh events: `--json` writes the log as it is, and the waiting line polls the position itself.
        for event in self._job.events(self.cursor, fresh=False):
            with interrupts.delay():
                self._view.show(event)
                self.cursor = event.cursor
                if event.terminal:
                    interrupts.forget()
                    return event
        return None


def _build_view(session: Session, job: Job[Any], kind: str, *, as_json: bool, resumed: bool) -> View:
    if as_json:
        return Lines(session.screen)
    return build_prose(session, job, kind, resumed=resumed)


def build_prose(session: Session, job: Job[Any], kind: str, *, resumed: bool = False) -> View:
    """Build the view for a person."""
    return Prose(session.screen, WaitingLine(session.screen, job.status), kind, resumed=resumed)

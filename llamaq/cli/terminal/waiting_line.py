"""The waiting line on a terminal: what the job waits for while no text comes, and for how long."""

import threading
from collections.abc import Callable
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.status import Status
from rich.text import Text

from llamaq.cli.terminal.duration import format_seconds
from llamaq.cli.terminal.screen import Screen
from llamaq.escaping import escape_controls
from llamaq.store.clock import SYSTEM, Clock
from llamaq.vocabulary.errors import BrokerUnavailable, LlamaqError
from llamaq.vocabulary.status import JobStatus
from llamaq.vocabulary.wait_reason import Why

_POLL_SECONDS = 1.0
_EXPLAIN_SECONDS = 2.0
_PREVIEW_LINES = 8


class WaitingLine:
    """Shows one message at a time, with its seconds. Where stderr is no terminal, it says once why a job waits."""

    def __init__(self, screen: Screen, status: Callable[[], JobStatus], clock: Clock = SYSTEM) -> None:
        """Make it. `status` is called once a second while the job is queued."""
        self._screen = screen
        self._status = status
        self._clock = clock
        self._line: Status | None = None
        self._message = ""
        self._since = 0.0
        self._preview = ""
        self._poller: threading.Thread | None = None
        self._stopped = threading.Event()

    def show_position(self, position: int | None, eta_seconds: float | None) -> None:
        """Show the position in the queue, and update it once a second."""
        self.say(position_text(position, eta_seconds))
        if self._poller is None:
            self._stopped.clear()
            look = self._explain if self._line is None else self._poll
            self._poller = threading.Thread(target=look, name="llamaq-position", daemon=True)
            self._poller.start()

    def say(self, message: str) -> None:
        """Show a message."""
        self._stop_polling()
        self._since, self._preview = self._clock.monotonic(), ""
        self._show(message)

    def show_preview(self, text: str) -> None:
        """Show the last lines of the text so far, below the message."""
        self._preview += escape_controls(text)
        self._show(self._message)

    def stop(self) -> None:
        """Remove the line."""
        self._stop_polling()
        if self._line is not None:
            self._line.stop()
            self._line = None

    def __rich__(self) -> RenderableType:
        waited = format_seconds(float(int(self._clock.monotonic() - self._since)))
        head = Text(f"{self._message}  {waited if self._clock.monotonic() - self._since >= 1 else ''}", no_wrap=True)
        if not self._preview:
            return head
        return Group(head, Text("\n".join(self._preview.splitlines()[-_PREVIEW_LINES:]), style="dim"))

    def _show(self, message: str) -> None:
        self._message = escape_controls(message)
        if self._line is None and self._screen.live:
            self._line = Status(self, console=self._screen.console)
            self._line.start()

    def _stop_polling(self) -> None:
        if self._poller is not None:
            self._stopped.set()
            self._poller.join(_POLL_SECONDS)
            self._poller = None

    def _explain(self) -> None:
        said = ""
        while not self._stopped.wait(_EXPLAIN_SECONDS):
            with suppress(LlamaqError):  # the reader of the job says what is wrong
                why = self._status().why
                if why is not None and why.word != said and not self._stopped.is_set():
                    said = why.word
                    self._screen.note(f"waiting: {why.sentence}")

    def _poll(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                status = self._status()
            except BrokerUnavailable:
                self._message = "Redis does not answer; the job is safe, trying again"
            except LlamaqError as error:
                self._message = escape_controls(str(error))
            else:
                if status.state == "queued":
                    self._message = position_text(status.position, status.eta_seconds, status.why)


def position_text(position: int | None, eta_seconds: float | None, why: Why | None = None) -> str:
    """The position in the queue as text, and why the job waits, where that is more than the jobs ahead."""
    if position is None:
        return "about to start" if why is None else why.sentence
    ahead = "next in the queue" if position == 0 else f"queued: {position} job{'s' * (position > 1)} ahead"
    if eta_seconds is not None:
        ahead += f", starts in about {format_seconds(eta_seconds)}"
    return ahead if why is None or why.word == "busy" else f"{ahead}. {why.sentence}"

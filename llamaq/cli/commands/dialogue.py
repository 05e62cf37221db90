"""A dialogue at the terminal: a turn per line, until Ctrl-D."""

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

from llamaq.cli.commands.follow import Reading, build_prose
from llamaq.cli.program import program
from llamaq.cli.session import Session
from llamaq.cli.terminal.interrupts import Interrupts
from llamaq.client.blocking.job import Job
from llamaq.vocabulary.errors import JobError, QueueFull
from llamaq.vocabulary.fields import AnyMessage, ChatFields
from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.results import AnyResult

_GOODBYES = frozenset({"/bye", "/exit", "/quit"})
_PROMPT = ">>> "


class History(Protocol):
    """The turns so far."""

    def add_question(self, message: str) -> ChatFields:
        """Add the question of the next turn; returns the fields of its request."""

    def add_answer(self, result: AnyResult | None) -> None:
        """Take the result of the turn; None drops the turn."""

    def farewell(self, model: str) -> str:
        """The note at the end; empty for none."""


class KeptHistory:
    """A conversation that the queue keeps under a name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._answered = False

    def add_question(self, message: str) -> ChatFields:
        """Return the name and the new message."""
        return {"conversation": self._name, "message": message}

    def add_answer(self, result: AnyResult | None) -> None:
        """Note that there is a conversation: a worker keeps a turn that has an answer."""
        self._answered = self._answered or result is not None

    def farewell(self, model: str) -> str:
        """The command that continues the conversation."""
        return f"Continue it: {program()} chat {model} --conversation {self._name}" if self._answered else ""


class _Asked(ChatFields, total=False):
    messages: Sequence[AnyMessage]


class LocalHistory:
    """Messages in this program. All are sent with each turn, and none is kept."""

    def __init__(self, system: str | None) -> None:
        self._messages: list[Any] = [] if system is None else [{"role": "system", "content": system}]

    def add_question(self, message: str) -> _Asked:
        """Add the question; returns all messages."""
        self._messages.append({"role": "user", "content": message})
        return {"messages": list(self._messages)}

    def add_answer(self, result: AnyResult | None) -> None:
        """Add the text of the answer, or remove the question."""
        if isinstance(result, ChatResult) and result.text:
            self._messages.append({"role": "assistant", "content": result.text})
        else:
            self._messages.pop()

    def farewell(self, model: str) -> str:  # noqa: ARG002 - the other history needs it
        """No note, because nothing can be continued."""
        return ""


class Dialogue:
    """Reads turns from stdin, and shows their answers."""

    def __init__(self, session: Session, model: str, history: History, fields: dict[str, Any]) -> None:
        self._session = session
        self._screen = session.screen
        self._model = model
        self._history = history
        self._fields = fields

    def run(self) -> None:
        """Take turns until Ctrl-D or /bye."""
        if importlib.util.find_spec("readline"):
            importlib.import_module("readline")  # its import alone gives input() a history and editing keys
        self._screen.note(f"chat with {self._model}: a turn per line, Ctrl-C stops an answer, Ctrl-D ends", "dim")
        try:
            while True:
                self._read_turn()
        except EOFError:
            if farewell := self._history.farewell(self._model):
                self._screen.note(farewell, "dim")

    def _read_turn(self) -> None:
        try:
            line = self._read_line()
        except KeyboardInterrupt:
            self._screen.note("\nCtrl-D or /bye ends the chat", "dim")
            return
        except EOFError:
            self._screen.note("")  # Ctrl-D leaves the prompt's line open
            raise
        if line in _GOODBYES:
            raise EOFError
        if line:
            self._take_turn(line)

    def _read_line(self) -> str:
        if self._screen.terminal:
            return input(_PROMPT).strip()
        # Stdout is no terminal, so the prompt is written to stderr.
        self._screen.console.print(_PROMPT, end="")
        return input().strip()

    def _take_turn(self, message: str) -> None:
        result: AnyResult | None = None
        try:
            job = self._session.queue.chat(self._model, **self._history.add_question(message), **self._fields)
            result = self._answer(job)
        except (JobError, QueueFull) as error:
            self._session.explain(error)
        finally:
            self._history.add_answer(result)

    def _answer(self, job: Job[Any]) -> AnyResult | None:
        reading = Reading(self._session, job, build_prose(self._session, job, "chat"))
        with Interrupts() as interrupts:
            try:
                return reading.show_to_end(interrupts)
            except KeyboardInterrupt:
                # Without a cancel the next turn would wait for this one, which would also be kept.
                job.cancel("stopped at the terminal")
                self._screen.note("stopped; this turn is not kept", "yellow")
                return None

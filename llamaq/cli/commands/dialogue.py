"""A conversation at the terminal: a turn per line, until Ctrl-D."""

import importlib.util
from typing import Any, Protocol

from llamaq.cli import exits
from llamaq.cli.commands.follow import Reading, prose
from llamaq.cli.session import Session
from llamaq.cli.terminal.interrupts import Interrupts
from llamaq.client.blocking.job import Job
from llamaq.vocabulary.errors import JobError, QueueFull
from llamaq.vocabulary.fields import ChatFields
from llamaq.vocabulary.kinds.chat import ChatResult
from llamaq.vocabulary.results import AnyResult

_GOODBYES = frozenset({"/bye", "/exit", "/quit"})
_PROMPT = ">>> "


class History(Protocol):
    """Where the turns so far are."""

    def ask(self, message: str) -> ChatFields:
        """The fields of a request for the next turn."""

    def answered(self, result: AnyResult | None) -> None:
        """The turn ended: with an answer, or (None) as if it had never been asked."""

    def farewell(self, model: str) -> str:
        """What to say at the end."""


class Kept:
    """In the queue, under a name: it outlives this program."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._answered = False

    def ask(self, message: str) -> ChatFields:
        """The name and what is new."""
        return {"conversation": self._name, "message": message}

    def answered(self, result: AnyResult | None) -> None:
        """The worker keeps a turn once it has its answer."""
        self._answered = self._answered or result is not None

    def farewell(self, model: str) -> str:
        """How to continue."""
        return f"Continue it: llamaq chat {model} --conversation {self._name}" if self._answered else ""


class Held:
    """Here, in full: sent with each turn, and gone with this program."""

    def __init__(self, system: str | None) -> None:
        self._messages: list[Any] = [] if system is None else [{"role": "system", "content": system}]

    def ask(self, message: str) -> ChatFields:
        """All messages."""
        self._messages.append({"role": "user", "content": message})
        return {"messages": list(self._messages)}

    def answered(self, result: AnyResult | None) -> None:
        """Keep the answer's text, or forget the question."""
        if isinstance(result, ChatResult) and result.text:
            self._messages.append({"role": "assistant", "content": result.text})
        else:
            self._messages.pop()

    def farewell(self, model: str) -> str:  # noqa: ARG002 - the other history names it
        """Nothing can be continued."""
        return ""


class Conversation:
    """Reads turns from stdin and shows their answers."""

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
        # The answers go elsewhere: so the prompt must not go with them.
        self._screen.console.print(_PROMPT, end="")
        return input().strip()

    def _take_turn(self, message: str) -> None:
        result: AnyResult | None = None
        try:
            job = self._session.queue.chat(self._model, **self._history.ask(message), **self._fields)
            result = self._answer(job)
        except (JobError, QueueFull) as error:
            for line in exits.explain(error):
                self._screen.note(line)
        finally:
            self._history.answered(result)

    def _answer(self, job: Job[Any]) -> AnyResult | None:
        reading = Reading(self._session, job, prose(self._session, job, "chat"))
        with Interrupts() as interrupts:
            try:
                return reading.to_the_end(interrupts)
            except KeyboardInterrupt:
                # Left alone it would hold up the next turn, and be kept as a turn that nobody saw.
                job.cancel("stopped at the terminal")
                self._screen.note("stopped; this turn is not kept", "yellow")
                return None

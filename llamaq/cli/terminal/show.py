"""Shows the events of a job on the screen."""

from typing import Protocol

from llamaq.cli.terminal import answer
from llamaq.cli.terminal.duration import format_seconds
from llamaq.cli.terminal.pulling import describe_pull
from llamaq.cli.terminal.screen import Screen
from llamaq.cli.terminal.waiting_line import WaitingLine
from llamaq.vocabulary.events import Completed, Delta, Event, Progress, Queued, Retrying, Started
from llamaq.vocabulary.kinds.embedding import EmbeddingResult
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.results import AnyResult

_ALSO = {
    "queue": "has the request in its own queue",
    "tool_call": "holds back a tool call until it is whole",
    "structured_output": "holds back the JSON until it is whole",
    "thinking": "holds back the thinking until it is whole",
}
_STAGES = {
    "loading": "loading the model",
    "prompt": "no answer yet: Ollama reads the prompt",
    "repairing": "the answer was not valid; asking again",
    "embedding": "embedding",
}


class View(Protocol):
    """Shows a job's events."""

    def show(self, event: Event) -> None:
        """Show one event, the next in order."""

    def close(self) -> None:
        """End the output, behind the last event."""


class Lines:
    """Shows each event as in the log, with its cursor: one JSON object per line."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def show(self, event: Event) -> None:
        """Write the event's line."""
        # The payload is not parsed, so numbers and the order of fields are those of the log.
        self._screen.write_json(f'{{"cursor":"{event.cursor}",{event.payload[1:]}')

    def close(self) -> None:
        """Do nothing: each line is complete."""


class Prose:
    """Shows the text of the answer as it arrives, and on a terminal the state of the job."""

    def __init__(self, screen: Screen, waiting: WaitingLine, kind: str, *, resumed: bool = False) -> None:
        """Make a view. `resumed` says that an earlier reader may have shown text."""
        self._screen = screen
        self._waiting = waiting
        self._streams = kind != "extraction"
        self._has_text = resumed
        self._began = screen.written_bytes()

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Queued(position=position, eta_seconds=eta):
                self._waiting.show_position(position, eta)
            case Started():
                self._start(event)
            case Progress():
                self._waiting.say(_describe_progress(event))
            case Delta():
                self._show_delta(event)
            case Retrying(error=error, delay_seconds=delay):
                again = f"trying again in {format_seconds(delay)}" if delay else "trying again"
                ended = "drained" if error.reason == "drained" else f"failed: {error.code}"
                self._notice(f"attempt {event.attempt} {ended}: {error.message}; {again}", "yellow")
                self._waiting.say("waiting for the next attempt")
            case Completed(result=result):
                self._complete(result)
            case _:
                self.close()

    def close(self) -> None:
        """Remove the waiting line, and end the line of the answer."""
        self._waiting.stop()
        self._screen.end_line()

    def _start(self, event: Started) -> None:
        if event.attempt > 1 and self._has_text and self._streams:
            self._notice(
                f"--- attempt {event.attempt} began: the text so far is void, and the answer starts anew ---", "yellow"
            )
            if self._began is None or self._screen.written_bytes() is None:
                self._screen.end_line()
            else:
                self._screen.take_back(self._began)
            self._has_text = False
        self._waiting.say(f"started on {event.host}")

    def _show_delta(self, event: Delta) -> None:
        if not self._streams:
            self._waiting.show_preview(event.text or "")
            return
        self._waiting.stop()
        self._screen.show_thinking(event.thinking or "")
        self._screen.write_answer(event.text or "")
        answer.write_tool_calls(self._screen, event.tool_calls or [])
        self._has_text = self._has_text or bool(event.text or event.tool_calls)

    def _complete(self, result: AnyResult) -> None:
        self.close()
        # Deltas are written already. A value and vectors come only with the result.
        if isinstance(result, ExtractionResult | EmbeddingResult) or not self._has_text:
            answer.write(self._screen, result)
        if self._screen.live:
            self._screen.note(answer.figures(result), "dim")

    def _notice(self, text: str, style: str) -> None:
        self._waiting.stop()
        self._screen.note(text, style)


def _describe_progress(event: Progress) -> str:
    """Describe the stage and its numbers: `loading the model (percent 40)`."""
    if event.stage == "pulling":
        return describe_pull(event.model_extra or {})
    extra = dict(event.model_extra or {})
    possible = extra.pop("possible", None)
    also = [_ALSO[each] for each in possible if each in _ALSO] if isinstance(possible, list) else []
    numbers = ", ".join(f"{name} {value}" for name, value in extra.items())
    return ", or ".join([_STAGES.get(event.stage, event.stage), *also]) + (f" ({numbers})" if numbers else "")

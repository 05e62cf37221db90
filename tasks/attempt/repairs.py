"""The requests of one extraction: the first, and those after an answer that was invalid or cut."""

from dataclasses import dataclass
from typing import Any

from llamaq.store.worker.outcome import Error
from tasks.attempt.failures import WorkerEvent, error_of
from tasks.attempt.ollama_request import Reply

MORE_ROOM = 2
"""The factor by which a token limit is raised that has cut an answer."""


@dataclass(frozen=True, slots=True)
class Try:
    """One answer: its value, or its errors, one line each."""

    reply: Reply
    value: Any
    errors: list[str]

    @property
    def cut(self) -> bool:
        """Whether a token limit cut it."""
        return self.reply.done_reason == "length"

    @property
    def tokens(self) -> int:
        """Its tokens; 0 where Ollama gave no count."""
        return self.reply.stats.get("eval_count") or 0


class Repairing:
    """Keeps the invalid answers so far, and makes the next request from the last of them.

    Attributes:
        tries: the invalid answers, in their order.
    """

    def __init__(self, question: dict[str, Any], repairs: int) -> None:
        self._question = question
        self._repairs = repairs
        self._room = max(question.get("options", {}).get("num_predict") or 0, 0)  # 0, -1 and -2 set no limit
        self._cuts: list[Try] = []
        self.tries: list[Try] = []

    @property
    def replies(self) -> list[Reply]:
        """The answers of Ollama."""
        return [one.reply for one in self.tries]

    @property
    def exhausted(self) -> bool:
        """Whether no repair is left."""
        return len(self.tries) > self._repairs

    @property
    def no_room(self) -> bool:
        """Whether the context is full: the last answer was cut at the length of an earlier one, with more room."""
        last = self.tries[-1]
        return last.cut and any(0 < last.tokens <= earlier.tokens for earlier in self._cuts[:-1])

    def add(self, one: Try) -> None:
        """Keep an answer that is not valid."""
        self.tries.append(one)
        if one.cut:
            self._cuts.append(one)
            # A limit of the model file is not in the request, but it shows in the count.
            self._room = MORE_ROOM * max(self._room, one.tokens)

    def alone(self) -> dict[str, Any]:
        """The first request, with the room that the cut answers needed."""
        if not self._cuts or not self._room:
            return self._question
        return {**self._question, "options": {**self._question.get("options", {}), "num_predict": self._room}}

    def next(self) -> dict[str, Any]:
        """The next request: the first one, with the last answer and its errors, unless that answer was cut."""
        body = self.alone()
        if not self.tries or self.tries[-1].cut:  # the model would imitate a cut answer
            return body
        last = self.tries[-1]
        errors = "\n".join(last.errors)
        correction = f"That is not valid:\n{errors}\nAnswer again with the corrected JSON alone."
        answer = {"role": "assistant", "content": last.reply.text}
        return {**body, "messages": [*body["messages"], answer, {"role": "user", "content": correction}]}

    def invalid(self) -> Error:
        """The failure when no repair has helped, or no time is left for one."""
        last, asked = self.tries[-1], len(self.tries) - 1
        when = f"after {asked} repair{'s' * (asked != 1)}"
        late = "" if self.exhausted else "; the deadline left no time for more"
        message = f"no valid answer {when}{late}: {last.errors[0]}"
        return error_of(WorkerEvent.INVALID_OUTPUT, message, _shown(last))

    def overflow(self) -> Error:
        """The failure when the context has no more room for the answer."""
        last = self.tries[-1]
        message = f"the answer was cut at {last.tokens} tokens though it had more room: raise options.num_ctx"
        prompt_tokens = last.reply.stats.get("prompt_eval_count")
        return error_of(WorkerEvent.OUTPUT_TOO_LONG, message, {"n_prompt_tokens": prompt_tokens, **_shown(last)})


def _shown(last: Try) -> dict[str, Any]:
    return {"text": last.reply.text, "errors": last.errors}

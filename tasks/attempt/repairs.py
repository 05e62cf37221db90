"""The requests of one extraction: the first one, and the repairs after an invalid or cut answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llamaq.store.worker.outcome import Error
from tasks.attempt.failures import WorkerEvent, error_of
from tasks.attempt.ollama_request import REPETITION, Reply

LIMIT_FACTOR = 2
"""A token limit that has cut an answer is multiplied by this."""


def build_correction(text: str, errors: Sequence[str]) -> list[dict[str, str]]:
    """Build the messages that show the model its answer, and what is wrong with it."""
    correction = "\n".join(["That is not valid:", *errors, "Answer again with the corrected JSON alone."])
    return [{"role": "assistant", "content": text}, {"role": "user", "content": correction}]


@dataclass(frozen=True, slots=True)
class Try:
    """One answer: its value, or its errors, one line each."""

    reply: Reply
    value: Any
    errors: list[str]

    @property
    def cut(self) -> bool:
        """Whether a token limit cut the answer."""
        return self.reply.done_reason == "length"

    @property
    def repeated(self) -> bool:
        """Whether it was ended because it repeated itself."""
        return self.reply.done_reason == REPETITION

    @property
    def tokens(self) -> int:
        """The tokens of the answer; 0 where Ollama gave no count."""
        return self.reply.stats.get("eval_count") or 0


class Repairing:
    """Keeps the invalid answers, and makes the next request from the last one.

    Attributes:
        tries: the invalid answers, in their order.
    """

    def __init__(self, question: dict[str, Any], repairs: int) -> None:
        self._question = question
        self._repairs = repairs
        self._token_limit = max(question.get("options", {}).get("num_predict") or 0, 0)  # 0, -1 and -2 set no limit
        self._cuts: list[Try] = []
        self.tries: list[Try] = []

    @property
    def replies(self) -> list[Reply]:
        """The answers of Ollama."""
        return [each.reply for each in self.tries]

    @property
    def exhausted(self) -> bool:
        """Whether no repair is left."""
        return len(self.tries) > self._repairs

    @property
    def context_full(self) -> bool:
        """Whether the last answer, with a higher token limit, was cut at the length of an earlier one."""
        last = self.tries[-1]
        return last.cut and any(0 < last.tokens <= earlier.tokens for earlier in self._cuts[:-1])

    def add(self, invalid: Try) -> None:
        """Keep an answer that is not valid."""
        self.tries.append(invalid)
        if invalid.cut:
            self._cuts.append(invalid)
            # The limit may come from the model file. Then the request does not hold it, but the count equals it.
            self._token_limit = LIMIT_FACTOR * max(self._token_limit, invalid.tokens)

    def first_request(self) -> dict[str, Any]:
        """The first request, with a higher token limit after a cut answer."""
        if not self._cuts or not self._token_limit:
            return self._question
        return {**self._question, "options": {**self._question.get("options", {}), "num_predict": self._token_limit}}

    def next_request(self) -> dict[str, Any]:
        """The next request: the first one, with the last answer and its errors, unless that answer was cut."""
        body = self.first_request()
        if not self.tries or self.tries[-1].cut:  # a cut answer is left out, because the model would imitate it
            return body
        last = self.tries[-1]
        if last.repeated:  # left out too
            correction = "An answer before this one repeated itself without end. Answer with the JSON alone, then stop."
            return {**body, "messages": [*body["messages"], {"role": "user", "content": correction}]}
        return {**body, "messages": [*body["messages"], *build_correction(last.reply.text, last.errors)]}

    def invalid_output_error(self) -> Error:
        """The failure after the last repair, or when the deadline leaves no time for one."""
        last, asked = self.tries[-1], len(self.tries) - 1
        when = f"after {asked} repair{'s' * (asked != 1)}"
        late = "" if self.exhausted else "; the deadline left no time for more"
        message = f"no valid answer {when}{late}: {last.errors[0]}"
        return error_of(WorkerEvent.INVALID_OUTPUT, message, _error_details(last))

    def overflow_error(self) -> Error:
        """The failure when the context is full."""
        last = self.tries[-1]
        message = f"the answer was cut at {last.tokens} tokens though it had more room: raise options.num_ctx"
        prompt_tokens = last.reply.stats.get("prompt_eval_count")
        return error_of(
            WorkerEvent.OUTPUT_TOO_LONG, message, {"n_prompt_tokens": prompt_tokens, **_error_details(last)}
        )


def _error_details(last: Try) -> dict[str, Any]:
    return {"text": last.reply.text, "errors": last.errors}

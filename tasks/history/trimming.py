"""What of a history is sent: as much as the model's context holds, in whole messages, the oldest left out first.

Nothing here counts tokens exactly, since only the model's own tokenizer could. A message is weighed by its length, and
the weights are put right by what Ollama counted the last time: over the whole prompt that is close. Where it was not
close enough Ollama refuses the prompt (it is never allowed to cut it), and tells the true figures: `Fitting.tighten`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llamaq.vocabulary.wire import dumps

Said = dict[str, Any]

IMAGE_TOKENS = 768
"""What Ollama itself counts for an image when it must know beforehand."""
BYTES_PER_TOKEN = 3
"""Few enough for every script: English has about four bytes a token, Chinese three."""
WRAPPING_TOKENS = 4
"""Around each message, by the chat template."""
ROOM_FOR_THE_ANSWER = 512
SMALLEST_RATE, LARGEST_RATE = 0.2, 4.0
"""A count beyond these is of something else: a prompt that was partly cached, or a history that was edited since."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What is sent of a history, and the number of messages that are not."""

    messages: list[Said]
    dropped: int


def weight(message: Said) -> float:
    """About how many tokens a message has."""
    said = str(message.get("content") or "") + (dumps(message["tool_calls"]) if message.get("tool_calls") else "")
    return WRAPPING_TOKENS + len(said.encode()) / BYTES_PER_TOKEN + IMAGE_TOKENS * len(message.get("images") or ())


def trim(history: Sequence[Said], room: float, rate: float = 1.0, least: int = 0) -> Trimmed:
    """Leave out the oldest messages until the rest weighs no more than `room`, or only system messages are left.

    Args:
        history: the messages that may go, oldest first; those of the system stay.
        room: tokens that they may take.
        rate: tokens per unit of weight.
        least: messages that are left out in any case, as far as there are so many.
    """
    left = sum(map(weight, history)) * rate
    out: set[int] = set()
    orphaned = False
    for index, message in enumerate(history):
        if message.get("role") == "system":
            continue
        # The answer of a tool whose call is gone would answer nothing.
        orphaned = bool(out) and message.get("role") == "tool"
        if left <= room and len(out) >= least and not orphaned:
            break
        out.add(index)
        left -= weight(message) * rate
    return Trimmed([message for index, message in enumerate(history) if index not in out], len(out))


def rate_of(system: Sequence[Said], history: Sequence[Said], overhead: float = 0.0) -> float:
    """Tokens per unit of weight, by the latest count that stands beside an answer; 1 where there is none.

    Args:
        system: what was sent before the history.
        history: with `usage` and `history_dropped` beside each answer.
        overhead: the weight of what is sent beside the messages: the tools.
    """
    for index in range(len(history) - 1, -1, -1):
        counted = (history[index].get("usage") or {}).get("prompt_tokens")
        if counted:
            sent = trim(history[:index], float("inf"), least=history[index].get("history_dropped", 0)).messages
            return _bounded(counted / (overhead + sum(map(weight, [*system, *sent]))))
    return 1.0


class Fitting:
    """One turn's messages, fitted to the context: what was said before may go, the rest must stay."""

    def __init__(
        self,
        system: Sequence[Said],
        history: Sequence[Said],
        new: Sequence[Said],
        *,
        length: int | None,
        tools: Sequence[Any] | None = None,
        answer_tokens: int | None = None,
    ) -> None:
        """Fit.

        Args:
            system: what stands before the history.
            history: what may go, oldest first.
            new: what the turn says.
            length: of the context in tokens; None where it is not known: then all is sent.
            tools: what is sent beside the messages.
            answer_tokens: `num_predict`.
        """
        calls = _calls_answered(history, new)
        self._system = list(system)
        self._history = list(history[: len(history) - calls])
        self._kept = [*history[len(history) - calls :], *new]
        self._overhead = weight({"content": dumps(list(tools))}) if tools else 0.0
        self._answer_tokens = answer_tokens
        self._length = length
        self._rate = rate_of(system, history, self._overhead)
        self._trimmed = self._trim(0)

    @property
    def messages(self) -> list[Said]:
        """What to send."""
        return [*self._system, *self._trimmed.messages, *self._kept]

    @property
    def dropped(self) -> int:
        """Messages of the history that are not sent."""
        return self._trimmed.dropped

    def tighten(self, prompt_tokens: int | None, length: int | None) -> bool:
        """Leave out more, since Ollama refused what was sent; False when nothing more can go.

        Args:
            prompt_tokens: what it counted, where it told.
            length: of the context in force, where it told.
        """
        before = self.dropped
        left = sum(message.get("role") != "system" for message in self._trimmed.messages)
        if left == 0:
            return False
        if length:
            self._length = length
        if prompt_tokens:
            self._rate = prompt_tokens / self._weight(self.messages)
        # Without figures by halves: a prompt that is refused costs little, but not nothing.
        self._trimmed = self._trim(before + (1 if prompt_tokens and length else (left + 1) // 2))
        return True

    def _trim(self, least: int) -> Trimmed:
        if self._length is None:
            return trim(self._history, float("inf"), self._rate, least)
        answer = self._answer_tokens if self._answer_tokens and self._answer_tokens > 0 else ROOM_FOR_THE_ANSWER
        room = self._length - 1 - min(answer, self._length // 4)
        return trim(self._history, room - self._weight([*self._system, *self._kept]) * self._rate, self._rate, least)

    def _weight(self, messages: Sequence[Said]) -> float:
        return self._overhead + sum(map(weight, messages))


def _calls_answered(history: Sequence[Said], new: Sequence[Said]) -> int:
    """1 when the turn begins with a tool's answer to the last message: then that must stay as well."""
    answers = bool(new) and new[0].get("role") == "tool"
    return int(answers and bool(history) and bool(history[-1].get("tool_calls")))


def _bounded(rate: float) -> float:
    return min(max(rate, SMALLEST_RATE), LARGEST_RATE)

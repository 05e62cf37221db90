"""Trims a history to the model's context. Whole exchanges are dropped, the oldest first.

The engine keeps the prompt of the last turn, and evaluates only what differs from it: the next turn is fast as long as
both begin alike. So what does not fit is dropped down to a share of the context, and then the following turns drop the
same messages until they do not fit any more.

Only the model's own tokenizer counts tokens exactly. So the tokens of a message are estimated from its length, and the
estimates are scaled by Ollama's count of the last prompt. Where the prompt is still too long, Ollama refuses it with
the true figures, which `Fitting.tighten` uses. (`truncate` is always false, so Ollama never cuts a prompt.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llamaq.vocabulary.conversations import MessageObject
from llamaq.vocabulary.wire import dumps

IMAGE_TOKENS = 768
"""Ollama's own estimate for an image."""
BYTES_PER_TOKEN = 3
"""Low enough for every script: English has about four bytes a token, Chinese three."""
WRAPPING_TOKENS = 4
"""The tokens that the chat template adds to each message."""
ANSWER_TOKENS = 512
"""The tokens that are reserved for the answer where the request sets no limit."""
SHARED = 0.7
"""The share of the room for prompts that is left full when messages are dropped."""
SMALLEST_SCALE, LARGEST_SCALE = 0.2, 4.0
"""A count that gives a scale beyond these is not of this prompt: a part was cached, or the history was edited."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The messages of a history that are sent, and the number of those that are not."""

    messages: list[MessageObject]
    dropped: int


def estimate_tokens(messages: Iterable[MessageObject]) -> float:
    """Estimate the tokens of some messages."""
    return sum(map(_estimate_message, messages))


def _estimate_message(message: MessageObject) -> float:
    text = str(message.get("content") or "") + (dumps(message["tool_calls"]) if message.get("tool_calls") else "")
    return WRAPPING_TOKENS + len(text.encode()) / BYTES_PER_TOKEN + IMAGE_TOKENS * len(message.get("images") or ())


def drop_order(history: Sequence[MessageObject], new: Sequence[MessageObject] = ()) -> list[list[int]]:
    """The places in the history that may be dropped, in groups that go together, the first to go first.

    An exchange goes whole: a question with all that follows up to the next one. So what is left begins with a question.
    Where the new messages do not begin with a question, the last question of the history stays, and the calls behind it
    go one by one, each with the answers of its tools. The call that the new messages answer stays too, and so do system
    messages.
    """
    begin = next((message.get("role") for message in new if message.get("role") != "system"), "" if new else "user")
    question = len(history) if begin == "user" else _last_question(history)
    call = len(history) - 1 if begin == "tool" and history and history[-1].get("tool_calls") else -1
    groups: list[list[int]] = []
    for index, message in enumerate(history):
        role = message.get("role")
        if role == "system" or index in (question, call):
            continue
        begins_exchange = index < question and role == "user"
        begins_call = index > question and role != "tool"
        crosses_question = bool(groups) and groups[-1][0] < question < index
        if begins_exchange or begins_call or crosses_question or not groups:
            groups.append([])
        groups[-1].append(index)
    return groups


def _last_question(history: Sequence[MessageObject]) -> int:
    """Its place; -1 where there is none."""
    return max((index for index, message in enumerate(history) if message.get("role") == "user"), default=-1)


def trim(
    history: Sequence[MessageObject],
    room: float,
    scale: float = 1.0,
    least: int = 0,
    new: Sequence[MessageObject] = (),
) -> Trimmed:
    """Drop groups of messages until the rest fits into `room`, or only what has to stay is left.

    Args:
        history: the messages that may be dropped, oldest first.
        room: tokens that they may take.
        scale: tokens per estimated token.
        least: the number of messages to drop in any case, if there are so many.
        new: the messages after the history.
    """
    excess = estimate_tokens(history) * scale - room
    dropped: set[int] = set()
    for group in drop_order(history, new):
        if excess <= 0 and len(dropped) >= least:
            break
        dropped.update(group)
        excess -= estimate_tokens(history[index] for index in group) * scale
    return Trimmed([message for index, message in enumerate(history) if index not in dropped], len(dropped))


def estimate_scale(
    system: Sequence[MessageObject], history: Sequence[MessageObject], tools_tokens: float = 0.0
) -> float:
    """Estimate the tokens per estimated token, from the newest answer with Ollama's count of its prompt; else 1.0.

    Args:
        system: the messages that were sent before the history.
        history: with `usage` and `history_dropped` in each answer.
        tools_tokens: the estimated tokens of the tools.
    """
    for index in reversed(range(len(history))):
        counted: int | None = (history[index].get("usage") or {}).get("prompt_tokens")
        if counted:
            estimated = tools_tokens + estimate_tokens([*system, *_messages_sent_for(history, index)])
            return min(max(counted / estimated, SMALLEST_SCALE), LARGEST_SCALE)
    return 1.0


def _messages_sent_for(history: Sequence[MessageObject], answer: int) -> list[MessageObject]:
    """The messages that were sent for an answer: the earlier ones without those that were dropped then."""
    dropped = history[answer].get("history_dropped", 0)
    return trim(history[:answer], float("inf"), least=dropped).messages


class Fitting:
    """The messages of one turn, fitted to the context: the history may be dropped, the rest stays."""

    def __init__(
        self,
        system: Sequence[MessageObject],
        history: Sequence[MessageObject],
        new: Sequence[MessageObject],
        *,
        length: int | None,
        tools: Sequence[Any] | None = None,
        answer_tokens: int | None = None,
    ) -> None:
        """Fit.

        Args:
            system: the messages before the history.
            history: the messages that may be dropped, oldest first.
            new: the messages of the turn.
            length: tokens of the context; None where it is not known, which drops nothing.
            tools: the tools that are sent with the messages.
            answer_tokens: `num_predict`.
        """
        self._system = list(system)
        self._history = list(history)
        self._new = list(new)
        self._tools_tokens = estimate_tokens([{"content": dumps(list(tools))}]) if tools else 0.0
        self._answer_tokens = answer_tokens
        self._length = length
        self._scale = estimate_scale(system, history, self._tools_tokens)
        self._trimmed = self._repeat_last() or self._trim(0)

    @property
    def messages(self) -> list[MessageObject]:
        """The messages to send."""
        return [*self._system, *self._trimmed.messages, *self._new]

    @property
    def dropped(self) -> int:
        """The number of messages of the history that are not sent."""
        return self._trimmed.dropped

    def tighten(self, prompt_tokens: int | None, length: int | None) -> bool:
        """Drop more after Ollama refused the prompt; False when nothing more can be dropped.

        Args:
            prompt_tokens: Ollama's count of the prompt, if known.
            length: tokens of the context in force, if known.
        """
        droppable = sum(map(len, drop_order(self._history, self._new))) - self.dropped
        if droppable == 0:
            return False
        self._length = length or self._length
        if prompt_tokens:
            self._scale = prompt_tokens / (self._tools_tokens + estimate_tokens(self.messages))
        # Without these figures half of the rest is dropped, because each refused prompt costs a round trip.
        more = 1 if prompt_tokens and length else (droppable + 1) // 2
        self._trimmed = self._trim(self.dropped + more)
        return True

    def _repeat_last(self) -> Trimmed | None:
        """Keep all of the history if it fits; else leave out what the last turn did, if it suffices and is not much."""
        whole, room = Trimmed(self._history, 0), self._room_for_history(1.0)
        if self._estimate_tokens(whole) <= room:
            return whole
        last = next((said for said in reversed(self._history) if "usage" in said), {})
        same = trim(self._history, float("inf"), least=last.get("history_dropped", 0), new=self._new)
        # The count of the last prompt has changed the scale a little; a longer context is another matter.
        most = trim(self._history, self._room_for_history(SHARED * SHARED), self._scale, new=self._new)
        return same if self._estimate_tokens(same) <= room and same.dropped <= most.dropped else None

    def _trim(self, least: int) -> Trimmed:
        return trim(self._history, self._room_for_history(SHARED), self._scale, least, self._new)

    def _estimate_tokens(self, part: Trimmed) -> float:
        return estimate_tokens(part.messages) * self._scale

    def _room_for_history(self, share: float) -> float:
        """Tokens for the history in a prompt that takes this share of the room for prompts."""
        if self._length is None:
            return float("inf")
        limit = self._answer_tokens or 0  # 0, -1 and -2 set no limit
        answer = limit if limit > 0 else ANSWER_TOKENS
        others = (self._tools_tokens + estimate_tokens([*self._system, *self._new])) * self._scale
        return share * (self._length - 1 - min(answer, self._length // 4)) - others

"""The items of an answer, and their events in OpenAI's order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.openai.chat_answer import ChatForm
from llamaq.vocabulary.events import Piece
from llamaq.vocabulary.wire import JsonObject

Kind = Literal["reasoning", "message", "function_call"]
Status = Literal["in_progress", "completed", "incomplete"]
Unnumbered = tuple[str, JsonObject]
"""An event without its `sequence_number`: its type, and its other members."""
_IDS: dict[Kind, str] = {"reasoning": "rs", "message": "msg", "function_call": "fc"}


@dataclass(slots=True)
class _Item:
    """One item while it grows. `call` has the members of a function call's own."""

    kind: Kind
    id: str
    index: int
    encrypted: bool = False
    call: JsonObject = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def render(self, status: Status) -> JsonObject:
        """Render the item, as far as it has come; one that has just begun is empty."""
        head = {"id": self.id, "type": self.kind, "status": status}
        begins = status == "in_progress"
        match self.kind:
            case "reasoning":
                secret = {"encrypted_content": self.text} if self.encrypted and not begins else {}
                return {**head, "summary": [] if begins else [self.render_part(self.text)], **secret}
            case "message":
                return {**head, "role": "assistant", "content": [] if begins else [self.render_part(self.text)]}
        return {**head, **self.call, "arguments": "" if begins else self.text}

    def render_part(self, text: str) -> JsonObject:
        """Render the one part of its content."""
        if self.kind == "reasoning":
            return {"type": "summary_text", "text": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def begin(self) -> Iterator[Unnumbered]:
        yield "response.output_item.added", {"output_index": self.index, "item": self.render("in_progress")}
        match self.kind:
            case "reasoning":
                yield "response.reasoning_summary_part.added", {**self._at, "part": self.render_part("")}
            case "message":
                yield "response.content_part.added", {**self._at, "part": self.render_part("")}

    def grow(self, text: str) -> Unnumbered:
        self.texts.append(text)
        match self.kind:
            case "reasoning":
                return "response.reasoning_summary_text.delta", {**self._at, "delta": text}
            case "message":
                return "response.output_text.delta", {**self._at, "delta": text, "logprobs": []}
        return "response.function_call_arguments.delta", {**self._at, "delta": text}

    def end(self, status: Status) -> Iterator[Unnumbered]:
        text = self.text
        match self.kind:
            case "reasoning":
                yield "response.reasoning_summary_text.done", {**self._at, "text": text}
                yield "response.reasoning_summary_part.done", {**self._at, "part": self.render_part(text)}
            case "message":
                yield "response.output_text.done", {**self._at, "text": text, "logprobs": []}
                yield "response.content_part.done", {**self._at, "part": self.render_part(text)}
            case "function_call":
                whole = {"name": self.call["name"], "arguments": text}
                yield "response.function_call_arguments.done", {**self._at, **whole}
        yield self.close(status)

    def close(self, status: Status) -> Unnumbered:
        return "response.output_item.done", {"output_index": self.index, "item": self.render(status)}

    @property
    def _at(self) -> JsonObject:
        inner = {"reasoning": {"summary_index": 0}, "message": {"content_index": 0}}.get(self.kind, {})
        return {"item_id": self.id, "output_index": self.index, **inner}


class Output:
    """What an answer has so far. Each piece makes its events as it comes; one item is open at a time.

    Attributes:
        items: those of the attempt that counts, which have ended.
    """

    def __init__(self, job_id: str, form: ChatForm, *, encrypted: bool) -> None:
        self.items: list[JsonObject] = []
        self._job_id = job_id
        self._form = form
        self._encrypted = encrypted
        self._open: _Item | None = None
        self._number = 0
        self._called = 0
        self._reading = form.call_reader()

    @property
    def has_begun(self) -> bool:
        """Whether there is anything of this attempt."""
        return bool(self.items or self._open)

    def add_piece(self, delta: Piece) -> Iterator[Unnumbered]:
        """Add a piece, and make its events.

        Raises:
            JobFailed: the arguments of a `strict` function are not valid.
        """
        if delta.thinking:
            yield from self._grow("reasoning", delta.thinking)
        if delta.text and self._form.forced is None:
            yield from self._grow("message", delta.text)
        elif delta.text:
            yield from self._grow_call(self._reading.take(delta.text))
        if delta.tool_calls and self._form.forced is None:
            for call in self._form.translate_calls(self._job_id, delta.tool_calls, self._called):
                yield from self._begin("function_call", _call_fields(call))
                yield from self._grow_open(call["function"]["arguments"])
            self._called += len(delta.tool_calls)

    def end(self, *, whole: bool) -> Iterator[Unnumbered]:
        """End it, and make the events of the end. A whole answer without a text or a call has an empty text."""
        if self._form.forced is not None:
            yield from self._grow_call(self._reading.take_rest())
        elif whole and all(item["type"] == "reasoning" for item in self._render_items()):
            yield from self._grow("message", "")
        yield from self._close("completed" if whole else "incomplete")

    def void(self) -> Iterator[Unnumbered]:
        """Make the events by which all of it is void: the open item ends incomplete. Later items have new numbers."""
        if self._open is not None:
            yield self._open.close("incomplete")
        self.items, self._open, self._called, self._reading = [], None, 0, self._form.call_reader()

    def _render_items(self) -> list[JsonObject]:
        return [*self.items, self._open.render("in_progress")] if self._open else self.items

    def _grow(self, kind: Kind, text: str) -> Iterator[Unnumbered]:
        if self._open is None or self._open.kind != kind:
            name = self._reading.name if kind == "function_call" else None
            yield from self._begin(
                kind, _call_fields(self._form.build_forced_call(self._job_id, name, "")) if name else {}
            )
        yield from self._grow_open(text)

    def _grow_call(self, arguments: str) -> Iterator[Unnumbered]:
        """Make the events of further arguments of a call that the model has to make, once its function is known."""
        if self._reading.name is not None:
            yield from self._grow("function_call", arguments)

    def _begin(self, kind: Kind, call: JsonObject) -> Iterator[Unnumbered]:
        yield from self._close("completed")
        name = f"{_IDS[kind]}_{self._job_id.replace('-', '')}_{self._number}"
        self._open = _Item(kind, name, self._number, self._encrypted, call)
        self._number += 1
        yield from self._open.begin()

    def _grow_open(self, text: str) -> Iterator[Unnumbered]:
        if self._open is not None and text:
            yield self._open.grow(text)

    def _close(self, status: Status) -> Iterator[Unnumbered]:
        if self._open is not None:
            yield from self._open.end(status)
            self.items.append(self._open.render(status))
        self._open = None


def _call_fields(call: JsonObject) -> dict[str, Any]:
    return {"call_id": call["id"], "name": call["function"]["name"]}

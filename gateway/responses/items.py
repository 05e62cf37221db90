"""Translates the items of an input into the messages of a chat completion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.openai.parameters import unsupported
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.wire import JsonObject

_MESSAGES = {"system", "developer", "user", "assistant"}


@dataclass(slots=True)
class TranslatedInput:
    """The messages of an input, and where each comes from.

    Attributes:
        messages: of the chat completion.
        items: the input as items, each with its type, without the bytes of images.
    """

    messages: list[JsonObject] = field(default_factory=list)
    items: list[JsonObject] = field(default_factory=list)
    _places: list[str] = field(default_factory=list)
    _calls: dict[tuple[int, int], str] = field(default_factory=dict)
    _thinking: str = ""

    def parameter(self, index: int, rest: str) -> str:
        """The parameter behind a part of a message: `.content[0].text`, `.tool_calls[1].function.arguments`."""
        if rest.startswith(".tool_calls["):
            number, _, inner = rest.removeprefix(".tool_calls[").partition("]")
            place = self._calls.get((index, int(number)), self._places[index])
            return place + inner.removeprefix(".function")
        place = self._places[index]
        for chat, own in ((".image_url.url", ".image_url"), (".content", ".output")):
            if chat == ".content" and self.messages[index]["role"] != "tool":
                continue
            rest = rest.replace(chat, own, 1)
        return place + rest

    def add(self, item: Any, where: str) -> None:
        """Add one item.

        Raises:
            InvalidRequest: names what is wrong with it.
        """
        if not isinstance(item, Mapping):
            raise InvalidRequest.of(where, 'give an object, such as {"role": "user", "content": "..."}', "invalid_type")
        kind = item.get("type") or ("message" if "role" in item else None)
        match kind:
            case "message":
                self._add_message(item, where)
            case "function_call":
                self._add_call(item, where)
            case "function_call_output":
                content, kept = _read_content(_require(item, "output", where), f"{where}.output")
                call = _require_text(item, "call_id", where)
                self._append({"role": "tool", "content": content, "tool_call_id": call}, where)
                self.items.append({**_kept_members(item), "type": kind, "output": kept})
            case "reasoning":
                self._thinking = _join_lines(self._thinking, _read_thinking(item))
                self.items.append({**_kept_members(item), "type": kind})
            case str():
                raise unsupported(f"{where}.type", f"Ollama has no items of the type {kind[:60]!r}")
            case _:
                raise InvalidRequest.of(f"{where}.type", "it is missing", "missing_required_parameter")

    def finish(self) -> None:
        """Add what is left at the end of the input: thinking without an answer."""
        if self._thinking:
            self._append({"role": "assistant", "content": ""}, "input")

    def _add_message(self, item: Mapping[str, Any], where: str) -> None:
        role = _require_text(item, "role", where)
        if role not in _MESSAGES:
            raise InvalidRequest.of(f"{where}.role", f"give one of {', '.join(sorted(_MESSAGES))}", "invalid_value")
        content, kept = _read_content(_require(item, "content", where), f"{where}.content")
        self._append({"role": role, "content": content}, where)
        self.items.append({**_kept_members(item), "type": "message", "content": _to_parts(kept, role)})

    def _add_call(self, item: Mapping[str, Any], where: str) -> None:
        called = {"name": _require_text(item, "name", where), "arguments": _require(item, "arguments", where)}
        call = {"id": _require_text(item, "call_id", where), "type": "function", "function": called}
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self._append({"role": "assistant", "content": ""}, where)
        calls = self.messages[-1].setdefault("tool_calls", [])
        self._calls[len(self.messages) - 1, len(calls)] = where
        calls.append(call)
        self._attach_thinking(self.messages[-1])
        self.items.append({**_kept_members(item), "type": "function_call"})

    def _append(self, message: JsonObject, where: str) -> None:
        if message["role"] == "assistant":
            self._attach_thinking(message)
        self.messages.append(message)
        self._places.append(where)

    def _attach_thinking(self, message: JsonObject) -> None:
        """Give an answer the thinking ahead of it. It may have some already: one that thinks again before it calls."""
        if self._thinking:
            message["reasoning"], self._thinking = _join_lines(message.get("reasoning", ""), self._thinking), ""


def translate_input(given: Any) -> TranslatedInput:
    """Translate an input into messages: a text, or a list of items.

    Raises:
        InvalidRequest: names what is wrong with it.
    """
    found = TranslatedInput()
    match given:
        case str():
            found.add({"role": "user", "content": given}, "input")
        case [_, *_]:
            for number, item in enumerate(given):
                found.add(item, f"input[{number}]")
            found.finish()
        case None:
            raise InvalidRequest.of("input", "it is missing", "missing_required_parameter")
        case _:
            raise InvalidRequest.of("input", "give a text, or a list of items", "invalid_type")
    return found


def _read_content(given: Any, where: str) -> tuple[Any, Any]:
    """Read content: as chat completions have it, and as it is kept."""
    if isinstance(given, str):
        return given, given
    if not isinstance(given, list):
        raise InvalidRequest.of(where, "give a text, or a list of parts", "invalid_type")
    parts = [_read_part(part, f"{where}[{number}]") for number, part in enumerate(given)]
    return [part for part, _ in parts], [kept for _, kept in parts]


def _read_part(part: Any, where: str) -> tuple[JsonObject, JsonObject]:
    if not isinstance(part, Mapping):
        raise InvalidRequest.of(where, 'give an object with a `type`, such as {"type": "input_text"}', "invalid_type")
    match part.get("type"):
        case "input_text" | "output_text" | "text" as kind:
            text = _require_text(part, "text", where)
            return {"type": "text", "text": text}, {"type": kind, "text": text}
        case "refusal":
            text = _require_text(part, "refusal", where)
            return {"type": "refusal", "refusal": text}, {"type": "refusal", "refusal": text}
        case "input_image":
            if part.get("file_id") is not None:
                raise unsupported(f"{where}.file_id", "give the image itself, as a data: URL in image_url")
            url = _require(part, "image_url", where)
            detail = part.get("detail") or "auto"
            kept = {"type": "input_image", "detail": detail, "image_url": None, "file_id": None}
            return {"type": "image_url", "image_url": {"url": url}}, kept
        case str() as kind:
            what = f"Ollama takes the types input_text and input_image, not {kind[:40]!r}"
            raise unsupported(f"{where}.type", what)
    raise InvalidRequest.of(f"{where}.type", "it is missing", "missing_required_parameter")


def _to_parts(content: Any, role: str) -> Any:
    kind = "output_text" if role == "assistant" else "input_text"
    return [{"type": kind, "text": content}] if isinstance(content, str) else content


def _join_lines(*texts: str) -> str:
    return "\n".join(filter(None, texts))


def _read_thinking(item: Mapping[str, Any]) -> str:
    """Read the thinking in an item: whole, where it is there; else its summary."""
    for name in ("content", "summary"):
        parts = item.get(name)
        texts = [part.get("text") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
        if found := "\n".join(text for text in texts if isinstance(text, str)):
            return found
    whole = item.get("encrypted_content")
    return whole if isinstance(whole, str) else ""


def _kept_members(item: Mapping[str, Any]) -> JsonObject:
    """The members of an item that are kept as they are."""
    known = ("id", "role", "status", "call_id", "name", "arguments", "summary", "encrypted_content")
    return {name: item[name] for name in known if item.get(name) is not None}


def _require(item: Mapping[str, Any], name: str, where: str) -> Any:
    value = item.get(name)
    if value is None:
        raise InvalidRequest.of(f"{where}.{name}", "it is missing", "missing_required_parameter")
    return value


def _require_text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = _require(item, name, where)
    if not isinstance(value, str):
        raise InvalidRequest.of(f"{where}.{name}", "give a text", "invalid_type")
    return value
